from collections.abc import Iterator

import pytest

from simulator import Model, SimulatedPool

SPEED = 600.0


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the pool as often as its fast clock makes worth while."""
    monkeypatch.setenv("XENPATCH_POLL_SECONDS", "0.05")


@pytest.fixture
def sim(prefect_server: object) -> Iterator[SimulatedPool]:
    """A pool of three hosts and six running VMs; what a test leaves behind on it fails the test."""
    del prefect_server
    with SimulatedPool(Model(hosts=3, vms=6), speed=SPEED) as pool:
        yield pool
        assert pool.leaks() == []
