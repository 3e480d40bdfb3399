"""Waiting for something with a limit, saying what is awaited."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from xenpatch.errors import Interrupted, WaitTimeout
from xenpatch.progress import Waited, Waiting, publish

T = TypeVar("T")

cut_short: ContextVar[threading.Event | None] = ContextVar("cut_short", default=None)
"""Once set, nothing that runs in this context waits any more: the person who started it has stopped it."""


@dataclass(frozen=True)
class NotYet:
    """What was seen instead of the thing awaited."""

    seen: str


@dataclass(frozen=True)
class Pace:
    """How often to look: at first soon, then ever more slowly (seconds).

    A wait ends half a pause late on average, at every move and reboot. XenCenter asks for each task ten times
    a second, so that a pool bears one look in two seconds well.
    """

    first: float = 0.1
    growth: float = 1.5
    longest: float = 2.0

    @classmethod
    def from_environment(cls) -> Pace:
        """The standard pace; XENPATCH_POLL_SECONDS sets its longest pause, for pools with a faster clock."""
        longest = float(os.environ.get("XENPATCH_POLL_SECONDS", cls.longest))
        return cls(first=min(cls.first, longest), longest=longest)

    def after(self, pause: float) -> float:
        """The pause that follows this one."""
        return min(pause * self.growth, self.longest)


def grace() -> float:
    """Seconds that something may take to show after it was set going, before it counts as not done.

    XENPATCH_GRACE_SECONDS shortens it for pools with a faster clock; on a real one it must not be short,
    since a change may be sent again after it.
    """
    return float(os.environ.get("XENPATCH_GRACE_SECONDS", "20"))


def pool_speed() -> float:
    """How much faster than ours the pool's clock runs: XENPATCH_POOL_SPEED for a simulated one, else 1."""
    return float(os.environ.get("XENPATCH_POOL_SPEED", "1"))


def by_our_clock(seconds: float) -> float:
    """How long a limit that the pool is given lasts here, in seconds.

    The machine that simulates a pool runs no faster than others, so that it still gets five seconds.
    """
    return max(seconds / pool_speed(), min(seconds, 5.0))


def wait_for(
    what: str, look: Callable[[], T | NotYet], limit: float, *, tell: bool = True, of_the_pool: bool = True
) -> T:
    """Look again and again until `look` gives more than a NotYet, and return that.

    ``limit`` is in seconds, of the pool's clock unless it is not ``of_the_pool``; after it WaitTimeout says
    what was awaited and what was seen last. Errors that `look` raises are not caught. ``tell`` is False for
    what shows its progress otherwise. Raises Interrupted when it is `cut_short`.
    """
    pace = Pace.from_environment()
    allowed = by_our_clock(limit) if of_the_pool else limit
    began = time.monotonic()
    pause = pace.first
    try:
        while isinstance(found := look(), NotYet):
            waited = time.monotonic() - began
            if waited >= allowed:
                raise WaitTimeout(what, limit, found.seen)
            if tell:
                publish(Waiting(what=what, seen=found.seen, waited=waited, limit=limit))
            _rest(min(pause, allowed - waited), what)
            pause = pace.after(pause)
        return found
    finally:
        if tell:
            publish(Waited(what))


def _rest(seconds: float, what: str) -> None:
    stopped = cut_short.get()
    if stopped is None:
        time.sleep(seconds)
    elif stopped.wait(seconds):
        raise Interrupted(f"the run was stopped while it waited for {what}")
