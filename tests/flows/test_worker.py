"""A run that a worker carries out for Prefect's server, cancelled as in the UI."""

from pathlib import Path

import pytest
from prefect import get_client
from prefect.states import Cancelling

from flows.resume_pool import resume_pool
from simulator import Fault, FaultRule, SimulatedPool
from tests.flows.kit import block, boots, places, traces
from tests.flows.worker import end_of, start, worker
from xenpatch.record import held_by, stop_reason
from xenpatch.waiting import NotYet, wait_for

pytestmark = pytest.mark.timeout(400)


def test_a_run_that_its_worker_kills_is_brought_to_a_safe_point_and_continued(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    longer_than_a_worker_waits = Fault(delay=45 * 600.0)
    sim.faults.add(FaultRule("VM.pool_migrate", longer_than_a_worker_waits, skip=1))

    def migrates() -> bool | NotYet:
        return len(sim.journal.calls("host.disable")) > 0 or NotYet("it has not begun")

    with worker("cancelled"):
        run = start(sim, tmp_path)
        wait_for("the run to empty a host", migrates, 120)
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run.id, Cancelling())
        assert end_of(run).name == "Cancelled"

    assert places(sim) == before
    assert [row["name__label"] for row in sim.db.rows("host").values() if not row["enabled"]] == []
    (pool,) = sim.db.rows("pool").values()
    assert held_by(pool["other_config"]) is not None
    assert stop_reason(pool["other_config"]) == "cancelled in Prefect"

    resume_pool(block(sim))

    assert sorted(boots(sim)) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert list(traces(sim)) == []
