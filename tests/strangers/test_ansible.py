"""Ansible's XenServer modules work with a simulated pool as with a real one."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator import SimulatedPool

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def ansible(strangers: Path, pool: SimulatedPool, tmp_path: Path) -> Run:
    program = strangers / "venv" / "bin" / "ansible"
    if not program.is_file():
        pytest.skip("Ansible is not installed (tests/strangers/install.sh)")

    def run(module: str, **options: str) -> dict[str, Any]:
        arguments = {"hostname": pool.url, "username": pool.user, "password": pool.password, **options}
        interpreter = str(strangers / "venv" / "bin" / "python")
        done = subprocess.run(
            [
                str(program),
                "localhost",
                *("--inventory", "localhost,", "--connection", "local"),
                *("--extra-vars", json.dumps({"ansible_python_interpreter": interpreter})),
                *("--module-name", f"community.general.{module}", "--args", json.dumps(arguments)),
            ],
            env={
                "PATH": os.environ["PATH"],
                "LC_ALL": "C.UTF-8",
                "HOME": str(tmp_path),
                "ANSIBLE_COLLECTIONS_PATH": str(strangers / "collections"),
            },
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout.partition(" => ")[2])  # localhost | SUCCESS => {...}
        assert isinstance(result, dict)
        return result

    return run


def running_vm(pool: SimulatedPool) -> dict[str, Any]:
    rows = pool.db.rows("VM").values()
    return dict(next(row for row in rows if row["power_state"] == "Running" and not row["is_control_domain"]))


def power_state(pool: SimulatedPool, vm: dict[str, Any]) -> str:
    return str(pool.db.get("VM", pool.db.by_uuid("VM", vm["uuid"]))["power_state"])


def test_guest_info_tells_what_a_vm_is(ansible: Run, pool: SimulatedPool) -> None:
    vm = running_vm(pool)
    instance = ansible("xenserver_guest_info", name=vm["name__label"])["instance"]
    assert instance["uuid"] == vm["uuid"]
    assert instance["state"] == "poweredon"
    assert instance["hardware"]["memory_mb"] == vm["memory__dynamic_max"] >> 20
    assert instance["disks"]
    assert instance["networks"]


def test_guest_powerstate_suspends_and_resumes_a_vm(ansible: Run, pool: SimulatedPool) -> None:
    vm = running_vm(pool)
    assert ansible("xenserver_guest_powerstate", uuid=vm["uuid"], state="suspended")["changed"]
    assert power_state(pool, vm) == "Suspended"
    assert ansible("xenserver_guest_powerstate", uuid=vm["uuid"], state="powered-on")["changed"]
    assert power_state(pool, vm) == "Running"
    assert not ansible("xenserver_guest_powerstate", uuid=vm["uuid"], state="powered-on")["changed"]


def test_guest_powerstate_shuts_a_guest_down_and_waits_for_its_task(
    ansible: Run, pool: SimulatedPool
) -> None:
    vm = running_vm(pool)
    result = ansible(
        "xenserver_guest_powerstate", uuid=vm["uuid"], state="shutdown-guest", state_change_timeout="60"
    )
    assert result["instance"]["state"] == "poweredoff"
    assert pool.db.find("task") == []
