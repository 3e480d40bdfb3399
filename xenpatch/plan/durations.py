"""How long a run takes, roughly: a prior in seconds for each kind of work, and the time left as it goes.

The prior of a move is a fixed cost and a rate; both are guesses until a pool's own runs are known.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from xenpatch.plan.model import HostPlan, Move, Plan
from xenpatch.units import GIB

REBOOT: Final = 600.0
VERIFY: Final = 120.0

_MOVE_FIXED: Final = 15.0
_GIB_PER_SECOND: Final = 0.35
_TRUSTED_AT: Final = 0.05  # from this share of the work on, only the measured pace counts


def estimate_move(memory: int) -> float:
    """Seconds of one live migration of that many bytes."""
    return _MOVE_FIXED + memory / GIB / _GIB_PER_SECOND


def estimate_phase(moves: Sequence[Move], at_once: int) -> float:
    """Seconds of moves made in their order, `at_once` at a time: each takes the first slot that is free."""
    slots = [0.0] * max(at_once, 1)
    for move in moves:
        heapq.heapreplace(slots, slots[0] + estimate_move(move.memory))
    return max(slots)


def estimate_host(turn: HostPlan, at_once: int) -> float:
    """Seconds of the turn of one host."""
    out_of_service = REBOOT + VERIFY if turn.reboots else 0.0
    return estimate_phase(turn.out, at_once) + out_of_service + estimate_phase(turn.back, at_once)


def estimate_plan(plan: Plan, at_once: int) -> float:
    """Seconds of the whole plan, one host after another."""
    return sum(estimate_host(turn, at_once) for turn in plan.hosts)


@dataclass
class TimeLeft:
    """Wall-clock seconds that remain, by the prior at first and soon by the pace that was measured.

    The pace is wall seconds per prior second: 1 if the prior is right, a sixtieth of it against a simulator
    whose clock runs 60 times faster. Between two reports the time left counts down.
    """

    pace: float = 1.0
    _left: float = 0.0
    _told_at: float = 0.0
    _done: float = -1.0
    _total: float = -1.0

    def tell(self, total: float, done: float, elapsed: float) -> None:
        """Report prior seconds of all work and of the work done, and wall seconds since it began."""
        if (total, done) == (self._total, self._done):
            return
        if done > 0 and elapsed > 0:
            trust = min(done / total / _TRUSTED_AT, 1.0)
            self.pace = (elapsed / done) ** trust
        self._total, self._done, self._told_at = total, done, elapsed
        self._left = (total - done) * self.pace

    def remaining(self, elapsed: float) -> float:
        """Wall seconds left when `elapsed` have passed since the work began; never below 0."""
        return max(self._left - (elapsed - self._told_at), 0.0)
