"""A worker that carries out the repository's deployments, as in the UI, and what becomes of its runs."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_URL

from simulator import SimulatedPool
from tests.flows.kit import block
from xenpatch.waiting import NotYet, wait_for

ROOT = Path(__file__).parents[2]


@contextmanager
def working(pool: str) -> Iterator[None]:
    """A worker, quick to look, on a work pool of that name with the deployment of patch_pool."""
    environment = os.environ | {
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "XENPATCH_HOME": str(ROOT),
        "XENPATCH_HEARTBEAT_SECONDS": "0.5",
    }
    for words in (
        ("work-pool", "create", pool, "--type", "process", "--overwrite"),
        ("deploy", "--prefect-file", "deployments/prefect.yaml", "--name", "patch_pool", "--pool", pool),
    ):
        subprocess.run(_prefect(*words), cwd=ROOT, env=environment, check=True, capture_output=True)
    running = subprocess.Popen(
        _prefect("worker", "start", "--pool", pool),
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


def _prefect(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect", "--no-prompt", *words]


def start(sim: SimulatedPool, folder: Path, more: Mapping[str, Any] | None = None) -> FlowRun:
    """A run of the deployment, as the UI starts it, with more parameters."""
    saved = block(sim).save("of-the-worker", overwrite=True)
    parameters: dict[str, Any] = {
        "pool": {"$ref": {"block_document_id": str(saved)}},
        "hotfix": str(sim.hotfix),
        "manifest": str(sim.manifest),
        "options": {"backup_folder": str(folder)},
    }
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("patch-pool/patch_pool")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters | dict(more or {}))


def state_of(run: FlowRun) -> State[Any]:
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run.id).state
    assert found is not None
    return found


def becomes(run: FlowRun, wanted: StateType, limit: float = 120.0) -> State[Any]:
    """Wait until the run is in such a state."""

    def look() -> State[Any] | NotYet:
        state = state_of(run)
        return state if state.type is wanted else NotYet(f"{state.name}: {state.message}")

    return wait_for(f"the run to be {wanted.value}", look, limit)
