"""What went wrong in the field with another tool for the same task; each test is named after what must hold.

The numbers are those of the vendor's own issues (CA-, SCTX-), as its published commits name them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.patch_pool import patch_pool
from simulator import Model, SimulatedPool
from simulator.hotfix import make_sample
from tests.flows import awkward
from tests.flows.kit import (
    Somebody,
    block,
    boots,
    changes,
    dies_at_the_reboot_of,
    fault,
    host_ref,
    patch,
    places,
    power_changes,
    traces,
)
from tests.simulated import Simulated
from xenpatch import record
from xenpatch.errors import ApplyFailed, PrecheckRefused, RebootFailed, StepFailed, UploadFailed
from xenpatch.options import How, PatchOptions, Remedies
from xenpatch.prechecks.remedies import auto_poweron, cd
from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.progress import Step, subscribe
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.session import Session, open_session
from xenpatch.xapi.survey import read_inventory

CURED = PatchOptions(remedy=Remedies.ALL)


@pytest.fixture
def two(prefect_server: object, quick_looks: None, simulated: Simulated) -> SimulatedPool:
    """Two hosts and two VMs."""
    del prefect_server, quick_looks
    return simulated(Model(hosts=2, vms=2))


def test_the_master_reboots_first_whatever_its_name(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-255551, CA-215093: slaves were rebooted before the master."""
    two.db.update("host", host_ref(two, "xs1"), name__label="zz-last")

    report = patch(two, tmp_path)

    assert [host.name for host in report.hosts] == ["zz-last", "xs2"]
    assert boots(two) == ["zz-last", "xs2"]


def test_hosts_are_rebooted_in_the_order_that_was_shown(sim: SimulatedPool, tmp_path: Path) -> None:
    """CA-293776, CA-268557: the order that was applied was not the one shown."""
    report = patch(sim, tmp_path)

    assert report.happened is not None
    shown = [turn.name for turn in report.happened.turns]
    assert boots(sim) == shown == [host.name for host in report.hosts]


