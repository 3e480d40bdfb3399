"""Fixtures shared by the whole suite."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from simulator import Model, SimulatedPool
from tests.simulated import Simulated

# Read when Prefect and the tasks are imported, which is before any fixture runs.
os.environ |= {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "XENPATCH_RETRY_SECONDS": "0",
    "XENPATCH_LAST_WORD_SECONDS": "1",
    "XDG_STATE_HOME": tempfile.mkdtemp(prefix="xenpatch-tests-"),
}
os.environ.pop("XENPATCH_PASSWORD", None)
atexit.register(shutil.rmtree, os.environ["XDG_STATE_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pool databases and the XenAPI data model, where a checkout has them beside it."""
    folder = Path(__file__).parents[1].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real pool data beside this checkout")
    return folder


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a Prefect server for the tests that need one, once; gives the file of its database."""
    from prefect.settings import (  # noqa: PLC0415 - takes a second, and most tests need no Prefect
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        PREFECT_HOME,
        temporary_settings,
    )

    from tests.prefect_server import serving  # noqa: PLC0415 - likewise

    # Without a heartbeat: each flow's end would wait up to a second for it.
    ours = {PREFECT_HOME: tmp_path_factory.mktemp("prefect"), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(ours), serving() as database:
        yield database


@pytest.fixture(scope="module")
def recording_server(prefect_server: Path) -> Iterator[Path]:
    """Likewise, one that stores task runs and events, too, for the tests of one file."""
    from tests.prefect_server import serving  # noqa: PLC0415 - imports Prefect

    del prefect_server
    with serving(recording=True) as database:
        yield database


@pytest.fixture(scope="session")
def runs(prefect_server: Path) -> Iterator[None]:
    """Runs can be started as processes of their own."""
    from tests.crash.case import prepare  # noqa: PLC0415 - imports Prefect

    del prefect_server
    before = dict(os.environ)
    prepare()
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at a pool as often as its fast clock makes worth while."""
    monkeypatch.setenv("XENPATCH_POLL_SECONDS", "0.05")
    monkeypatch.setenv("XENPATCH_GRACE_SECONDS", "0.3")


@pytest.fixture
def simulated(request: pytest.FixtureRequest) -> Iterator[Simulated]:
    """Make simulated pools; what a test leaves behind on them fails the test.

    The marker `leaves` names what a test cannot but leave.
    """
    marker = request.node.get_closest_marker("leaves")
    made: list[SimulatedPool] = []
    with ExitStack() as pools:

        def make(model: Model | Path, *, speed: float = 600, **more: Any) -> SimulatedPool:
            made.append(pools.enter_context(SimulatedPool(model, speed=speed, **more)))
            return made[-1]

        yield make
        left = [leak for pool in made for leak in pool.leaks()]
        assert left == list(marker.args if marker else ())


@pytest.fixture
def small_pool(quick_looks: None, simulated: Simulated) -> SimulatedPool:
    """A simulated pool of two hosts and two running VMs."""
    del quick_looks
    return simulated(Model(hosts=2, vms=2))
