"""A run that a worker carries out for Prefect's server, cancelled as in the UI."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.settings import PREFECT_API_URL
from prefect.states import Cancelling

from flows.resume_pool import resume_pool
from simulator import Fault, FaultRule, SimulatedPool
from tests.flows.kit import block, boots, places, traces
from xenpatch.record import held_by, stop_reason
from xenpatch.waiting import NotYet, wait_for

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[2]
POOL = "cancelled"


def prefect(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect", "--no-prompt", *words]


@pytest.fixture
def environment(prefect_server: object) -> dict[str, str]:
    del prefect_server
    return os.environ | {
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "XENPATCH_HOME": str(ROOT),
        "XENPATCH_HEARTBEAT_SECONDS": "0.5",
    }


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[None]:
    """A worker with the deployments of the repository."""
    for words in (
        ("work-pool", "create", POOL, "--type", "process", "--overwrite"),
        ("deploy", "--prefect-file", "deployments/prefect.yaml", "--name", "patch_pool", "--pool", POOL),
    ):
        subprocess.run(prefect(*words), cwd=ROOT, env=environment, check=True, capture_output=True)
    running = subprocess.Popen(
        prefect("worker", "start", "--pool", POOL),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        running.terminate()
        running.wait(60)


def start(sim: SimulatedPool, folder: Path) -> FlowRun:
    """A run of the deployment, as the UI starts it."""
    saved = block(sim).save("to-be-cancelled", overwrite=True)
    parameters: dict[str, Any] = {
        "pool": {"$ref": {"block_document_id": str(saved)}},
        "hotfix": str(sim.hotfix),
        "manifest": str(sim.manifest),
        "options": {"backup_folder": str(folder)},
    }
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("patch-pool/patch_pool")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters)


def state_of(run: FlowRun) -> StateType:
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run.id).state
    assert found is not None
    return found.type


def test_a_run_that_its_worker_kills_is_brought_to_a_safe_point_and_continued(
    sim: SimulatedPool, tmp_path: Path, environment: dict[str, str]
) -> None:
    before = places(sim)
    longer_than_a_worker_waits = Fault(delay=45 * 600.0)
    sim.faults.add(FaultRule("VM.pool_migrate", longer_than_a_worker_waits, skip=1))

    def migrates() -> bool | NotYet:
        return len(sim.journal.calls("host.disable")) > 0 or NotYet("it has not begun")

    def is_over() -> bool | NotYet:
        state = state_of(run)
        return True if state is StateType.CANCELLED else NotYet(str(state))

    with worker(environment):
        run = start(sim, tmp_path)
        wait_for("the run to empty a host", migrates, 120)
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run.id, Cancelling())
        wait_for("the run to be cancelled", is_over, 200)

    assert places(sim) == before
    assert [row["name__label"] for row in sim.db.rows("host").values() if not row["enabled"]] == []
    (pool,) = sim.db.rows("pool").values()
    assert held_by(pool["other_config"]) is not None
    assert stop_reason(pool["other_config"]) == "cancelled in Prefect"

    resume_pool(block(sim))

    assert sorted(boots(sim)) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert list(traces(sim)) == []
