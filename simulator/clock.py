"""Simulated time: one that runs at a multiple of the wall's speed, and one that a test advances by hand."""

import threading
from collections.abc import Callable
from typing import Protocol


class ClockStoppedError(SystemExit):
    """The pool is closing: ends the thread that slept."""


class Timer(Protocol):
    """What `after` returns."""

    def cancel(self) -> None:
        """Forget the call, if it has not begun."""


class Clock:
    """Simulated time, `speed` times as fast as the wall's."""

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        self.speed = speed
        self.start = start

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        raise NotImplementedError

    def sleep(self, seconds: float) -> None:
        """Sleep simulated seconds; raise ClockStoppedError when the pool closes."""
        raise NotImplementedError

    def after(self, seconds: float, function: Callable[[], None]) -> Timer:
        """Call the function, which must not block, once after simulated seconds."""
        raise NotImplementedError

    def wait_for(self, condition: threading.Condition, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait, with the condition's lock held, until the predicate is true or simulated seconds are over."""
        raise NotImplementedError

    def stop(self) -> None:
        """Wake every sleeper with ClockStoppedError and end the clock's thread."""
        raise NotImplementedError


class ManualClock(Clock):
    """A clock that stands still until it is advanced."""

    def advance(self, seconds: float) -> None:
        """Go forward, running everything that falls due on the way in order, and let sleepers run."""
        raise NotImplementedError
