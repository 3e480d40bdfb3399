"""A run asks a person, ends with the pool in order, and goes on when it has the answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType

from flows.patch_pool import patch_pool
from simulator import SimulatedPool
from tests.flows.kit import block, boots, changes, patch, places, traces
from tests.flows.worker import end_of, start, worker
from xenpatch.approval import Approval, Before
from xenpatch.errors import InputError
from xenpatch.record import held_by, stop_reason

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module", autouse=True)
def working(prefect_server: object) -> Iterator[None]:
    """One worker for all tests of this file."""
    del prefect_server
    with worker("approvals"):
        yield


def answer(run: FlowRun, **given: str) -> str:
    """Send a filled form, as the UI does; gives ACCEPT or REJECT."""
    with get_client(sync_client=True) as client:
        return client.resume_flow_run(run.id, given).status.value


def question(run: FlowRun) -> str:
    """What the form shows."""
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run.id).state
        assert state is not None
        keys = state.state_details.run_input_keyset
        assert keys is not None
        return str(client.read_flow_run_input(run.id, keys["description"]))


def switches(sim: SimulatedPool) -> tuple[Any, Any]:
    (pool,) = sim.db.rows("pool").values()
    return pool["wlb_enabled"], stop_reason(pool["other_config"])


def test_it_waits_with_the_plan_and_after_its_first_host_and_then_patches_the_others(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    (pool,) = sim.db.rows("pool")
    sim.db.update("pool", pool, wlb_enabled=True, wlb_url="wlb.example.com:8012")
    before = places(sim)
    run = start(
        sim,
        tmp_path,
        options={"backup_folder": str(tmp_path), "remedy": "all"},
        approval={"plan": True, "hosts": "after-first"},
    )

    assert end_of(run).name == "Suspended"
    assert sim.db.rows("host_patch") == {}
    assert list(traces(sim)) == []
    assert "| wave | host | VMs leave" in question(run)
    assert answer(run, decision="perhaps") == "REJECT"
    assert answer(run, decision="continue", note="change 4711") == "ACCEPT"

    assert end_of(run).name == "Suspended"
    assert boots(sim) == ["xs1"]
    assert places(sim) == before
    assert all(row["enabled"] for row in sim.db.rows("host").values())
    wlb, reason = switches(sim)
    assert wlb
    assert reason is not None
    assert "waits for an answer in Prefect: may xs2 be taken next?" in reason
    assert "**xs2**" in question(run)
    assert answer(run, decision="continue") == "ACCEPT"

    assert end_of(run).type is StateType.COMPLETED
    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert switches(sim) == (True, None)
    assert list(traces(sim)) == []


def test_a_no_ends_it_with_nothing_changed(sim: SimulatedPool, tmp_path: Path) -> None:
    run = start(sim, tmp_path, approval={"plan": True})
    assert end_of(run).name == "Suspended"

    assert answer(run, decision="stop", note="wrong week") == "ACCEPT"

    ended = end_of(run)
    assert (ended.type, ended.name) == (StateType.CANCELLED, "Stopped")
    assert "answered no (wrong week) to: may xs1, xs2, xs3 be patched as planned?" in str(ended.message)
    uploads = {"PUT /pool_patch_upload", "task.create", "task.destroy"}
    assert set(changes(sim)) == uploads | {"pool_patch.precheck"}


def test_another_run_may_continue_while_it_waits_for_an_answer_until_its_limit(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    run = start(sim, tmp_path, approval={"hosts": "each", "hours": 0.5})

    waits = end_of(run)
    assert waits.name == "Suspended"
    limit = waits.state_details.pause_timeout
    assert limit is not None
    assert limit.timestamp() - waits.timestamp.timestamp() == pytest.approx(1800, abs=60)
    (pool,) = sim.db.rows("pool").values()
    assert held_by(pool["other_config"]) is not None
    assert boots(sim) == []

    patch(sim, tmp_path)

    assert sorted(boots(sim)) == ["xs1", "xs2", "xs3"]
    assert list(traces(sim)) == []


@pytest.mark.parametrize("approval", [Approval(plan=True), Approval(hosts=Before.EACH)])
def test_a_run_without_a_deployment_that_should_ask_is_refused_at_once(
    sim: SimulatedPool, approval: Approval
) -> None:
    with pytest.raises(InputError, match="only runs of a deployment"):
        patch_pool(block(sim), (sim.hotfix,), (sim.manifest,), approval=approval)

    assert changes(sim) == []
