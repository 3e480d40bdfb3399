"""How long things take, by what this pool's own past runs have taught."""

from __future__ import annotations

from xenpatch.plan import history
from xenpatch.plan.durations import Durations
from xenpatch.plan.forecast import Forecast, forecast
from xenpatch.plan.model import Plan
from xenpatch.xapi.types import PoolUuid


def learnt(pool: PoolUuid) -> Durations:
    """What is expected of a pool; the prior alone where no run of it is remembered."""
    return Durations.learn(history.read(pool))


def foresee(plan: Plan) -> Forecast:
    """When the run and each host will be done."""
    return forecast(plan, learnt(plan.pool))
