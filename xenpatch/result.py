"""What became of a run, as one JSON document: for whoever has started it by the API.

| field              | holds                                                                              |
|--------------------|------------------------------------------------------------------------------------|
| `format`           | 1; a change that could break a reader raises it                                    |
| `outcome`          | how it ended: see `Outcome`                                                        |
| `message`          | the same for a person: what was done; or what happened, and what to do next        |
| `started`, `ended` | ISO 8601 in UTC, by the clock of the machine that the run was on                   |
| `hosts`            | every host of the pool, once the run has looked at it; see below                   |
| `vms`              | each VM that was moved: `vm`, `name`, and its `moves` in their order               |

A host has `host`, `name`, `state` (as in `Condition`), `rebooted` (by this run), `took_s` (its turn; null
where none came to its end), `proved` and `unchecked` (what its verification says), and `stopped`, the names
of VMs that were stopped while it rebooted and are back. A move has `from`, `from_name`, `to`, `to_name`, and
`error`, null if it came about. Hosts and VMs are given by uuid and by name. What is not listed was not
touched.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from xenpatch.errors import InputError, Refused, Stopped
from xenpatch.progress import Condition, Event, HostState, MoveDone
from xenpatch.report import HostReport
from xenpatch.xapi.types import HostUuid, VmUuid

FORMAT: Final = 1


class Outcome(StrEnum):
    """How a run ended; only `failed` and `cancelled` may leave a host out of service."""

    DONE = "done"
    BAD_INPUT = "bad input"
    REFUSED = "refused"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELLED = "cancelled"


_OF_ERRORS: tuple[tuple[type[BaseException], Outcome], ...] = (
    (InputError, Outcome.BAD_INPUT),
    (Refused, Outcome.REFUSED),
    (Stopped, Outcome.STOPPED),
    (Exception, Outcome.FAILED),
    (BaseException, Outcome.CANCELLED),
)


class Result:
    """A listener that remembers what a run's events say of hosts and VMs; safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = datetime.now(UTC)
        self._hosts: dict[HostUuid, tuple[str, Condition]] = {}
        self._moves: dict[VmUuid, list[MoveDone]] = {}
        self._reports: dict[HostUuid, HostReport] = {}
        self._outcome, self._message = Outcome.DONE, ""

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        with self._lock:
            match event:
                case HostState(host, name, state):
                    self._hosts[host] = (name, state)
                case MoveDone():
                    self._moves.setdefault(event.move.vm, []).append(event)

    def done(self, sentences: Sequence[str], reports: Sequence[HostReport] = ()) -> None:
        """The run came to its end."""
        self._outcome, self._message = Outcome.DONE, " ".join(sentences)
        self._reports = {report.host: report for report in reports}

    def ended(self, error: BaseException) -> None:
        """An error ended the run."""
        self._outcome = next(outcome for kind, outcome in _OF_ERRORS if isinstance(error, kind))
        self._message = str(error) or type(error).__name__

    def document(self) -> dict[str, Any]:
        """The whole, of what JSON can hold."""
        with self._lock:
            return {
                "format": FORMAT,
                "outcome": self._outcome.value,
                "message": self._message,
                "started": self._started.isoformat(timespec="seconds"),
                "ended": datetime.now(UTC).isoformat(timespec="seconds"),
                "hosts": [
                    {"host": host, "name": name, "state": state.value, **_turn(self._reports.get(host))}
                    for host, (name, state) in self._hosts.items()
                ],
                "vms": [
                    {"vm": vm, "name": moves[-1].move.vm_name, "moves": [_move(each) for each in moves]}
                    for vm, moves in self._moves.items()
                ],
            }


def _turn(report: HostReport | None) -> dict[str, Any]:
    """What a host's turn came to."""
    if report is None:
        return {"rebooted": False, "took_s": None, "proved": [], "unchecked": [], "stopped": []}
    return {
        "rebooted": report.rebooted is not None and report.rebooted.down_at is not None,
        "took_s": round(report.seconds, 1),
        "proved": list(report.proved),
        "unchecked": list(report.unchecked),
        "stopped": list(report.stopped),
    }


def _move(done: MoveDone) -> dict[str, Any]:
    move = done.move
    return {
        "from": move.src,
        "from_name": move.src_name,
        "to": move.dst,
        "to_name": move.dst_name,
        "error": done.error,
    }
