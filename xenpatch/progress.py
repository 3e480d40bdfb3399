"""What happens in a run, told to whoever listens: library code publishes events, displays subscribe.

The registry belongs to the process, not to a thread or context: moves run in threads of their own and
tasks in threads of the engine, and all of them tell the same listeners.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from xenpatch.plan.forecast import Forecast
from xenpatch.plan.model import Move, Plan
from xenpatch.xapi.types import HostUuid, PoolUuid

log = logging.getLogger(__name__)


class Step(StrEnum):
    """The steps of a run: those up to the apply are the pool's, the rest each host's."""

    CHECKSUM = "verify checksum"
    UPLOAD = "upload"
    PRECHECK = "precheck"
    RECORD = "run record"
    BACKUP = "database backup"
    APPLY = "apply to the pool"
    MIGRATE = "migrate"
    MAINTENANCE = "maintenance mode"
    REBOOT = "reboot"
    VERIFY = "verify"
    HOME = "bring VMs home"
    REPORT = "report"


class Condition(StrEnum):
    """What a host is at the moment, as the pool shows it."""

    IN_SERVICE = "in service"
    DISABLED = "disabled"
    DOWN = "down"
    PATCHED = "patched"
    FAILED = "failed"


@dataclass(frozen=True)
class PoolSeen:
    """The pool of the run is known, and what it is to have. Told once, before its hosts."""

    pool: PoolUuid
    name: str
    master: HostUuid
    hotfix: str


@dataclass(frozen=True)
class Planned:
    """There is a plan, the first one or a new one for what is left."""

    plan: Plan
    forecast: Forecast | None = None


@dataclass(frozen=True)
class HostState:
    """A host is seen in a state. Told for every host of the pool at the start, in the order of the run."""

    host: HostUuid
    name: str
    state: Condition


@dataclass(frozen=True)
class Started:
    """A step has begun, of one host or (None) of the pool; ``what`` says it to a person."""

    step: Step
    host: HostUuid | None
    what: str


@dataclass(frozen=True)
class Advanced:
    """A step got further: ``fraction`` of 0 to 1, and where it moves bytes, how many of how many."""

    step: Step
    host: HostUuid | None
    fraction: float
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True)
class Done:
    """A step has ended well; ``evidence`` says what proves it."""

    step: Step
    host: HostUuid | None
    evidence: str = ""


@dataclass(frozen=True)
class Failed:
    """A step has ended badly."""

    step: Step
    host: HostUuid | None
    reason: str


@dataclass(frozen=True)
class Waiting:
    """Still waiting, for ``waited`` of at most ``limit`` seconds; ``seen`` is what was there instead."""

    what: str
    seen: str
    waited: float
    limit: float


@dataclass(frozen=True)
class Waited:
    """A wait is over, whatever its end."""

    what: str


@dataclass(frozen=True)
class MoveStarted:
    """A live migration has begun."""

    move: Move


@dataclass(frozen=True)
class MoveAdvanced:
    """A live migration got further: ``fraction`` of 0 to 1."""

    move: Move
    fraction: float


@dataclass(frozen=True)
class MoveDone:
    """A live migration has ended; ``error`` says why the VM is still where it was, None that it has moved."""

    move: Move
    error: str | None = None


Event = (
    PoolSeen
    | Planned
    | HostState
    | Started
    | Advanced
    | Done
    | Failed
    | Waiting
    | Waited
    | MoveStarted
    | MoveAdvanced
    | MoveDone
)
Listener = Callable[[Event], None]

_lock = threading.Lock()
_listeners: list[Listener] = []


def publish(event: Event) -> None:
    """Tell every listener, in this thread; a listener that fails is logged and does not stop the caller."""
    with _lock:
        listeners = tuple(_listeners)
    for listener in listeners:
        try:
            listener(event)
        except Exception:
            log.exception("a listener failed on %s; the run goes on", type(event).__name__)


@contextmanager
def subscribe(listener: Listener) -> Iterator[None]:
    """Have the listener told of every event while the block runs; it may be called from several threads."""
    with _lock:
        _listeners.append(listener)
    try:
        yield
    finally:
        with _lock:
            _listeners.remove(listener)
