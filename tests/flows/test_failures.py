"""What goes wrong on the way, and where the run and the pool are then."""

from pathlib import Path

import pytest

from flows.patch_pool import patch_pool
from simulator import SimulatedPool
from tests.flows.kit import block, boots, changes, fault, patch, places, power_changes, shell, traces
from xenpatch.errors import (
    ApplyFailed,
    DrainFailed,
    PoolError,
    PrecheckRefused,
    ReturnFailed,
    RunInProgress,
    UploadFailed,
    VerificationFailed,
)
from xenpatch.options import PatchOptions
from xenpatch.plan.model import Plan
from xenpatch.plan.planner import plan_run
from xenpatch.record import homes
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import BOOT, read_inventory


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_apply_whose_answer_is_lost_is_carried_out_once(
    sim: SimulatedPool, tmp_path: Path, when: str
) -> None:
    fault(sim, "pool_patch.pool_apply", {"drop": when})

    patch(sim, tmp_path)

    carried_out = [line for line in sim.journal.calls("pool_patch.pool_apply") if line["result"] == "ok"]
    assert len(carried_out) == 1
    if when == "after":
        assert changes(sim).count("pool_patch.pool_apply") == 1


def test_an_apply_that_stops_part_way_names_the_hosts_and_is_continued(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    fault(sim, "patch", {"fail": "rpm: disk full"}, object="xs2")

    with pytest.raises(ApplyFailed) as failed:
        patch(sim, tmp_path)

    for part in ("xs2", "rpm: disk full", "Applying it moved no VM and rebooted no host"):
        assert part in str(failed.value)
    assert boots(sim) == []

    report = patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert len(report.hosts) == 3
    assert list(traces(sim)) == []


@pytest.mark.parametrize("call", ["VM.pool_migrate", "host.disable", "host.reboot"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_changes_nothing_in_the_end(
    sim: SimulatedPool, tmp_path: Path, call: str, when: str
) -> None:
    before = places(sim)
    fault(sim, call, {"drop": when})

    patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert set(power_changes(sim)) <= {"Running"}


def test_a_migration_that_fails_once_is_tried_again(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    fault(sim, "VM.pool_migrate", {"error": ["VM_MIGRATE_FAILED", "vm", "xs1", "xs2", "hvm"]}, times=2)

    patch(sim, tmp_path)

    assert places(sim) == before


def test_a_host_that_cannot_be_emptied_goes_back_into_service(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    stubborn = next(vm for vm, host in sorted(before.items()) if host == "xs1")
    fault(
        sim,
        "VM.pool_migrate",
        {"error": ["VM_MIGRATE_FAILED", "vm", "xs1", "xs2", "hvm"]},
        object=stubborn,
        times="always",
    )

    with pytest.raises(DrainFailed, match=r"in service again with its VMs\. It was not rebooted"):
        patch(sim, tmp_path)

    master = next(row for row in sim.db.rows("host").values() if row["name__label"] == "xs1")
    marks = [key for key in master["other_config"] if key.startswith(("xenpatch", "MAINTENANCE"))]
    assert [key for key in marks if not key.startswith(BOOT)] == []
    assert boots(sim) == []
    assert places(sim) == before
    assert set(power_changes(sim)) <= {"Running"}


def test_vms_that_cannot_go_back_to_a_host_that_was_not_emptied_are_named(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    with open_session(block(sim).endpoint()) as session:
        pool = read_inventory(session)
    second = next(host for host in pool.hosts if host.name == "xs2")
    plan = plan_run(pool, [host.uuid for host in pool.hosts], homes(pool))
    assert isinstance(plan, Plan)
    (gone,) = [move.vm_name for move in plan.out(second.uuid) if move.dst == pool.master]
    (stubborn,) = [move.vm_name for move in plan.out(second.uuid) if move.vm_name != gone]
    fault(
        sim,
        "VM.pool_migrate",
        {"error": ["VM_MIGRATE_FAILED", "vm", "xs2", "xs3", "hvm"]},
        object=stubborn,
        times="always",
    )

    with pytest.raises(DrainFailed) as failed:
        patch(sim, tmp_path)

    assert f"in service again with its VMs, but for {gone}" in str(failed.value)
    assert places(sim) == before | {gone: "xs1"}


def test_an_upload_for_which_there_is_no_space_is_refused(sim: SimulatedPool, tmp_path: Path) -> None:
    fault(sim, "PUT /pool_patch_upload", {"full": True}, times="always")

    with pytest.raises(UploadFailed) as failed:
        patch(sim, tmp_path)

    assert "No host was touched" in str(failed.value)
    assert list(traces(sim)) == []


def test_a_pool_that_another_run_holds_is_not_touched(sim: SimulatedPool, tmp_path: Path) -> None:
    pool = next(iter(sim.db.rows("pool")))
    sim.db.update("pool", pool, other_config={"xenpatch": '{"run": "somebody-else"}'})
    mark = len(sim.journal.lines)

    with pytest.raises(RunInProgress) as refused:
        patch(sim, tmp_path)

    assert "This run changed nothing" in str(refused.value)
    assert changes(sim, since=mark) == []


def test_a_precheck_that_a_host_refuses_takes_the_upload_away_again(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    error = ["PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION", "OpaqueRef:patch", "6.0.2", "6.2.0"]
    fault(sim, "pool_patch.precheck", {"error": error}, object="xs3", times="always")

    with pytest.raises(PrecheckRefused, match="1 of the findings block"):
        patch(sim, tmp_path)

    assert sim.db.rows("pool_patch") == {}
    assert list(traces(sim)) == []


def test_a_vm_that_cannot_return_is_told_and_brought_home_by_the_next_run(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    homesick = next(vm for vm, host in sorted(before.items()) if host == "xs1")
    fault(
        sim,
        "VM.pool_migrate",
        {"error": ["VM_MIGRATE_FAILED", "vm", "xs2", "xs1", "hvm"]},
        object=homesick,
        skip=1,
        times=12,
    )

    with pytest.raises(ReturnFailed) as failed:
        patch(sim, tmp_path)

    assert homesick in str(failed.value) or "VM_MIGRATE_FAILED" in str(failed.value)
    assert set(power_changes(sim)) <= {"Running"}

    patch(sim, tmp_path)

    assert places(sim) == before
    assert boots(sim)[0] == "xs1"
    assert sorted(boots(sim)) == ["xs1", "xs2", "xs3"], "in which order depends on who was home by then"
    assert list(traces(sim)) == []


def test_a_host_that_fails_its_verification_is_not_done_before_it_passes(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(sim.manifest.read_text().replace("22.el5_8.3", "99.el5_8.3"))
    options = PatchOptions(backup_folder=tmp_path)

    for _ in range(2):
        with pytest.raises(VerificationFailed, match="xs1 is not as it should be"):
            patch_pool(block(sim), (sim.hotfix,), (wrong,), shell(sim), options)
        assert boots(sim) == ["xs1"]

    report = patch(sim, tmp_path, ssh=True)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert [host.name for host in report.hosts] == ["xs1", "xs2", "xs3"]
    assert list(traces(sim)) == []


def test_a_vm_whose_migration_is_blocked_by_its_owner_is_found_before_anything_is_changed(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    vm = next(ref for ref, row in sim.db.rows("VM").items() if row["name__label"] == "vm-db-1")
    sim.db.update("VM", vm, blocked_operations={"pool_migrate": "the operator says no"})

    with pytest.raises(PrecheckRefused) as refused:
        patch(sim, tmp_path)

    assert [f.subject for f in refused.value.findings if f.severity == "blocks"] == ["vm-db-1"]
    assert changes(sim) == []


@pytest.mark.parametrize(
    ("call", "key", "told"),
    [
        ("pool_patch.precheck", "", "xs1's own precheck of SAMPLE602X001: pool_patch.precheck failed"),
        (
            "host.add_to_other_config",
            "xenpatch-disabled",
            "take xs1 out of service: host.add_to_other_config",
        ),
        ("pool.remove_from_other_config", "xenpatch-alive-", "write the run record: pool.remove_from_other"),
    ],
)
def test_an_unforeseen_error_says_at_what_it_came(
    sim: SimulatedPool, tmp_path: Path, call: str, key: str, told: str
) -> None:
    fault(sim, call, {"error": ["INTERNAL_ERROR", "simulated"]}, key=key)

    with pytest.raises(PoolError) as failed:
        patch(sim, tmp_path)

    assert str(failed.value).startswith(told)
