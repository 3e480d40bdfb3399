"""When a run and each of its hosts will be done, as likely as not and nine times of ten.

The percentiles are of whole runs that were drawn, since a sum of P90s is far too late.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from xenpatch.plan.durations import Durations
from xenpatch.plan.model import Plan
from xenpatch.plan.schedule import Schedule
from xenpatch.xapi.types import HostUuid

SAMPLES: Final = 120
_FEWEST: Final = 25
_STEPS_IN_ALL: Final = 100_000  # about a second's worth
_SEED: Final = 602


@dataclass(frozen=True)
class Span:
    """Seconds: the median, and what is not exceeded nine times of ten."""

    p50: float
    p90: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Span:
        """Of what was drawn."""
        ordered = sorted(values)
        return cls(_quantile(ordered, 0.5), _quantile(ordered, 0.9))


@dataclass(frozen=True)
class Forecast:
    """Of all that a plan holds, from its beginning.

    ``hosts`` is when the turn of each is over, ``mixed`` the median of the time with hosts of both levels,
    ``steps`` how long each step takes by itself, by number.
    """

    total: Span
    hosts: Mapping[HostUuid, Span]
    mixed: float
    steps: Mapping[int, Span]


def forecast(plan: Plan, durations: Durations, *, samples: int = SAMPLES, seed: int = _SEED) -> Forecast:
    """Draw whole runs of the plan; the same for the same arguments.

    A plan of many hundred steps is drawn less often, down to 25 times, so as to take about a second.
    """
    schedule = Schedule(plan, plan.policy.moves_per_host)
    dice = random.Random(seed)
    enough = min(samples, max(_STEPS_IN_ALL // max(len(plan.steps), 1), _FEWEST))
    drawn = [schedule.timetable(durations.sample(plan, dice)) for _ in range(enough)]
    return Forecast(
        total=Span.of([times.total for times in drawn]),
        hosts={host: Span.of([times.host_end[host] for times in drawn]) for host in drawn[0].host_end},
        mixed=Span.of([times.mixed for times in drawn]).p50,
        steps={step.no: Span(durations.median(step), durations.p90(step)) for step in plan.steps},
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two values nearest to that share of them, in proportion."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
