"""Clients of the XenAPI that were not written for this project; `install.sh` installs them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import Model, SimulatedPool


@pytest.fixture(scope="session")
def strangers() -> Path:
    """The folder that install.sh filled."""
    default = Path(__file__).parents[2] / ".strangers"
    return Path(os.environ.get("XENPATCH_STRANGERS", default))


@pytest.fixture
def pool() -> Iterator[SimulatedPool]:
    with SimulatedPool(Model(hosts=3, vms=3), speed=600) as pool:
        yield pool
