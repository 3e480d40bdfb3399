"""Windows of runs that a worker carries out for Prefect's server, by the clock of the machine.

The worker takes the pool's clock for as fast as its own, so that a forecast of hours is held against a window
of hours, though the simulated pool is through in seconds.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectHTTPStatusError

from simulator import SimulatedPool
from tests.flows.kit import assert_done, boots, changes, places, remember_reboots
from tests.flows.worker import end_of, start, worker
from xenpatch.record import held_by, stop_reason

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module", autouse=True)
def working(prefect_server: object) -> Iterator[None]:
    """One worker for all tests of this file."""
    del prefect_server
    with worker("windows", XENPATCH_POLL_SECONDS="0.05", XENPATCH_GRACE_SECONDS="0.3"):
        yield


def until(hours: float) -> dict[str, str]:
    return {"until": (datetime.now(UTC) + timedelta(hours=hours)).isoformat()}


def test_an_overlong_host_is_left_to_the_next_window_which_finishes_the_pool(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    remember_reboots(sim, {"xs1": 300, "xs2": 300, "xs3": 5 * 3600})

    first = end_of(start(sim, tmp_path, window=until(hours=3)))

    assert (first.type, first.name) == (StateType.CANCELLED, "Stopped")
    said = first.message or ""
    assert said.startswith("2 of 3 hosts done, continues in the next window: xs3 would take until ")
    assert (boots(sim), places(sim)) == (["xs1", "xs2"], before)
    (pool,) = sim.db.rows("pool").values()
    assert held_by(pool["other_config"]) is not None
    assert stop_reason(pool["other_config"]) == said[:500], "no hook for cancellations has been there"

    second = end_of(start(sim, tmp_path, window=until(hours=20)))

    assert second.type is StateType.COMPLETED, second.message
    assert_done(sim, before)
    assert boots(sim) == ["xs1", "xs2", "xs3"]


def test_a_run_whose_window_was_missed_starts_nothing(sim: SimulatedPool, tmp_path: Path) -> None:
    scheduled = datetime.now(UTC) - timedelta(hours=23)
    opens, closes = (scheduled + timedelta(hours=each) for each in (-2, 2))
    daily = {"opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}", "zone": "UTC"}

    ended = end_of(start(sim, tmp_path, scheduled, window=daily))

    assert ended.type is StateType.FAILED
    assert f"closed at {closes:%Y-%m-%d %H:%M} UTC" in (ended.message or "")
    assert (changes(sim), sim.journal.calls("session.login_with_password")) == ([], [])


def test_what_tells_no_window_is_refused_when_a_run_is_to_be_made(sim: SimulatedPool, tmp_path: Path) -> None:
    unquoted_in_yaml = {"opens": 1320, "closes": "04:00", "zone": "UTC"}

    with pytest.raises(PrefectHTTPStatusError, match="409"):
        start(sim, tmp_path, window=unquoted_in_yaml)
