"""Telling what a task does, to whoever listens: the live displays, and Prefect's log."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from xenpatch.progress import Advanced, Done, Failed, Started, Step, publish
from xenpatch.xapi.types import HostUuid


@dataclass
class Telling:
    """A step under way."""

    step: Step
    host: HostUuid | None
    evidence: str = ""

    def done(self, evidence: str) -> None:
        """Say what proves the step."""
        self.evidence = evidence

    def advanced(self, fraction: float) -> None:
        """Say how far it is, 0 to 1."""
        publish(Advanced(self.step, self.host, fraction))

    def bytes_done(self, done: int, total: int) -> None:
        """Say how many bytes of how many have gone."""
        publish(Advanced(self.step, self.host, done / max(total, 1), done, total))


@contextmanager
def telling(step: Step, what: str, host: HostUuid | None = None) -> Iterator[Telling]:
    """Tell the beginning and the end of a step, with what proves it."""
    told = Telling(step, host)
    publish(Started(step, host, what))
    try:
        yield told
    except BaseException as failed:
        publish(Failed(step, host, str(failed)))
        raise
    publish(Done(step, host, told.evidence))
