"""The units and the compose file: what can be said of them without systemd and Docker."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from xenpatch.waiting import NotYet, wait_for

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT / "deployments" / "systemd").glob("*.service"))
SERVER_ENV, WORKER_ENV = (ROOT / "deployments" / "systemd" / f"{of}.env" for of in ("server", "worker"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_text())
NO_SETTINGS = {"PREFECT_SERVER_ENCRYPTION_KEY"}
"""Read by Prefect straight from the environment (prefect/server/utilities/encryption.py)."""


def variables(file: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in file.read_text().splitlines() if not line.startswith("#"))
    return {name: value for name, _, value in lines}


def wired(settings: dict[str, str]) -> dict[str, str]:
    """The parts that the server is made of, wherever they run."""
    return {name: value for name, value in settings.items() if "prefect_redis" in value} | {
        name: "" for name in settings if name.startswith(("PREFECT_SERVER_DATABASE", "PREFECT_SERVER_DOCKET"))
    }


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    (tmp_path / "prefect").symlink_to(shutil.which("true") or "/bin/true")
    for unit in UNITS:
        text = unit.read_text().replace("/srv/xenpatch/.venv/bin/prefect", str(tmp_path / "prefect"))
        (tmp_path / unit.name).write_text(text)

    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (told.returncode, told.stderr) == (0, "")


def test_every_variable_is_a_setting_that_prefect_knows() -> None:
    from prefect.settings import Settings  # noqa: PLC0415 - takes a second, for one test alone
    from prefect.settings.legacy import _get_valid_setting_names  # noqa: PLC0415 - likewise

    known = _get_valid_setting_names(Settings) | NO_SETTINGS
    given = variables(SERVER_ENV) | variables(WORKER_ENV)
    given |= COMPOSE["services"]["server"]["environment"] | COMPOSE["services"]["worker-a"]["environment"]

    ours = {name for name in given if name.startswith("PREFECT_") and "REDIS" not in name}
    assert ours - known == set()


def test_units_and_compose_make_the_server_of_the_same_parts() -> None:
    assert wired(variables(SERVER_ENV)) == wired(COMPOSE["services"]["server"]["environment"])
    assert COMPOSE["services"]["services"]["environment"] == COMPOSE["services"]["server"]["environment"]


def test_workers_share_no_disk() -> None:
    volumes = [COMPOSE["services"][worker]["volumes"] for worker in ("worker-a", "worker-b")]

    assert [each[0].partition(":")[2] for each in volumes] == ["/state", "/state"]
    assert volumes[0] != volumes[1]
    unit = next(unit for unit in UNITS if unit.name.startswith("xenpatch-worker")).read_text()
    assert set(re.findall(r"(?:StateDirectory=|%S/)(xenpatch/\S+)", unit)) == {"xenpatch/worker-%i"}


def test_a_worker_is_not_told_to_stop_while_it_has_a_run(tmp_path: Path) -> None:
    """The command of the unit, with a process that has a child in the worker's place."""
    unit = next(unit for unit in UNITS if unit.name.startswith("xenpatch-worker")).read_text()
    (loop,) = re.findall(r"^ExecStop=/bin/sh -c '(.+)'$", unit, re.MULTILINE)
    ended = tmp_path / "ended"
    worker = subprocess.Popen(["sh", "-c", f"(read _; touch {ended}); read _"], stdin=subprocess.PIPE)
    assert worker.stdin is not None
    looked = tmp_path / "looked"
    watched = loop.replace("sleep 5", f"touch {looked}; sleep 0.05")
    stop = subprocess.Popen(["sh", "-c", watched], env=os.environ | {"MAINPID": str(worker.pid)})

    wait_for("a look", lambda: looked.exists() or NotYet("none"), 30)
    assert (stop.poll(), ended.exists()) == (None, False)
    worker.stdin.write(b"\n")
    worker.stdin.flush()

    assert stop.wait(30) == 0
    assert ended.exists()
    worker.communicate(b"\n", timeout=30)
