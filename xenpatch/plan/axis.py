"""The time axis of a picture: true to scale while hosts reboot, stretched where VMs move.

A migration takes seconds beside reboots of many minutes, so that on a plain scale none could be seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Final

_LEAST: Final = 480.0
"""Pixels that a run takes at least."""


class Axis:
    """Where moments (seconds from the start) are, in pixels from `left`."""

    def __init__(self, moments: Iterable[float], marks: Iterable[float], *, left: float, gap: float) -> None:
        """Make room for the `marks`, which begin at moments of their own, `gap` pixels for each."""
        room = Counter(marks)
        self.moments = sorted({0.0, *moments, *room})
        self.total = self.moments[-1]
        scale = self._scale(sum(room.values()) * gap)
        self._at = [left]
        for begin, end in zip(self.moments, self.moments[1:], strict=False):
            wanted = (room[begin] + 0.5) * gap if room[begin] else 0.0
            self._at.append(self._at[-1] + max((end - begin) * scale, wanted))
        self.right = self._at[-1]

    def __call__(self, moment: float) -> float:
        """The place of a moment, in proportion between the two that are known next to it."""
        after = bisect_right(self.moments, moment)
        if after >= len(self.moments):
            return self.right
        begin, end = self.moments[after - 1], self.moments[after]
        share = (moment - begin) / (end - begin)
        return self._at[after - 1] + share * (self._at[after] - self._at[after - 1])

    def _scale(self, marked: float) -> float:
        """Pixels for a second: nearly as much for time as for marks."""
        return max(0.7 * marked, _LEAST) / self.total if self.total else 0.0
