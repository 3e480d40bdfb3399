"""What became of a pool, whoever emptied its hosts, and the one model of time for all. Times are seconds."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from xenpatch.plan.model import Policy
from xenpatch.units import GIB

REBOOT: Final = 480.0
VERIFY: Final = 120.0
AT_ONCE: Final = Policy().moves_per_host

_MOVE_FIXED: Final = 15.0
_GIB_PER_SECOND: Final = 0.35


@dataclass(frozen=True)
class Outcome:
    """A run over all hosts of a pool.

    ``bytes`` is the memory of all moves together. ``mixed`` is the time from the end of the first reboot, its
    verification included, to the beginning of the last: hosts of both levels serve side by side. ``worst`` is
    how often the unluckiest VM moved, ``away`` how many VMs did not end where they began. ``failed`` names
    the host that could not be emptied, where the run ended; what was done until then still counts.
    """

    moves: int = 0
    bytes: int = 0
    seconds: float = 0.0
    mixed: float = 0.0
    worst: int = 0
    away: int = 0
    failed: str = ""

    @property
    def drained(self) -> bool:
        """Whether every host was emptied and rebooted."""
        return not self.failed


def migration(memory: int) -> float:
    """Seconds of one live migration of that many bytes."""
    return _MOVE_FIXED + memory / GIB / _GIB_PER_SECOND


def side_by_side(memories: Iterable[int], at_once: int = AT_ONCE) -> float:
    """Seconds of migrations off one host, started in their order whenever one of `at_once` slots is free."""
    slots = [0.0] * at_once
    for memory in memories:
        heapq.heapreplace(slots, slots[0] + migration(memory))
    return max(slots)
