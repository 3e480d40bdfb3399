import pytest

from simulator import Model, SimulatedPool
from tests.simulated import Simulated

SPEED = 600.0


@pytest.fixture
def sim(prefect_server: object, quick_looks: None, simulated: Simulated) -> SimulatedPool:
    """A pool of three hosts and six running VMs."""
    del prefect_server, quick_looks
    return simulated(Model(hosts=3, vms=6), speed=SPEED)
