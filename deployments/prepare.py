"""What a fresh server is told for `make server`: blocks of a simulated pool, and forms that name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from uuid import UUID

from prefect import get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import State, StateType, WorkerStatus
from prefect.states import Crashed
from prefect.workers.process import ProcessWorker
from pydantic import SecretStr

from blocks import Dom0SSH, XenServerPool

_NAME: Final = "simulated"
_UNDER_WAY: Final = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]

Reference = dict[str, dict[str, str]]


def crash_what_was_left() -> None:
    """Say of runs that were under way when the server was ended that they are no more: it had one worker."""
    states = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNDER_WAY))
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(state=states)):
            ended: State[None] = Crashed(message="The server was ended while this run was under way.")
            client.set_flow_run_state(run.id, ended, force=True)


def make_work_pool(name: str) -> None:
    """A pool of runs that are processes of the worker's machine; one that is there is brought up to date."""
    template = ProcessWorker.get_default_base_job_template()
    wanted = WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template)
    with get_client(sync_client=True) as client:
        client.create_work_pool(wanted, overwrite=True)


def is_worked_on(name: str) -> bool:
    """Whether a worker has told that it takes runs of the work pool."""
    with get_client(sync_client=True) as client:
        workers = client.read_workers_for_work_pool(name)
    return any(worker.status is WorkerStatus.ONLINE for worker in workers)


def save_blocks(pool: dict[str, Any]) -> dict[str, Reference]:
    """Save what is needed to reach the pool that the simulator describes: pinned, over TLS and SSH.

    Returns references to the blocks, by the parameters that they are for.
    """
    port = pool["tls_url"].rpartition(":")[2]
    blocks = {
        "pool": XenServerPool(
            addresses=[f"https://{host['address']}:{port}" for host in pool["hosts"]],
            user=pool["user"],
            password=SecretStr(pool["password"]),
            certificate=Path(pool["certificate"]).read_text(),
        ),
        "ssh": Dom0SSH(
            user=pool["user"],
            known_hosts=Path(pool["known_hosts"]).read_text(),
            port=pool["hosts"][0]["ssh_port"],
        ),
    }
    return {
        name: {"$ref": {"block_document_id": str(block.save(_NAME, overwrite=True))}}
        for name, block in blocks.items()
    }


def fill_in(blocks: dict[str, Reference], pool: dict[str, Any]) -> UUID:
    """Fill in the forms of the deployments; return the id of the one that patches."""
    files = {name: [pool[name]] for name in ("hotfix", "manifest")}
    forms: dict[str, dict[str, Any]] = {
        "patch-pool/patch_pool": blocks | files,
        "resume-pool/resume_pool": blocks,
        "abandon-pool/abandon_pool": {"pool": blocks["pool"]},
    }
    with get_client(sync_client=True) as client:
        for name, parameters in forms.items():
            found = client.read_deployment_by_name(name)
            client.update_deployment(found.id, DeploymentUpdate(parameters=parameters))
        return client.read_deployment_by_name("patch-pool/patch_pool").id
