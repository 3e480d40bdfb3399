"""A pool is patched, from the file to the last VM at home."""

from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

from simulator import SimulatedPool
from tests.flows.conftest import SPEED
from tests.flows.kit import boots, changes, patch, places, power_changes, traces
from xenpatch.waiting import NotYet, wait_for


def test_every_host_is_patched_and_rebooted_once_the_master_first(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)

    report = patch(sim, tmp_path, ssh=True)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert [host.name for host in report.hosts] == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert set(power_changes(sim)) <= {"Running"}
    assert list(traces(sim)) == []


def test_the_second_run_finds_everything_done_and_changes_nothing(sim: SimulatedPool, tmp_path: Path) -> None:
    patch(sim, tmp_path)
    mark = len(sim.journal.lines)

    report = patch(sim, tmp_path)

    assert not report.changed
    assert changes(sim, since=mark) == []


def test_nothing_is_changed_before_the_backup_but_the_upload_and_the_record(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    report = patch(sim, tmp_path)
    calls = [line["call"] for line in sim.journal.calls()]

    before = set(calls[: calls.index("GET /pool/xmldbdump")])
    assert not before & {"pool_patch.pool_apply", "host.disable", "VM.pool_migrate", "host.reboot"}
    assert report.backup is not None
    backup = Path(report.backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert backup.read_bytes().endswith(b"</database>")


@pytest.mark.usefixtures("recording_server")
def test_each_host_is_a_subflow_run_named_after_it_and_its_tasks_read_as_a_log(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    patch(sim, tmp_path)

    wanted = FlowRunFilter(name=FlowRunFilterName(any_=[host.name for host in sim.hosts]))
    with get_client(sync_client=True) as client:
        subflows = client.read_flow_runs(flow_run_filter=wanted)
    assert {run.name for run in subflows} >= {"xs1", "xs2", "xs3"}

    def stored() -> set[str] | NotYet:
        with get_client(sync_client=True) as client:
            found = {task.name for task in client.read_task_runs(flow_run_filter=wanted)}
        whole = {"take xs1 out of service", "maintenance mode of xs1", "reboot xs1", "verify xs1"} <= found
        return found if whole else NotYet(str(found))

    names = wait_for("the server to store the task runs", stored, 60, of_the_pool=False)
    assert any(name.startswith("migrate vm-") and " → xs" in name for name in names)
    assert [name for name in names if "_" in name or name.endswith("None")] == []


def test_hosts_of_both_levels_run_side_by_side_from_the_first_boot_to_the_last_shutdown(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    report = patch(sim, tmp_path)

    boot_lines = sim.journal.events("boot")
    reboots = sim.journal.calls("host.reboot")
    expected = reboots[-1]["t"] - boot_lines[0]["t"]
    assert abs(report.mixed_seconds - expected) < SPEED