def test_vms_return_though_somebody_else_has_rebooted_the_host(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-317856: where the reboot was skipped, so was the return of the VMs."""
    before = places(two)
    dies_at_the_reboot_of(two, tmp_path, "xs1")
    with awkward.client(two) as api:
        api.host.reboot(host_ref(two, "xs1"))
    while boots(two) != ["xs1"]:
        two.clock.sleep(1)

    patch(two, tmp_path)

    assert boots(two) == ["xs1", "xs2"]
    assert places(two) == before


def test_only_vms_that_still_run_elsewhere_are_brought_home(sim: SimulatedPool, tmp_path: Path) -> None:
    """CA-334860: VMs that had been stopped or removed meanwhile ended the run."""

    def stop_one_and_remove_another(session: Session, vms: dict[str, str], _: dict[str, str]) -> None:
        for name in ("vm-web-1", "vm-web-2"):
            session.call("VM.hard_shutdown", vms[name])
        session.call("VM.destroy", vms["vm-web-2"])

    before = places(sim)
    with subscribe(Somebody(sim, "xs1", stop_one_and_remove_another, Step.REBOOT)):
        patch(sim, tmp_path)

    assert places(sim) == {vm: host for vm, host in before.items() if not vm.startswith("vm-web")}
    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert list(traces(sim)) == []


def test_nothing_is_moved_or_resumed_to_a_host_that_is_not_enabled_yet(
    two: SimulatedPool, tmp_path: Path
) -> None:
    """CA-297666: VMs were resumed while their host was still disabled."""
    awkward.give_local_disk(two, "vm-web-1")

    patch(two, tmp_path, options=PatchOptions(stop={"vm-web-1": How.SUSPEND}))

    returning = [*two.journal.calls("VM.pool_migrate"), *two.journal.calls("VM.resume_on")]
    assert len(returning) >= 3
    assert [line["result"] for line in returning if line["result"] != "ok"] == []


def test_a_reboot_that_was_answered_by_nobody_is_told_once_and_begun_once(
    two: SimulatedPool, tmp_path: Path
) -> None:
    """CA-310765: a lost connection during the reboot made its retry misbehave."""
    for name in ("xs1", "xs2"):
        fault(two, "host.reboot", {"drop": "after"}, object=name)

    patch(two, tmp_path)

    assert boots(two) == ["xs1", "xs2"]


@pytest.mark.leaves("host xs1 is disabled")
def test_a_reboot_that_never_begins_is_told_within_the_limit(sim: SimulatedPool, tmp_path: Path) -> None:
    """CA-223407: no reboot was triggered, and the tool said "rebooting" for ever."""
    fault(sim, "host.reboot", {"drop": "before"}, times="always")

    with pytest.raises(StepFailed, match=r"host\.reboot was lost"):
        patch(sim, tmp_path, options=PatchOptions(reboot_limit=2.0))

    assert boots(sim) == []


def test_the_hotfix_is_known_by_its_uuid_and_not_by_a_reference(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-320203, CA-252923: after a restart of the master the reference of the hotfix was another one."""
    fault(two, "pool_patch.pool_apply", {"error": ["INTERNAL_ERROR", "no"]})
    with pytest.raises(ApplyFailed):
        patch(two, tmp_path)
    ((ref, row),) = two.db.rows("pool_patch").items()
    two.db.destroy("pool_patch", ref)
    again = two.db.create("pool_patch", **row)

    patch(two, tmp_path)

    assert again != ref
    assert boots(two) == ["xs1", "xs2"]


def test_a_host_that_the_master_does_not_know_for_a_moment_is_waited_for(
    two: SimulatedPool, tmp_path: Path
) -> None:
    """CA-184560: a host that was not in the cache after its reboot was taken for another version."""
    fault(two, "host.get_by_uuid", {"error": ["HOST_STILL_BOOTING"]}, skip=30, times=3)

    patch(two, tmp_path)

    assert boots(two) == ["xs1", "xs2"]


def test_a_pool_without_vms_is_patched(
    prefect_server: object, quick_looks: None, simulated: Simulated, tmp_path: Path
) -> None:
    """CA-220049: emptying a host of a plain pool crashed."""
    del prefect_server, quick_looks
    empty = simulated(Model(hosts=2, vms=0))

    patch(empty, tmp_path)

    assert boots(empty) == ["xs1", "xs2"]


def test_nothing_of_one_hotfix_is_left_for_the_run_of_the_next(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-253047, CA-236114: the state of an earlier update leaked into the next run."""
    first = patch(two, tmp_path)
    made = make_sample(tmp_path, "6.0.2", number=9)

    second = patch_pool(
        block(two), (made.archive,), (made.manifest,), None, PatchOptions(backup_folder=tmp_path / "second")
    )

    assert first.hotfix != second.hotfix == made.info.name_label
    assert all(first.hotfix not in sentence for sentence in second.summary())
    assert boots(two) == ["xs1", "xs2"] * 2


def test_slaves_are_patched_while_the_master_waits_for_a_reboot(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-267330, CA-293119: an update of the slaves was blocked while the master waited for its restart."""
    fault(two, "host.reboot", {"error": ["INTERNAL_ERROR", "no"]}, object="xs1")
    with pytest.raises(RebootFailed):
        patch(two, tmp_path)
    assert record.held_by(_inventory(two).other_config) is not None

    patch(two, tmp_path)

    assert boots(two) == ["xs1", "xs2"]


def test_what_was_put_aside_is_put_back_once_after_the_last_host(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-252877, CA-123914: fixes of the prechecks were not reverted, or after the first host already."""
    with awkward.client(two) as api:
        awkward.enable_ha(api, awkward.vm(two, "vm-web-1"))
    since = two.journal.now()

    patch(two, tmp_path, options=CURED)

    (off,) = two.journal.calls("pool.disable_ha")
    (on,) = [line for line in two.journal.calls("pool.enable_ha") if line["t"] > since]
    first, last = (line["t"] for line in two.journal.events("boot"))
    assert off["t"] < first < last < on["t"]


def test_what_is_gone_needs_no_undo(two: SimulatedPool) -> None:
    """CA-271945: reverting crashed when the object was gone."""
    gone = "00000000-0000-0000-0000-000000000000"
    with open_session(block(two).endpoint()) as session:
        cd.undo(session, Remedy(Kind.EJECT_CD, gone, "vm", {"cd": "disc", "vdi": gone}))
        auto_poweron.undo(session, Remedy(Kind.NO_AUTO_POWERON, gone, "vm"))

    assert changes(two) == []


def test_a_host_waits_for_its_own_storage_only(sim: SimulatedPool, tmp_path: Path) -> None:
    """CA-350406, CA-147941: a PBD of another host that never attached held every reboot up."""
    drives = [ref for ref, row in sim.db.rows("SR").items() if row["type"] == "udev"]
    (pbd,) = [
        ref
        for ref, row in sim.db.rows("PBD").items()
        if row["host"] == host_ref(sim, "xs3") and row["SR"] in drives
    ]
    sim.db.update("PBD", pbd, currently_attached=False)

    patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert sim.journal.calls("PBD.plug") == []


def test_nobody_is_asked_about_vms_on_hosts_that_are_done(sim: SimulatedPool, tmp_path: Path) -> None:
    """CA-251630: hosts with the update were checked and rebooted all the same."""
    patch(sim, tmp_path, options=PatchOptions(hosts=("xs2",)))
    assert boots(sim) == ["xs1", "xs2"]
    awkward.give_local_disk(sim, "vm-db-1")
    before = places(sim)

    patch(sim, tmp_path)

    assert before["vm-db-1"] == "xs2"
    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before


def test_a_failure_to_clean_up_does_not_hide_why_the_run_was_refused(
    two: SimulatedPool, tmp_path: Path
) -> None:
    """CA-236566, CA-229009: errors of the clean-up masked the real one."""
    fault(two, "pool_patch.precheck", {"error": ["PATCH_PRECHECK_FAILED_VM_RUNNING"]}, times="always")
    fault(two, "pool_patch.destroy", {"error": ["INTERNAL_ERROR", "no"]})

    with pytest.raises(PrecheckRefused) as refused:
        patch(two, tmp_path)

    assert any("needs all VMs of the host stopped" in each.message for each in refused.value.findings)


def test_an_upload_that_found_no_space_is_not_taken_for_one_that_was_made(
    two: SimulatedPool, tmp_path: Path
) -> None:
    """CA-217388: a patch was marked as uploaded though there had been no space."""
    fault(two, "PUT /pool_patch_upload", {"full": True})
    with pytest.raises(UploadFailed, match="space"):
        patch(two, tmp_path)

    patch(two, tmp_path)

    assert boots(two) == ["xs1", "xs2"]


def test_space_is_checked_on_the_only_host_of_a_pool_too(
    prefect_server: object,
    quick_looks: None,
    simulated: Simulated,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CA-265172: the check of disk space left standalone hosts out."""
    del prefect_server, quick_looks
    monkeypatch.setattr("simulator.control_domain._FREE_KIB", 1024)
    single = simulated(Model(hosts=1, vms=0))

    with pytest.raises(PrecheckRefused) as refused:
        patch(single, tmp_path, ssh=True)

    assert [each.subject for each in refused.value.findings if each.check == "disk space"] == ["xs1"]
    assert boots(single) == []


def test_a_host_that_has_the_hotfix_already_does_not_stop_the_run(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-293099: PATCH_ALREADY_APPLIED ended the run."""
    with awkward.client(two) as api:
        fault(two, "pool_patch.pool_apply", {"error": ["INTERNAL_ERROR", "no"]})
        with pytest.raises(ApplyFailed):
            patch(two, tmp_path)
        (hotfix,) = api.pool_patch.get_all()
        api.pool_patch.apply(hotfix, host_ref(two, "xs2"))
    fault(two, "pool_patch.pool_apply", {"error": ["PATCH_ALREADY_APPLIED"]})

    patch(two, tmp_path)

    assert boots(two) == ["xs1", "xs2"]


def test_ha_alone_makes_nobody_stop_vms_and_all_that_are_stuck_are_listed(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    """CA-77990, CA-108379: blocked VMs were listed one at a time; with HA on, all seemed to be blocked."""
    with awkward.client(sim) as api:
        awkward.enable_ha(api, awkward.vm(sim, "vm-web-1"))
    for name in ("vm-db-1", "vm-app-1"):
        awkward.give_local_disk(sim, name)

    with pytest.raises(PrecheckRefused) as refused:
        patch(sim, tmp_path)

    stuck = {each.subject for each in refused.value.findings if each.check == "evacuation"}
    assert stuck == {"vm-db-1", "vm-app-1"}


def test_all_storage_that_is_not_attached_is_listed(sim: SimulatedPool, tmp_path: Path) -> None:
    """CA-299356: only the first broken SR was named."""
    shared = [ref for ref, row in sim.db.rows("SR").items() if row["shared"]]
    for pbd, row in sim.db.rows("PBD").items():
        if row["host"] == host_ref(sim, "xs3") and row["SR"] in shared:
            sim.db.update("PBD", pbd, currently_attached=False)

    with pytest.raises(PrecheckRefused) as refused:
        patch(sim, tmp_path)

    told = [each.message for each in refused.value.findings if each.check == "storage"]
    assert len(told) == len(shared) == 2


def test_an_unreachable_host_hides_nothing_of_the_others(sim: SimulatedPool, tmp_path: Path) -> None:
    """CA-239951, CA-108379: an unreachable host kept the reachable ones from being checked."""
    metrics = sim.db.get("host", host_ref(sim, "xs3"))["metrics"]
    sim.db.update("host_metrics", metrics, live=False)
    awkward.give_local_disk(sim, "vm-db-1")

    with pytest.raises(PrecheckRefused) as refused:
        patch(sim, tmp_path)

    told = {(each.check, each.subject) for each in refused.value.findings}
    assert ("liveness", "xs3") in told
    assert ("evacuation", "vm-db-1") in told
    assert not any(subject == "xs3" and check != "liveness" for check, subject in told)
    sim.db.update("host_metrics", metrics, live=True)


ODD = 'vm & <web> "1" %s {x} ü / ?a=b#c'


def test_names_may_hold_any_character(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-187909: names were put into addresses as they were."""
    two.db.update("VM", awkward.vm(two, "vm-web-1"), name__label=ODD)
    two.db.update("host", host_ref(two, "xs2"), name__label=f"host {ODD}")
    (pool,) = two.db.rows("pool")
    two.db.update("pool", pool, name_label=f"pool {ODD}")
    before = places(two)

    report = patch(two, tmp_path)

    assert places(two) == before
    assert ODD in before
    assert report.pool == f"pool {ODD}"


def test_a_right_that_the_user_lacks_is_told_by_its_name(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-236705: a pool administrator who was not root crashed the run."""
    denied = ["RBAC_PERMISSION_DENIED", "pool_patch.pool_apply", "No permission in user session"]
    fault(two, "pool_patch.pool_apply", {"error": denied}, times="always")
    fault(two, "pool_patch.apply", {"error": denied}, times="always")

    with pytest.raises(ApplyFailed, match="RBAC_PERMISSION_DENIED"):
        patch(two, tmp_path)

    assert (boots(two), power_changes(two)) == ([], [])


def test_the_control_domain_is_no_vm_to_restart(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-116547: the control domain was listed among the VMs to restart."""
    made = make_sample(tmp_path, "6.0.2", number=9, guidance=["restartPV", "restartHVM"])

    report = patch_pool(
        block(two), (made.archive,), (made.manifest,), None, PatchOptions(backup_folder=tmp_path / "backups")
    )

    assert len(report.left) == 2
    assert not any("Control domain" in sentence for sentence in report.left)


def test_an_automatic_start_that_was_switched_off_is_seen_as_off(two: SimulatedPool, tmp_path: Path) -> None:
    """CA-271863: the check after the change still saw the old value."""
    vm = awkward.vm(two, "vm-web-1")
    awkward.give_local_disk(two, "vm-web-1")
    two.db.set_in_map("VM", vm, "other_config", "auto_poweron", "true")

    patch(two, tmp_path, options=PatchOptions(remedy=Remedies.ALL, stop={"storage": How.SUSPEND}))

    assert two.db.get("VM", vm)["other_config"]["auto_poweron"] == "true"
    assert boots(two) == ["xs1", "xs2"]


def _inventory(sim: SimulatedPool) -> Inventory:
    with open_session(block(sim).endpoint()) as session:
        return read_inventory(session)
