from collections.abc import Iterator

import pytest

from simulator import Model, SimulatedPool

SPEED = 600.0


@pytest.fixture
def sim(prefect_server: object, quick_looks: None, request: pytest.FixtureRequest) -> Iterator[SimulatedPool]:
    """A pool of three hosts and six running VMs; what a test leaves behind on it fails the test.

    The marker `leaves` names what a test cannot but leave.
    """
    del prefect_server, quick_looks
    marker = request.node.get_closest_marker("leaves")
    with SimulatedPool(Model(hosts=3, vms=6), speed=SPEED) as pool:
        yield pool
        assert pool.leaks() == list(marker.args if marker else ())
