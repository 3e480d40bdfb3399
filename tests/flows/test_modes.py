"""What a run does beside patching host after host: only apply, some hosts, what hotfixes ask for."""

from pathlib import Path

import pytest

from flows.patch_pool import patch_pool
from simulator import SimulatedPool
from simulator.hotfix import SampleHotfix, make_sample
from tests.flows import awkward
from tests.flows.kit import block, boots, changes, patch, places, power_changes, traces
from xenpatch.guidance.pending import pending
from xenpatch.hotfix.manifest import Guidance
from xenpatch.options import Mode, PatchOptions
from xenpatch.report import RunReport
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import read_inventory

GOLDEN = Path(__file__).parent / "golden"
MANUAL = PatchOptions(mode=Mode.MANUAL)


def seen(sim: SimulatedPool) -> Inventory:
    with open_session(block(sim).endpoint()) as session:
        return read_inventory(session)


def run(sim: SimulatedPool, folder: Path, *samples: SampleHotfix, **options: object) -> RunReport:
    """Run the flow with hotfixes of one's own."""
    chosen = PatchOptions(backup_folder=folder / "backups", **options)  # type: ignore[arg-type]
    files, manifests = zip(*((each.archive, each.manifest) for each in samples), strict=True)
    return patch_pool(block(sim), files, manifests, None, chosen)


def test_the_manual_mode_applies_touches_no_vm_and_no_host_and_leaves_a_list(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    awkward.give_local_disk(sim, "vm-db-1")
    before = places(sim)
    file = tmp_path / "list.md"

    report = patch(sim, tmp_path, options=MANUAL.model_copy(update={"task_list": file}))

    assert file.read_text() == (GOLDEN / "manual-three-hosts.md").read_text() == report.todo
    assert boots(sim) == []
    assert power_changes(sim) == []
    assert places(sim) == before
    touching = [call for call in changes(sim) if call.startswith(("VM.", "host.", "VBD.", "PBD."))]
    assert touching == []
    assert [task.host.name for task in pending(seen(sim)).of(Guidance.RESTART_HOST)] == ["xs1", "xs2", "xs3"]
    assert list(traces(sim)) == []


def test_what_the_manual_mode_left_is_finished_by_an_automatic_run(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    patch(sim, tmp_path, options=MANUAL)

    patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert not pending(seen(sim))


def test_the_list_says_what_works_against_reboots(sim: SimulatedPool, tmp_path: Path) -> None:
    with awkward.client(sim) as api:
        awkward.enable_ha(api, awkward.vm(sim, "vm-web-1"))

    report = patch(sim, tmp_path, options=MANUAL)

    assert report.todo is not None
    first, last = report.todo.index("xe pool-ha-disable"), report.todo.index("xe pool-ha-enable")
    assert first < report.todo.index("xe host-disable") < last
    assert "ha-host-failures-to-tolerate=1" in report.todo


def test_only_the_hosts_named_and_the_master_reboot_and_the_others_are_left_to_do(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)

    report = patch(sim, tmp_path, options=PatchOptions(hosts=("xs3",)))

    assert boots(sim) == ["xs1", "xs3"]
    assert places(sim) == before
    assert "reboot xs2" in "\n".join(report.summary())
    assert list(traces(sim)) == []

    patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs3", "xs2"]


def made(folder: Path, number: int, *guidance: str) -> SampleHotfix:
    own = folder / f"hotfix-{number}"
    own.mkdir()
    return make_sample(own, "6.0.2", number=number, guidance=guidance)


def test_several_hotfixes_cost_one_reboot_of_each_host(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    samples = [made(tmp_path, number, "restartHost") for number in (7, 8)]

    report = run(sim, tmp_path, *samples)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    names = {patch.name for host in seen(sim).hosts for patch in host.patches.values()}
    assert names == {"SAMPLE602X007", "SAMPLE602X008"}
    assert all(len(host.patches) == 2 for host in seen(sim).hosts)
    assert "SAMPLE602X007, SAMPLE602X008 is fully applied" in report.summary()[0]


def test_what_the_pool_has_already_is_not_installed_again(sim: SimulatedPool, tmp_path: Path) -> None:
    first, second = (made(tmp_path, number, "restartHost") for number in (7, 8))
    run(sim, tmp_path, first)
    booted = len(boots(sim))

    run(sim, tmp_path, first, second)

    assert len(sim.journal.calls("pool_patch.pool_apply")) == 2
    assert len(boots(sim)) == booted + 3


def test_a_hotfix_for_the_toolstack_restarts_the_toolstacks_the_masters_first(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    started = {host.name: host.agent_start_time for host in seen(sim).hosts}

    run(sim, tmp_path, made(tmp_path, 7, "restartXAPI"))

    names = {ref: row["name__label"] for ref, row in sim.db.rows("host").items()}
    restarts = sim.journal.calls("host.restart_agent")
    assert [names[line["args"][0]] for line in restarts] == ["xs1", "xs2", "xs3"]
    assert all(host.agent_start_time > started[host.name] for host in seen(sim).hosts)
    assert (boots(sim), power_changes(sim), places(sim)) == ([], [], before)
    assert list(traces(sim)) == []


def test_a_reboot_stands_for_a_restart_of_the_toolstack(sim: SimulatedPool, tmp_path: Path) -> None:
    run(sim, tmp_path, made(tmp_path, 7, "restartXAPI"), made(tmp_path, 8, "restartHost"))

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert sim.journal.calls("host.restart_agent") == []


def test_a_hotfix_that_asks_for_nothing_empties_no_host(sim: SimulatedPool, tmp_path: Path) -> None:
    with awkward.client(sim) as api:
        awkward.enable_ha(api, awkward.vm(sim, "vm-web-1"))

    run(sim, tmp_path, made(tmp_path, 7))

    assert boots(sim) == []
    assert sim.journal.calls("VM.pool_migrate") == []
    assert all(host.patches for host in seen(sim).hosts)


@pytest.mark.parametrize("allowed", [False, True])
def test_vms_restart_where_a_hotfix_asks_for_it_and_the_operator_agrees(
    sim: SimulatedPool, tmp_path: Path, *, allowed: bool
) -> None:
    report = run(sim, tmp_path, made(tmp_path, 7, "restartPV"), restart_vms=allowed)

    rebooted = len(sim.journal.calls("VM.clean_reboot"))
    assert rebooted == (6 if allowed else 0)
    assert len(report.left) == (0 if allowed else 6)
    assert boots(sim) == []


def test_the_files_are_removed_after_success_if_that_is_asked(sim: SimulatedPool, tmp_path: Path) -> None:
    patch(sim, tmp_path, options=PatchOptions(clean=True))

    assert len(sim.journal.calls("pool_patch.clean")) == 1
    (row,) = sim.db.rows("pool_patch").values()
    assert row["filename"] == ""
    assert all(host.patches for host in seen(sim).hosts)
