"""How long a plan will take, by what this pool's own past runs have taught."""

from __future__ import annotations

from xenpatch.plan import history
from xenpatch.plan.durations import Durations
from xenpatch.plan.forecast import Forecast, forecast
from xenpatch.plan.model import Plan


def foresee(plan: Plan) -> Forecast:
    """When the run and each host will be done; by the prior alone where no run is remembered."""
    return forecast(plan, Durations.learn(history.read(plan.pool)))
