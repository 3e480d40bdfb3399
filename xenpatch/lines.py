"""A run told in plain lines, for logs and for terminals that cannot redraw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from xenpatch import progress
from xenpatch.board import Board
from xenpatch.plan import words
from xenpatch.progress import Event
from xenpatch.units import size, span

_FIRST_WAIT: Final = 5.0  # seconds after which a wait is worth a line
_NEXT_WAIT: Final = 60.0
_PORTION: Final = 4  # a line each quarter


class Lines:
    """A listener that prints one line for an event, after the time of day unless what prints has its own.

    Progress by fractions is told each quarter, and waiting from 5 s on and then each minute.
    """

    def __init__(
        self, out: Callable[[str], None], *, clock: Callable[[], float] = time.time, timed: bool = True
    ) -> None:
        self._out = out
        self._timed = timed
        self._clock = clock
        self._board = Board()
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Take in an event; safe in threads."""
        with self._lock:
            now = self._clock()
            self._board.see(event, now)
            text = self._line(event, now)
            if text:
                stamp = time.strftime("%H:%M:%S ", time.localtime(now)) if self._timed else ""
                self._out(f"{stamp}{text}")

    def _line(self, event: Event, now: float) -> str:
        match event:
            case progress.PoolSeen(_, name, _, hotfix):
                return f"{hotfix} for {name}"
            case progress.Planned(plan):
                return f"plan: {words.headline(plan)}{_ends(event)}"
            case progress.HostState(_, name, state):
                return f"{name} is {state}"
            case progress.Waiting() | progress.Waited():
                return self._wait(event)
            case progress.MoveStarted() | progress.MoveAdvanced() | progress.MoveDone():
                return self._move(event)
            case progress.Started() | progress.Advanced() | progress.Done() | progress.Failed():
                return self._step(event, now)

    def _step(
        self, event: progress.Started | progress.Advanced | progress.Done | progress.Failed, now: float
    ) -> str:
        name = self._board.name(event.host)
        subject = f"{name}: {event.step}" if name else str(event.step)
        match event:
            case progress.Started():
                self._told.pop(subject, None)
                return f"{subject}: {event.what}"
            case progress.Advanced():
                amount = f" ({size(event.done or 0)} of {size(event.total)})" if event.total else ""
                return self._portion(subject, event.fraction, amount)
            case progress.Done():
                evidence = f" ({event.evidence})" if event.evidence else ""
                return f"{subject}: done{evidence}{self._overall(now) if name else ''}"
            case progress.Failed():
                return f"{subject}: failed: {event.reason}"

    def _move(self, event: progress.MoveStarted | progress.MoveAdvanced | progress.MoveDone) -> str:
        move = event.move
        subject = f"{move.vm_name}: {move.src_name} -> {move.dst_name}"
        match event:
            case progress.MoveStarted():
                self._told.pop(subject, None)
                return f"{subject} ({size(move.memory)})"
            case progress.MoveAdvanced():
                return self._portion(subject, event.fraction, "")
            case progress.MoveDone(error=None):
                return f"{move.vm_name} is on {move.dst_name}"
            case progress.MoveDone():
                return f"{move.vm_name} is still on {move.src_name}: {event.error}"

    def _portion(self, subject: str, fraction: float, amount: str) -> str:
        portion = int(fraction * _PORTION)
        if portion <= self._told.get(subject, 0) or portion >= _PORTION:
            return ""
        self._told[subject] = portion
        return f"{subject} {fraction:.0%}{amount}"

    def _wait(self, event: progress.Waiting | progress.Waited) -> str:
        if isinstance(event, progress.Waited):
            self._told.pop(event.what, None)
            return ""
        if event.waited < self._told.get(event.what, _FIRST_WAIT):
            return ""
        self._told[event.what] = event.waited + _NEXT_WAIT
        seen = f"; seen: {event.seen}" if event.seen else ""
        return f"waiting for {event.what} since {span(event.waited)}, at most {span(event.limit)}{seen}"

    def _overall(self, now: float) -> str:
        left, latest = self._board.time_left(now), self._board.latest_left(now)
        if left is None:
            return ""
        at_most = "" if latest is None else f" (P90: {span(latest)})"
        return f"; {self._board.work.share:.0%} of the run, about {span(left)} left{at_most}"


def _ends(planned: progress.Planned) -> str:
    if planned.forecast is None:
        return ""
    total = planned.forecast.total
    return f", done after {span(total.p50)} (P50) or {span(total.p90)} (P90) of the pool's time"
