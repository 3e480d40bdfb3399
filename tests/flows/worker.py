"""A worker with the deployment of the repository, and runs that it carries out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL
from prefect.states import Scheduled

from simulator import SimulatedPool
from tests.flows.kit import block
from xenpatch.waiting import NotYet, wait_for

ROOT = Path(__file__).parents[2]


@contextmanager
def worker(pool: str, **settings: str) -> Iterator[None]:
    """A worker of that work pool, for the server of the tests; `settings` go into its environment."""
    environment = os.environ | {
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "XENPATCH_HOME": str(ROOT),
        "XENPATCH_HEARTBEAT_SECONDS": "0.5",
        **settings,
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


def start(sim: SimulatedPool, folder: Path, scheduled: datetime | None = None, **parameters: Any) -> FlowRun:
    """A run of the deployment, as the UI starts it, or a schedule did for that moment."""
    saved = block(sim).save("of-a-worker", overwrite=True)
    given: dict[str, Any] = {
        "pool": {"$ref": {"block_document_id": str(saved)}},
        "hotfix": [str(sim.hotfix)],
        "manifest": [str(sim.manifest)],
        "options": {"backup_folder": str(folder)},
        **parameters,
    }
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("patch-pool/patch_pool")
        return client.create_flow_run_from_deployment(
            deployment.id, parameters=given, state=Scheduled(scheduled_time=scheduled)
        )


def state_of(run: FlowRun) -> State[Any]:
    """The state that it is in."""
    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run.id).state
    assert found is not None
    return found


def end_of(run: FlowRun) -> State[Any]:
    """The state in which it ends, or waits for an answer."""

    def look() -> State[Any] | NotYet:
        state = state_of(run)
        return state if state.is_final() or state.is_paused() else NotYet(str(state))

    return wait_for(f"{run.name} to end", look, 200)


def _prefect(*words: str) -> list[str]:
    return [sys.executable, "-m", "prefect", "--no-prompt", *words]
