"""How long it still takes, as a run goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_TRUSTED_AT: Final = 0.05  # from this share of the work on, only the measured pace counts


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
