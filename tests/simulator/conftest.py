"""A simulated pool on a clock that stands still, and the real XenAPI client to talk to it."""

from collections.abc import Iterator

import pytest

from simulator import ManualClock, Model, SimulatedPool
from tests.simulator.api import Api


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def model() -> Model:
    """The pool to make; a module that needs another one overrides this."""
    return Model(hosts=3, vms=6)


@pytest.fixture
def pool(clock: ManualClock, model: Model) -> Iterator[SimulatedPool]:
    with SimulatedPool(model, clock=clock) as pool:
        yield pool


@pytest.fixture
def api(pool: SimulatedPool, clock: ManualClock) -> Api:
    return Api(pool.url, clock)
