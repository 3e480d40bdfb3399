"""Simulated time: one that runs at a multiple of the wall's speed, and one that a test advances by hand."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_log = logging.getLogger("simulator")


class ClockStopped(SystemExit):
    """The pool is closing: ends the thread that slept."""


@dataclass(order=True)
class Timer:
    """A call that falls due."""

    due: float
    number: int
    function: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Forget the call, if it has not begun."""
        self.function = None


class Clock:
    """Simulated time, `speed` times as fast as the wall's, from `start` (epoch seconds) or from now on."""

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        self.speed = speed
        self.start = time.time() if start is None else start
        self._real_start = time.monotonic()
        self._changed = threading.Condition()
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._waits: dict[int, tuple[threading.Condition, Callable[[], bool]]] = {}
        self._thread: threading.Thread | None = None
        self._stopped = False

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        return self.start + (time.monotonic() - self._real_start) * self.speed

    def sleep(self, seconds: float) -> None:
        """Sleep simulated seconds; raise ClockStopped when the pool closes."""
        alone = threading.Condition()
        with alone:
            self.wait_for(alone, lambda: False, seconds)

    def after(self, seconds: float, function: Callable[[], None]) -> Timer:
        """Call the function, which must not block, once after simulated seconds."""
        with self._changed:
            timer = Timer(self.now() + seconds, next(self._numbers), function)
            heapq.heappush(self._timers, timer)
            self._timer_added()
        return timer

    def wait_for(self, condition: threading.Condition, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait, with the condition's lock held, until the predicate is true or simulated seconds are over.

        Return whether the predicate became true; raise ClockStopped when the pool closes.
        """
        timer = self.after(seconds, self._waker(condition))
        with self._changed:
            self._waits[timer.number] = condition, predicate
        try:
            while not predicate():
                if self._stopped:
                    raise ClockStopped
                if self.now() >= timer.due:
                    return False
                condition.wait()
            return True
        finally:
            timer.cancel()
            with self._changed:
                del self._waits[timer.number]

    @contextmanager
    def working(self) -> Iterator[None]:
        """Mark work that a clock advanced by hand must let come to rest before it goes on."""
        yield

    def stop(self) -> None:
        """Wake every sleeper with ClockStopped and end the clock's thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            waits = list(self._waits.values())
        for condition, _ in waits:
            with condition:
                condition.notify_all()
        if self._thread:
            self._thread.join()

    def _waker(self, condition: threading.Condition) -> Callable[[], None]:
        def wake() -> None:
            with condition:
                condition.notify_all()

        return wake

    def _timer_added(self) -> None:
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while function := self._next_due():
            try:
                function()
            except Exception:  # noqa: BLE001  # one that fails must not stop time for all
                _log.exception("a timer failed")

    def _next_due(self) -> Callable[[], None] | None:
        """Wait for the next call that falls due; None when stopped."""
        with self._changed:
            while not self._stopped:
                timer = self._pop_due(self.now())
                if timer is None:
                    self._changed.wait(self._real_seconds_to_next())
                elif function := timer.function:
                    return function
            return None

    def _pop_due(self, now: float) -> Timer | None:
        return heapq.heappop(self._timers) if self._timers and self._timers[0].due <= now else None

    def _real_seconds_to_next(self) -> float | None:
        return max(0.0, self._timers[0].due - self.now()) / self.speed if self._timers else None


class ManualClock(Clock):
    """A clock that stands still until it is advanced; the same start gives the same times."""

    def __init__(self, start: float = 1_330_000_000.0) -> None:
        super().__init__(start=start)
        self._now = start
        self._at_work: set[int] = set()
        self._rested = threading.Condition()

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Go forward, running everything that falls due on the way in order.

        After each step, sleepers that woke run until they sleep again or their call is answered (at most
        5 real seconds, then RuntimeError).
        """
        target = self._now + seconds
        self._settle()
        while timer := self._pop(target):
            self._now = max(self._now, timer.due)
            if function := timer.function:
                function()
                self._settle()
        self._now = target

    def wait_for(self, condition: threading.Condition, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait as on any clock; the thread rests meanwhile."""
        me = threading.get_ident()
        was_at_work = me in self._at_work
        self._rest(me)
        try:
            return super().wait_for(condition, predicate, seconds)
        finally:
            (self._work if was_at_work else self._rest)(me)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count this thread as at work until the block ends, but for its sleeps on this clock."""
        me = threading.get_ident()
        self._work(me)
        try:
            yield
        finally:
            self._rest(me)

    def _waker(self, condition: threading.Condition) -> Callable[[], None]:
        wake, sleeper = super()._waker(condition), threading.get_ident()

        def wake_to_work() -> None:
            self._work(sleeper)
            wake()

        return wake_to_work

    def _timer_added(self) -> None:
        """No thread waits for timers: advance runs them."""

    def _pop(self, target: float) -> Timer | None:
        with self._changed:
            return self._pop_due(target)

    def _work(self, thread: int) -> None:
        with self._rested:
            self._at_work.add(thread)

    def _rest(self, thread: int) -> None:
        with self._rested:
            self._at_work.discard(thread)
            self._rested.notify_all()

    def _settle(self) -> None:
        """Wait until all work has come to rest, and nobody is about to wake because of it."""
        patience = time.monotonic() + 5
        while self._somebody_works() or self._somebody_wakes():
            if time.monotonic() > patience:
                raise RuntimeError("the clock was advanced while a call was still at work")
            with self._rested:
                self._rested.wait(0.001)

    def _somebody_works(self) -> bool:
        with self._rested:
            return bool(self._at_work)

    def _somebody_wakes(self) -> bool:
        with self._changed:
            waits = list(self._waits.values())
        return any(_holds(condition, predicate) for condition, predicate in waits)


def _holds(condition: threading.Condition, predicate: Callable[[], bool]) -> bool:
    with condition:
        return predicate()
