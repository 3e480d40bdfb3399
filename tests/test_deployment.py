"""The deployment, given to a Prefect server by Prefect's own command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FILE = ROOT / "deployments" / "prefect.yaml"


def prefect(*words: str) -> None:
    """Run Prefect's command in the root of the repository, on the server of the tests."""
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415 - takes a second, for one test alone

    told = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        cwd=ROOT,
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.usefixtures("prefect_server")
def test_prefect_deploys_it_from_the_root_of_the_repository() -> None:
    from prefect import get_client  # noqa: PLC0415 - likewise

    prefect("work-pool", "create", "xenpatch", "--type", "process")
    prefect("deploy", "--prefect-file", str(FILE.relative_to(ROOT)), "--all")

    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("patch-pool/patch_pool")
        for name in ("resume-pool/resume_pool", "abandon-pool/abandon_pool"):
            schema = client.read_deployment_by_name(name).parameter_openapi_schema
            assert schema is not None
            assert schema["required"] == ["pool"]
        assert len(client.read_automations_by_name("xenpatch: zombie runs")) == 1
    assert deployment.entrypoint == "flows/patch_pool.py:patch_pool"
    assert deployment.global_concurrency_limit is not None
    assert deployment.global_concurrency_limit.limit == 1
    assert deployment.concurrency_options is not None
    assert deployment.concurrency_options.collision_strategy == "CANCEL_NEW"
    switched_on = {schedule.slug: schedule.active for schedule in deployment.schedules}
    assert switched_on == {"second-sunday": False, "saturday-nights": False, "once": False}
    assert deployment.parameter_openapi_schema is not None
    assert {"pool", "hotfix"} <= set(deployment.parameter_openapi_schema["required"])
    assert "Window" in deployment.parameter_openapi_schema["definitions"]


def test_workers_are_told_where_their_checkout_is_by_their_own_environment() -> None:
    (step,) = yaml.safe_load(FILE.read_text())["pull"]

    assert step == {"prefect.deployments.steps.set_working_directory": {"directory": "{{ $XENPATCH_HOME }}"}}
