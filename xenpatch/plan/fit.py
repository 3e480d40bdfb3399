"""What can be learnt from measured durations: a line of time by memory, and how far they spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from xenpatch.units import GIB

PRIOR_WEIGHT: Final = 8
"""The guesses count as much as so many measurements."""

_SAME_SIZE: Final = 1.25  # a pair of sizes closer than this factor tells nothing of the rate
_PAIRS: Final = 4  # a line needs at least so many pairs
_ALWAYS_SHARED: Final = 0.05


@dataclass(frozen=True)
class Line:
    """Seconds of a move by its memory: a fixed part, and a rate in GiB per second."""

    fixed: float = 15.0
    rate: float = 0.35

    def seconds(self, memory: int) -> float:
        """Of a VM with that many bytes."""
        return self.fixed + memory / GIB / self.rate

    def times(self, factor: float) -> Line:
        """The line on which everything takes that much longer."""
        return Line(self.fixed * factor, self.rate / factor)

    @classmethod
    def fit(cls, points: Iterable[tuple[int, float]]) -> Line:
        """Theil's line through (bytes, seconds), which outliers hardly bend; the guess if there are too few.

        Of the points in the order of their size, each of the lower half is paired with one of the upper.
        """
        ordered = sorted(points)
        pairs = zip(ordered, ordered[len(ordered) // 2 :], strict=False)
        slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if b[0] > _SAME_SIZE * a[0]]
        if len(slopes) < _PAIRS or (slope := median(slopes)) <= 0:
            return cls()
        fixed = median(seconds - slope * memory for memory, seconds in ordered)
        return cls(max(fixed, 1.0), 1 / (slope * GIB))


@dataclass(frozen=True)
class Spread:
    """Standard deviations of the logarithm of durations.

    ``new`` is that of a VM or host never measured, ``known`` that of one measured often. ``shared`` is the
    part which all have in common in one run: if the rate is wrong, it is wrong for the whole pool.
    """

    new: float
    known: float
    shared: float

    def of(self, seen: int) -> float:
        """Of a VM or host measured so many times."""
        return math.sqrt(self.known**2 + (self.new**2 - self.known**2) / (seen + 1))

    def own(self, seen: int) -> float:
        """The part of it that is not shared."""
        return math.sqrt(max(self.of(seen) ** 2 - self.shared**2, 0.0))

    def learn(self, residuals: Sequence[float]) -> Spread:
        """The spread after these differences between the logarithms of measured and expected."""
        count = len(residuals)
        squares = PRIOR_WEIGHT * self.new**2 + sum(residual**2 for residual in residuals)
        new = math.sqrt(squares / (PRIOR_WEIGHT + count))
        return Spread(
            new, min(self.known, new), math.hypot(_ALWAYS_SHARED, self.shared / math.sqrt(count + 1))
        )
