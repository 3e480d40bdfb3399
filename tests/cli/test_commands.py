"""The command line as a person uses it: a process, its output, its exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_API_URL

from simulator import FaultRule, Model, SimulatedPool
from tests.flows.kit import boots, changes, places, remember_reboots
from tests.simulated import Simulated

Result = subprocess.CompletedProcess[str]


def xenpatch(*args: object, password: str | None = None, folder: Path | None = None) -> Result:
    """Run a command in another folder, without a terminal."""
    environment = {name: value for name, value in os.environ.items() if name != "XENPATCH_PASSWORD"}
    environment |= {"COLUMNS": "200", "PREFECT_API_URL": str(PREFECT_API_URL.value() or "")}
    if password is not None:
        environment["XENPATCH_PASSWORD"] = password
    return subprocess.run(
        [sys.executable, "-m", "xenpatch", *map(str, args)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def sim(prefect_server: object, monkeypatch: pytest.MonkeyPatch, simulated: Simulated) -> SimulatedPool:
    del prefect_server
    monkeypatch.setenv("XENPATCH_POLL_SECONDS", "0.05")
    return simulated(Model(hosts=2, vms=2))


def job(sim: SimulatedPool) -> tuple[object, ...]:
    return ("--pool", sim.url, "--hotfix", sim.hotfix, "--manifest", sim.manifest)


def test_a_hotfix_is_checked_with_every_sum_shown(sim: SimulatedPool) -> None:
    found = xenpatch("hotfix", "check", sim.hotfix, "--manifest", sim.manifest)

    assert found.returncode == 0
    assert found.stdout.count("md5") >= 3
    assert "SAMPLE602X001.xsupdate" in found.stdout


def test_a_dry_run_prints_the_whole_plan_and_changes_nothing(sim: SimulatedPool) -> None:
    before = places(sim)

    found = xenpatch("patch", *job(sim), "--dry-run", password=sim.password)

    assert (found.returncode, found.stderr) == (0, "")
    for vm, host in before.items():
        assert vm in found.stdout
        assert host in found.stdout
    assert "nothing was changed" in found.stdout
    assert changes(sim) == []


def test_a_dry_run_tells_how_far_a_run_would_get_in_its_window(sim: SimulatedPool) -> None:
    end = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()

    found = xenpatch("patch", *job(sim), "--dry-run", "--window-end", end, password=sim.password)

    assert (found.returncode, found.stderr) == (0, "")
    assert "0 of 2 hosts would be done in the window: xs1 would take until" in " ".join(found.stdout.split())
    assert changes(sim) == []


def test_a_pool_is_patched_and_the_status_tells_it(sim: SimulatedPool, tmp_path: Path) -> None:
    found = xenpatch("patch", *job(sim), "--backup-folder", tmp_path, password=sim.password, folder=tmp_path)

    assert found.returncode == 0, found.stderr
    assert "fully applied" in found.stdout
    assert boots(sim) == ["xs1", "xs2"]

    status = xenpatch("status", "--pool", sim.url, password=sim.password)

    assert status.returncode == 0
    assert status.stdout.count("SAMPLE602X001") == 2
    assert "No run in progress" in status.stdout
    assert "Every VM is at home" in status.stdout


def test_an_interrupted_run_says_how_to_go_on_and_is_continued(sim: SimulatedPool, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "xenpatch",
        "patch",
        *map(str, job(sim)),
        "--backup-folder",
        str(tmp_path),
    ]
    surroundings = os.environ | {
        "XENPATCH_PASSWORD": sim.password,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "reboot: reboot xs2" in line)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)

    assert process.returncode == 4
    assert "xs2 was finished" in complaint
    assert "`xenpatch resume` continues it" in complaint
    assert "Traceback" not in complaint
    assert "has stopped" in xenpatch("status", "--pool", sim.url, password=sim.password).stdout

    again = xenpatch("patch", *job(sim), "--backup-folder", tmp_path, password=sim.password)

    assert again.returncode == 0, again.stderr
    assert boots(sim) == ["xs1", "xs2"]


def test_a_run_that_stops_at_the_end_of_its_window_exits_with_4_and_is_resumed_in_the_next(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    remember_reboots(sim, {"xs1": 300, "xs2": 5 * 3600})
    three_hours, a_day = (datetime.now(UTC) + timedelta(hours=each) for each in (3, 24))
    folder = ("--backup-folder", tmp_path)

    found = xenpatch("patch", *job(sim), *folder, "--window-end", three_hours, password=sim.password)

    assert found.returncode == 4, found.stderr
    assert "Stopped: 1 of 2 hosts done, continues in the next window: xs2 would take" in found.stderr
    assert "Traceback" not in found.stderr
    assert boots(sim) == ["xs1"]

    again = xenpatch("resume", "--pool", sim.url, "--window-end", a_day, password=sim.password)

    assert again.returncode == 0, again.stderr
    assert boots(sim) == ["xs1", "xs2"]


def test_a_refused_run_exits_with_3_and_lists_the_findings(sim: SimulatedPool) -> None:
    sim.db.update("pool", next(iter(sim.db.rows("pool"))), ha_enabled=True)

    found = xenpatch("patch", *job(sim), password=sim.password)

    assert found.returncode == 3
    assert "high availability" in found.stderr
    assert "Traceback" not in found.stderr
    assert changes(sim) == []


def test_a_wrong_password_exits_with_1_and_is_not_shown(sim: SimulatedPool) -> None:
    found = xenpatch("status", "--pool", sim.url, password="not-the-one")

    assert found.returncode == 1
    assert "wrong user or password" in found.stderr
    assert "not-the-one" not in found.stdout + found.stderr


@pytest.mark.parametrize("place", [0, 1, 3])
def test_debug_shows_the_traceback_wherever_it_stands(sim: SimulatedPool, place: int) -> None:
    args = ["status", "--pool", sim.url]
    args.insert(place, "--debug")

    found = xenpatch(*args, password="not-the-one")

    assert found.returncode == 1
    assert "LoginRefused" in found.stderr


def test_the_help_shows_debug() -> None:
    assert "--debug" in xenpatch("--help").stdout


def test_ctrl_c_while_a_pool_does_not_answer_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with begun("status", "--pool", url) as process, silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            said, complaint = process.communicate(timeout=30)

    assert (process.returncode, said) == (1, "")
    assert complaint.startswith("Interrupted: the command was stopped by Ctrl-C; nothing was changed")
    assert len(complaint.splitlines()) == 1


@contextmanager
def begun(
    *args: str, module: str = "xenpatch", folder: Path | None = None, **given: str
) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on while the test does; it gets a password unless told otherwise."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *args],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200", "XENPATCH_PASSWORD": "any"} | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.mark.usefixtures("prefect_server")
def test_an_interrupted_demo_says_so_and_stops_its_simulator(tmp_path: Path) -> None:
    given = {"PREFECT_API_URL": str(PREFECT_API_URL.value())}
    with begun(module="xenpatch.demo", folder=tmp_path, **given) as process:
        assert process.stdout is not None
        assert "A simulated XenServer 6.0.2 pool" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        # The simulator has the same stderr, so that this ends when both have.
        _, complaint = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "the demo was stopped by Ctrl-C. The simulated pool is stopped" in complaint
    assert "Traceback" not in complaint


def test_a_demo_that_fails_says_why_and_stops_its_simulator(tmp_path: Path) -> None:
    (tmp_path / ".demo" / "backups").mkdir(parents=True)
    with begun(module="xenpatch.demo", folder=tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api") as process:
        _, complaint = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "This was the demo. The simulated pool is stopped" in complaint
    assert "Traceback" not in complaint


def test_a_saved_block_needs_a_prefect_that_answers(tmp_path: Path) -> None:
    with begun(
        "status", "--pool-block", "lab", folder=tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api"
    ) as process:
        _, complaint = process.communicate(timeout=60)

    assert process.returncode == 1
    assert "the saved block 'lab' cannot be read, since Prefect does not answer" in complaint
    assert "Traceback" not in complaint


def test_what_prefect_keeps_of_a_run_leads_to_its_files_from_any_folder(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    (tmp_path / "hotfix.zip").symlink_to(sim.hotfix)
    (tmp_path / "facts.yaml").write_text(sim.manifest.read_text())
    named = ("--hotfix", "hotfix.zip", "--manifest", "facts.yaml", "--backup-folder", "copies")
    found = xenpatch("patch", "--pool", sim.url, *named, password=sim.password, folder=tmp_path)
    assert found.returncode == 0, found.stderr

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=20)
    kept = next(run.parameters for run in runs if "hotfix" in run.parameters)

    assert kept["hotfix"] == [str(tmp_path / "hotfix.zip")]
    assert kept["manifest"] == [str(tmp_path / "facts.yaml")]
    assert kept["options"]["backup_folder"] == str(tmp_path / "copies")


def test_ports_that_are_taken_are_bad_input(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        found = xenpatch("simulate", "--hosts", "1", "--vms", "0", "--port", port, folder=tmp_path)

    assert found.returncode == 2
    assert "no pool can be simulated so" in found.stderr


def test_a_simulator_that_can_tell_nobody_where_it_is_does_not_blame_its_input() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "xenpatch", "simulate", "--hosts", "1", "--vms", "0", "--port", "0"]
    found = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)

    assert found.returncode == 1
    assert "no pool can be simulated so" not in found.stderr


def test_the_simulator_says_in_one_line_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    command = ["simulate", "--hosts", "2", "--vms", "3", "--port", "0", "--journal", str(journal)]
    with subprocess.Popen(
        [sys.executable, "-m", "xenpatch", *command], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        described = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == ""
    assert set(described) == {
        "url", "tls_url", "legacy_tls_url", "user", "password", "hosts", "certificate", "known_hosts",
        "hotfix", "manifest",
    }  # fmt: skip
    assert [host["name"] for host in described["hosts"]] == ["xs1", "xs2"]
    assert journal.exists()


def test_a_prefect_that_cannot_be_reached_is_told_as_such(sim: SimulatedPool, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "xenpatch", "patch", *map(str, job(sim))],
        env=os.environ | {"XENPATCH_PASSWORD": sim.password, "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert found.returncode == 1
    assert "Prefect's API at http://127.0.0.1:9/api cannot be reached" in found.stderr
    assert changes(sim) == []


def test_the_known_hotfixes_of_the_pools_version_are_listed(sim: SimulatedPool) -> None:
    found = xenpatch("hotfix", "list", "--pool", sim.url, password=sim.password)

    assert (found.returncode, found.stderr) == (0, "")
    assert "XS602E008" in found.stdout
    assert found.stdout.count("missing") == 21


def test_the_manual_mode_prints_its_list_and_the_status_shows_what_is_left(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    options = ("--mode", "manual", "--task-list", "list.md", "--backup-folder", "backups")
    found = xenpatch("patch", *job(sim), *options, password=sim.password, folder=tmp_path)

    assert (found.returncode, found.stderr) == (0, "")
    assert "xe host-evacuate" in found.stdout
    assert "xe host-evacuate" in (tmp_path / "list.md").read_text()
    assert boots(sim) == []
    status = xenpatch("status", "--pool", sim.url, password=sim.password)
    assert status.stdout.count("To do: reboot xs") == 2


def test_what_the_run_can_put_aside_is_told_where_nobody_can_be_asked(sim: SimulatedPool) -> None:
    (pool,) = sim.db.rows("pool")
    sim.db.update("pool", pool, wlb_enabled=True)

    found = xenpatch("patch", *job(sim), password=sim.password)

    assert found.returncode == 3
    assert "with --remedy all the run will switch workload balancing" in found.stdout + found.stderr
    assert not [call for call in changes(sim) if call.startswith("pool.")]


@pytest.mark.parametrize(("answer", "code"), [("n", 3), ("y", 0)])
def test_a_person_at_a_terminal_is_asked_before_anything_is_put_aside(
    sim: SimulatedPool, tmp_path: Path, answer: str, code: int
) -> None:
    (pool,) = sim.db.rows("pool")
    sim.db.update("pool", pool, wlb_enabled=True)
    ours, theirs = os.openpty()
    os.write(ours, f"{answer}\n".encode())
    try:
        found = subprocess.run(
            [sys.executable, "-m", "xenpatch", "patch", *map(str, job(sim)), "--backup-folder", tmp_path],
            env=os.environ | {"XENPATCH_PASSWORD": sim.password, "COLUMNS": "200"},
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert found.returncode == code, found.stderr
    assert "Put this aside for the time of the run" in found.stdout
    assert sim.db.get("pool", pool)["wlb_enabled"]
    assert bool(sim.journal.calls("pool.set_wlb_enabled")) is (answer == "y")


@pytest.mark.parametrize("verb", ["resume", "abandon"])
def test_without_a_run_there_is_nothing_to_continue_or_give_up(sim: SimulatedPool, verb: str) -> None:
    found = xenpatch(verb, "--pool", sim.url, password=sim.password)

    assert found.returncode == 3
    assert f"there is nothing to {verb}" in found.stderr
    assert changes(sim) == []


def test_a_run_that_died_is_resumed_from_the_command_line_without_its_files(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    sim.faults.add(
        FaultRule.from_dict(
            {"call": "host.reboot", "do": {"error": ["INTERNAL_ERROR", "no"]}, "object": "xs2"}
        )
    )
    first = xenpatch("patch", *job(sim), "--backup-folder", tmp_path, password=sim.password)
    assert first.returncode == 1

    second = xenpatch("resume", "--pool", sim.url, password=sim.password)

    assert (second.returncode, second.stderr) == (0, "")
    assert "SAMPLE602X001 is fully applied" in second.stdout
    assert boots(sim) == ["xs1", "xs2"]
    assert places(sim) == before


def test_a_dry_run_of_the_manual_mode_says_what_it_would_not_do(sim: SimulatedPool) -> None:
    found = xenpatch("patch", *job(sim), "--mode", "manual", "--dry-run", password=sim.password)

    assert found.returncode == 0
    assert "touch no VM and no host" in found.stdout
    assert "migrate" not in found.stdout
