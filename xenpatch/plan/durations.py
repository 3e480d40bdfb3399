"""How long moves and reboots take: guesses at first, then what a pool's own runs have shown.

A move costs a fixed time and a time for its memory, times a factor of the VM; a reboot costs what it did on
that host. Durations are log-normal: around a median, with a spread that shrinks with what is known. A few
moves go wrong beyond that.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final, TypeVar

from xenpatch.plan.fit import PRIOR_WEIGHT, Line, Spread
from xenpatch.plan.history import MoveRecord, RebootRecord, Record
from xenpatch.plan.model import Move, Plan, Reboot, Step
from xenpatch.plan.schedule import Seconds
from xenpatch.xapi.types import HostUuid, VmUuid

REBOOT: Final = 600.0
VERIFY: Final = 120.0

P90: Final = 1.2816
"""Standard deviations from the median to the 90th percentile."""

_LAST_MOVES: Final = 8
_LAST_REBOOTS: Final = 5
_STRAGGLERS: Final = 0.03  # so many moves of all are far slower than any spread around a median tells
_STRAGGLING: Final = (2.0, 4.0)  # by a factor between these

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Habit:
    """A VM or host beside its pool: how many times longer it takes, and how often that was measured."""

    factor: float = 1.0
    seen: int = 0


_NO_HABIT: Final = Habit()
_MOVES: Final = Spread(new=0.6, known=0.2, shared=0.4)
_REBOOTS: Final = Spread(new=0.3, known=0.1, shared=0.25)


@dataclass(frozen=True)
class Durations:
    """What is expected of the steps of one pool; ``usual_reboot`` is in seconds, with the verification."""

    line: Line = field(default_factory=Line)
    usual_reboot: float = REBOOT + VERIFY
    vms: Mapping[VmUuid, Habit] = field(default_factory=dict)
    hosts: Mapping[HostUuid, Habit] = field(default_factory=dict)
    moves: Spread = _MOVES
    reboots: Spread = _REBOOTS

    @classmethod
    def prior(cls) -> Durations:
        """Of a pool of which nothing is known."""
        return cls()

    @classmethod
    def learn(cls, records: Iterable[Record]) -> Durations:
        """From what was measured, the oldest first; failed moves teach nothing."""
        records = [record for record in records if record.seconds > 0]
        moves = [record for record in records if isinstance(record, MoveRecord) and record.ok]
        reboots = [record for record in records if isinstance(record, RebootRecord)]
        line = Line.fit((move.memory, move.seconds) for move in moves)
        line = line.times(math.exp(_median(_residuals(moves, line)) * _trust(len(moves), PRIOR_WEIGHT)))
        factors = _residuals(moves, line)
        usual = median(reboot.seconds for reboot in reboots) if reboots else REBOOT + VERIFY
        delays = [math.log(reboot.seconds / usual) for reboot in reboots]
        vms = _last(((move.vm, factor) for move, factor in zip(moves, factors, strict=True)), _LAST_MOVES)
        hosts = _last(
            ((reboot.host, delay) for reboot, delay in zip(reboots, delays, strict=True)), _LAST_REBOOTS
        )
        return cls(
            line=line,
            usual_reboot=usual,
            vms={vm: Habit(math.exp(median(f) * _trust(len(f), 1)), len(f)) for vm, f in vms.items()},
            hosts={host: Habit(math.exp(median(delay)), len(delay)) for host, delay in hosts.items()},
            moves=_MOVES.learn(factors),
            reboots=_REBOOTS.learn(delays),
        )

    def move(self, vm: VmUuid, memory: int) -> float:
        """Median seconds of a live migration of that many bytes."""
        return self.line.seconds(memory) * self.vms.get(vm, _NO_HABIT).factor

    def reboot(self, host: HostUuid) -> float:
        """Median seconds of a reboot with its verification."""
        return self.usual_reboot * self.hosts.get(host, _NO_HABIT).factor

    def median(self, step: Step) -> float:
        """Seconds that a step is as likely to exceed as not."""
        return self.move(step.vm, step.memory) if isinstance(step, Move) else self.reboot(step.host)

    def p90(self, step: Step) -> float:
        """Seconds in which a step is over nine times of ten."""
        spread, seen = self._spread(step)
        return self.median(step) * math.exp(P90 * spread.of(seen))

    def sample(self, plan: Plan, dice: random.Random) -> Seconds:
        """One way in which a whole run may go; all moves of a VM are slow or fast together."""
        shared = {Move: dice.gauss(0, self.moves.shared), Reboot: dice.gauss(0, self.reboots.shared)}
        factors: dict[str, float] = {}
        for step in plan.steps:
            subject = _subject(step)
            if subject not in factors:
                spread, seen = self._spread(step)
                factors[subject] = math.exp(shared[type(step)] + dice.gauss(0, spread.own(seen)))
                if isinstance(step, Move) and dice.random() < _STRAGGLERS:
                    factors[subject] *= dice.uniform(*_STRAGGLING)
        return lambda step: self.median(step) * factors[_subject(step)]

    def _spread(self, step: Step) -> tuple[Spread, int]:
        if isinstance(step, Move):
            return self.moves, self.vms.get(step.vm, _NO_HABIT).seen
        return self.reboots, self.hosts.get(step.host, _NO_HABIT).seen


def estimate_move(memory: int) -> float:
    """Seconds of one live migration of that many bytes, in a pool of which nothing is known."""
    return Line().seconds(memory)


def _subject(step: Step) -> str:
    return step.vm if isinstance(step, Move) else step.host


def _residuals(moves: Iterable[MoveRecord], line: Line) -> list[float]:
    return [math.log(move.seconds / line.seconds(move.memory)) for move in moves]


def _median(values: Sequence[float]) -> float:
    return median(values) if values else 0.0


def _trust(seen: int, weight: int) -> float:
    """How much so many measurements count beside a guess of that weight, 0 to 1."""
    return seen / (seen + weight)


def _last(values: Iterable[tuple[_Key, float]], count: int) -> dict[_Key, list[float]]:
    """The last `count` values of each key."""
    found: defaultdict[_Key, list[float]] = defaultdict(list)
    for key, value in values:
        found[key].append(value)
    return {key: own[-count:] for key, own in found.items()}
