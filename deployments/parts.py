"""Processes that belong together: each has a log, the end of one is noticed, and none outlives the whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from xenpatch.errors import WaitTimeout, XenpatchError
from xenpatch.waiting import NotYet, wait_for

ROOT: Final = Path(__file__).parents[1]

_MARK: Final = "XENPATCH_SERVER"
_TAIL: Final = 15  # lines of a log that are shown
_TO_WIND_UP: Final = 20.0
"""Seconds that a run gets to end the host in hand, or to put it back into service."""

_TO_CLOSE: Final = 10.0


class PartEnded(XenpatchError):
    """A process that the others depend on has ended by itself."""


@dataclass(frozen=True)
class Part:
    """A process that was started, and the file that holds what it says."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    def check(self) -> None:
        """Raise PartEnded, with the end of its log, if it runs no more."""
        if (code := self.process.poll()) is not None:
            said = "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL:])
            raise PartEnded(
                f"The {self.name} has ended with exit code {code}. The end of {self.log}:\n{said}"
            )

    def said(self) -> str:
        """The line by which it says that it is ready; raise PartEnded if it ends without one."""
        line = self.process.stdout.readline() if self.process.stdout else ""
        if not line:
            self.process.wait()
            self.check()
        return line


class Parts:
    """What was started; a context manager that ends all of it, and whatever that has started.

    Processes are found again by a mark in their environment (Linux): a worker gives each flow run a session
    of its own, so that neither its group nor, once the worker has died, its parent would tell.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._parts: list[Part] = []
        logs.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started last first, as it may need the others for that."""
        limit = _TO_WIND_UP
        for part in reversed(self._parts):
            self._end({other.process.pid for other in self._parts if other is not part}, limit)
            self._parts.remove(part)
            limit = _TO_CLOSE
        self._end((), limit)

    def start(self, name: str, *command: str, ready: bool = False) -> Part:
        """Start a Python module as a part of that name, in a session of its own: Ctrl-C is for us to hear.

        With ``ready`` its first line is kept for `said`, and not logged.
        """
        part = self._begin(name, command, subprocess.PIPE if ready else None)
        self._parts.append(part)
        return part

    def run(self, name: str, *command: str) -> None:
        """Run a Python module to its end; raise PartEnded unless that is a good one."""
        part = self._begin(name, command)
        if part.process.wait() != 0:
            part.check()

    def _begin(self, name: str, command: Sequence[str], stdout: int | None = None) -> Part:
        log = self._logs / f"{name.replace(' ', '-')}.log"
        with log.open("w") as file:
            process = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=os.environ | {_MARK: str(self._logs)},
                stdin=subprocess.DEVNULL,
                stdout=stdout or file,
                stderr=file,
                text=True,
                start_new_session=True,
            )
        return Part(name, process, log)

    def check(self) -> None:
        """Raise PartEnded if one of them runs no more."""
        for part in self._parts:
            part.check()

    def _end(self, needed: Collection[int], limit: float) -> None:
        """End every process but the needed ones: told to, then, after the limit (seconds), killed."""
        for told in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._living(needed):
                _signal(pid, told)
            try:
                wait_for("processes to end", lambda: self._gone(needed), limit, tell=False, of_the_pool=False)
            except WaitTimeout:
                continue
            return

    def _gone(self, needed: Collection[int]) -> bool | NotYet:
        for part in self._parts:
            part.process.poll()
        left = list(self._living(needed))
        return NotYet(f"{len(left)} processes") if left else True

    def _living(self, needed: Collection[int]) -> Iterator[int]:
        mark = f"{_MARK}={self._logs}".encode()
        for pid in (int(folder.name) for folder in Path("/proc").glob("[0-9]*")):
            if pid not in needed and mark in _environment(pid):
                yield pid


def _environment(pid: int) -> list[bytes]:
    """Of a process that is gone, a zombie or another user's: none."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
