"""The points at which a run can die: before and after each changing call that it sends."""

from __future__ import annotations

import threading
from collections.abc import Collection
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Final, Literal

from simulator import Fault
from simulator.faults import Faults
from tests.crash.case import LIMIT, case
from tests.flows.kit import READS

Phase = Literal["before", "after"]
Sent = tuple[str, tuple[str, ...]]
"""The name of a call, and those of its arguments that are text."""

UNHEARD: Final = {"XENPATCH_HEARTBEAT_SECONDS": "30"}
"""For runs whose points are counted: no heartbeat comes between them."""

_NOT_SENT: Final = frozenset({"boot", "patch", "pool_patch.apply", "PBD.plug"})
"""What meets faults and is no call of a client's: the pool does it by itself."""


class Points(Faults):
    """Counts the changing calls that a client sends, and kills it at one of them."""

    def __init__(self, number: int = 0, phase: Phase = "before") -> None:
        super().__init__()
        self.number, self.phase = number, phase
        self.process: BaseProcess | None = None
        self.sent: list[Sent] = []
        self._counting = threading.Lock()

    def match(self, call: str, names: Collection[str] = (), texts: Collection[str] = ()) -> Fault | None:
        """As a fault: the connection is cut, since nobody is there any more."""
        if _is_read(call) or call in _NOT_SENT:
            return super().match(call, names, texts)
        with self._counting:
            self.sent.append((call, tuple(texts)))
            here = len(self.sent) == self.number
        if not here or self.process is None:
            return super().match(call, names, texts)
        self.process.kill()
        wait([self.process.sentinel])
        return Fault(drop=self.phase)


def calls_of_a_run() -> list[Sent]:
    """The changing calls of a run that nothing disturbs, in their order."""
    points = Points()
    with case(points) as made:
        process = made.bring_to_the_end("only", UNHEARD)
        process.join(LIMIT)
        if process.exitcode or (wrong := list(made.wrong())):
            raise RuntimeError(
                f"an undisturbed run failed: {made.last_said('only') if process.exitcode else wrong}"
            )
    return points.sent


def _is_read(call: str) -> bool:
    message = call.rpartition(".")[2]
    return call.startswith(("session.", "task.", "GET ", "system.")) or message.startswith(READS)
