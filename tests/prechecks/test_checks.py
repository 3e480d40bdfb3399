"""Each check with the picture in which it speaks, and what it says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.plan.pools import homes, host, hosts_of, pool, vm, with_host, with_vm, with_vms_at
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.manifest import HotfixId, HotfixUuid, known_manifests
from xenpatch.options import How, Mode, PatchOptions
from xenpatch.plan.model import Plan, Policy
from xenpatch.plan.planner import plan_run
from xenpatch.prechecks import CHECKS, OF_MOVES, check, consent
from xenpatch.prechecks.finding import Finding, Severity, blocking, remedies
from xenpatch.prechecks.picture import Obstacle, Picture, Verdict
from xenpatch.prechecks.planning import as_cured, hosts_to_do, make_plan
from xenpatch.prechecks.remedy import Kind
from xenpatch.record import HOME
from xenpatch.xapi.inventory import AppliedPatch, Disk, Inventory
from xenpatch.xapi.rights import Rights
from xenpatch.xapi.types import SrUuid, VbdUuid, VdiUuid, VmUuid

XS602E008 = next(manifest for manifest in known_manifests() if manifest.name == "XS602E008")
E008 = Bundle((XS602E008,))
NO_OPTIONS = PatchOptions()
VMS = {"vm-a": ("xs1", 4.0), "vm-b": ("xs2", 4.0)}


def healthy(vms: Mapping[str, tuple[str, float]] = VMS, **options: object) -> Inventory:
    made = pool({"xs1": 16, "xs2": 16}, vms, **options)  # type: ignore[arg-type]
    return replace(made, hosts=tuple(replace(each, product_version="6.0.2") for each in made.hosts))


def picture(
    seen: Inventory,
    obstacles: Mapping[VmUuid, Obstacle] | None = None,
    options: PatchOptions = NO_OPTIONS,
    bundle: Bundle = E008,
) -> Picture:
    known = obstacles or {}
    todo = hosts_to_do(seen, bundle)
    stops = consent.stops(seen, known, options.stop)
    return Picture(
        pool=seen,
        rights=Rights("root"),
        bundle=bundle,
        todo=todo,
        plan=make_plan(seen, bundle, known, Policy(), stops, options.hosts),
        options=options,
        stops=stops,
        needed_space=300 << 20,
        obstacles=known,
        verdicts=dict.fromkeys(todo, Verdict()),
        free_space=dict.fromkeys(todo, 1 << 30),
    )


def patched(seen: Inventory, name: str, *, booted_after: bool) -> Inventory:
    applied = AppliedPatch(HotfixUuid(XS602E008.uuid), "XS602E008", datetime(2026, 11, 1, tzinfo=UTC))
    boot = applied.applied_at.timestamp() + (3600 if booted_after else -3600)
    return replace(
        seen,
        hosts=tuple(
            replace(each, patches={applied.uuid: applied}, boot_time=boot) if each.name == name else each
            for each in seen.hosts
        ),
    )


def said(findings: tuple[Finding, ...], check_name: str) -> list[tuple[Severity, str]]:
    return [(finding.severity, finding.subject) for finding in findings if finding.check == check_name]


def test_a_healthy_pool_has_no_findings() -> None:
    assert check(picture(healthy())) == ()


@pytest.mark.parametrize("version", ["6.0.0", "6.2.0", ""])
def test_a_host_of_another_version_blocks(version: str) -> None:
    other = healthy()
    other = replace(other, hosts=(other.hosts[0], replace(other.hosts[1], product_version=version)))

    assert said(check(picture(other)), "version") == [(Severity.BLOCKS, "xs2")]


def test_an_unreachable_host_is_one_finding_and_hides_no_other() -> None:
    found = check(picture(with_host(replace(healthy(), ha_enabled=True), "xs2", live=False)))

    assert said(found, "liveness") == [(Severity.BLOCKS, "xs2")]
    assert said(found, "HA") == [(Severity.BLOCKS, "pool")]


def test_a_host_that_somebody_disabled_blocks() -> None:
    assert said(check(picture(with_host(healthy(), "xs2", enabled=False))), "enabled") == [
        (Severity.BLOCKS, "xs2")
    ]


def test_a_host_that_a_run_disabled_does_not_block() -> None:
    seen = with_host(healthy(), "xs2", enabled=False)
    ours = replace(
        seen, hosts=(seen.hosts[0], replace(seen.hosts[1], other_config={"xenpatch-disabled": "true"}))
    )

    assert said(check(picture(ours)), "enabled") == []


@pytest.mark.parametrize(("field", "name"), [("ha_enabled", "HA"), ("wlb_enabled", "WLB")])
def test_what_works_against_the_run_blocks(field: str, name: str) -> None:
    assert said(check(picture(replace(healthy(), **{field: True}))), name) == [(Severity.BLOCKS, "pool")]  # type: ignore[arg-type]


def test_a_migration_network_is_refused_since_the_release_has_no_say_in_it() -> None:
    found = check(replace(picture(healthy()), migration_network="fast"))

    assert said(found, "migration network") == [(Severity.BLOCKS, "pool")]
    assert "network fast: in XenServer 6.0.2" in found[0].message


def test_a_running_vm_in_a_pool_of_one_blocks() -> None:
    single = pool({"xs1": 16}, {"vm-a": ("xs1", 4.0)})

    assert said(check(picture(single)), "hosts") == [(Severity.BLOCKS, "vm-a")]


def test_detached_shared_storage_that_running_vms_use_blocks() -> None:
    found = check(picture(with_host(healthy(), "xs2", attached=False)))

    assert (Severity.BLOCKS, "xs2") in said(found, "storage")


def test_a_vm_on_local_storage_is_named_with_its_disks() -> None:
    stuck = {vm("vm-a"): Obstacle("VM_REQUIRES_SR", ("OpaqueRef:vm", "OpaqueRef:sr"))}
    found = [f for f in check(picture(healthy(local=["vm-a"]), stuck)) if f.check == "evacuation"]

    assert [(f.severity, f.subject) for f in found] == [(Severity.BLOCKS, "vm-a")]
    assert "cannot leave xs1: disk" in found[0].message
    assert "which is local to its host" in found[0].message


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("VM_MISSING_PV_DRIVERS", "it has no PV drivers"),
        ("VM_HAS_PCI_ATTACHED", "PCI device"),
        ("NO_HOSTS_AVAILABLE", "no other host is in service"),
        ("SOMETHING_NEW", "the server says SOMETHING_NEW (OpaqueRef:vm)"),
    ],
)
def test_every_reason_of_the_server_is_told_in_words(code: str, words: str) -> None:
    found = blocking(check(picture(healthy(), {vm("vm-b"): Obstacle(code, ("OpaqueRef:vm",))})))

    assert [f.subject for f in found] == ["vm-b"]
    assert words in found[0].message


def test_memory_that_the_server_finds_short_is_judged_by_the_plan_of_the_whole_run() -> None:
    complaint = {vm("vm-b"): Obstacle("HOST_NOT_ENOUGH_FREE_MEMORY", ("OpaqueRef:vm",))}

    assert check(picture(healthy(), complaint)) == ()


def test_a_pool_without_room_for_the_whole_run_blocks_and_names_the_vm() -> None:
    full = healthy({"vm-a": ("xs1", 12.0), "vm-b": ("xs2", 12.0)})
    found = check(picture(full))

    assert said(found, "room") == [(Severity.BLOCKS, "xs1")]
    assert "vm-a" in next(f.message for f in found if f.check == "room")


def test_a_paused_vm_blocks() -> None:
    assert said(check(picture(healthy(paused=["vm-a"]))), "evacuation") == [(Severity.BLOCKS, "vm-a")]


def test_a_host_that_is_done_is_left_alone_and_the_mixture_is_told() -> None:
    half = patched(healthy(), "xs1", booted_after=True)
    found = check(picture(half))

    assert hosts_to_do(half, E008) == (host("xs2"),)
    assert said(found, "hotfix") == [(Severity.INFORMS, "xs1"), (Severity.WARNS, "pool")]
    assert blocking(found) == ()


def test_a_patched_host_that_was_not_rebooted_is_taken_into_the_run() -> None:
    half = patched(healthy(), "xs1", booted_after=False)

    assert hosts_to_do(half, E008) == (host("xs1"), host("xs2"))


def test_a_hotfix_uuid_in_upper_case_is_the_same_hotfix() -> None:
    upper = XS602E008.model_copy(update={"uuid": HotfixUuid(XS602E008.uuid.upper())})

    assert hosts_to_do(patched(healthy(), "xs1", booted_after=True), Bundle((upper,))) == (host("xs2"),)


def test_too_little_space_in_a_control_domain_blocks() -> None:
    seen = picture(healthy())
    found = check(replace(seen, free_space={**seen.free_space, host("xs2"): 100 << 20}))

    assert said(found, "disk space") == [(Severity.BLOCKS, "xs2")]
    assert "100 MiB free" in blocking(found)[0].message


def test_space_that_could_not_be_asked_for_is_told() -> None:
    found = check(replace(picture(healthy()), free_space={}))

    assert said(found, "disk space") == [(Severity.INFORMS, "xs1"), (Severity.INFORMS, "xs2")]


def test_each_host_that_refuses_the_hotfix_is_told() -> None:
    no = Verdict("PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION", "it is for version 6.0.2, found 6.0.0")
    found = blocking(check(replace(picture(healthy()), verdicts={host("xs1"): no, host("xs2"): no})))

    assert [f.subject for f in found] == ["xs1", "xs2"]


def test_a_precheck_that_was_not_run_is_told() -> None:
    found = check(replace(picture(healthy()), verdicts=None))

    assert said(found, "hotfix") == [(Severity.INFORMS, "pool")]


def test_all_findings_of_all_hosts_come_together() -> None:
    bad = with_host(replace(healthy(local=["vm-a"]), ha_enabled=True, wlb_enabled=True), "xs2", enabled=False)
    stuck = {vm("vm-a"): Obstacle("VM_REQUIRES_SR")}

    assert {f.check for f in blocking(check(picture(bad, stuck)))} >= {"HA", "WLB", "enabled", "evacuation"}


def test_the_plan_leaves_out_vms_that_cannot_move() -> None:
    stuck = healthy(local=["vm-a"])
    plan = make_plan(stuck, E008, {vm("vm-a"): Obstacle("VM_REQUIRES_SR")}, Policy())

    assert plan == plan_run(stuck, hosts_of(stuck), homes(stuck), ignore=[vm("vm-a")])


def test_a_host_whose_turn_has_begun_comes_first_although_the_pool_does_not_show_it_yet() -> None:
    seen = replace(healthy({"vm-a": ("xs2", 4.0), "vm-b": ("xs2", 4.0)}), hosts=())
    hosts = pool({"xs1": 16, "xs2": 16, "xs3": 16}, {}).hosts
    seen = patched(replace(seen, hosts=hosts), "xs1", booted_after=True)

    def order(*taken: str) -> list[str]:
        plan = make_plan(seen, E008, {}, Policy(), in_hand=[host(name) for name in taken])
        assert isinstance(plan, Plan)
        return [turn.name for turn in plan.turns]

    assert order() == ["xs3", "xs2"]
    assert order("xs2") == ["xs2", "xs3"]


def test_vms_come_home_to_a_host_in_hand_that_has_booted_and_is_not_in_service_yet() -> None:
    at_home = patched(healthy(), "xs1", booted_after=True)
    away = with_host(with_vms_at(at_home, {"vm-a": "xs2"}), "xs1", enabled=False)
    notes = {f"{HOME}-0": vm("vm-a")}
    seen = replace(away, hosts=(replace(away.hosts[0], other_config=notes), *away.hosts[1:]))

    plan = make_plan(seen, E008, {}, Policy(), in_hand=[host("xs1")])

    assert isinstance(plan, Plan)
    assert [move.vm_name for move in plan.back(host("xs1"))] == ["vm-a"]


def test_every_check_that_is_of_moves_is_a_check_and_none_is_made_twice() -> None:
    assert set(CHECKS) >= set(OF_MOVES)
    assert len(set(CHECKS)) == len(CHECKS)


@pytest.mark.parametrize(
    ("field", "kind"), [("ha_enabled", Kind.DISABLE_HA), ("wlb_enabled", Kind.DISABLE_WLB)]
)
def test_what_works_against_the_run_has_a_remedy(field: str, kind: Kind) -> None:
    found = check(picture(replace(healthy(), **{field: True})))  # type: ignore[arg-type]

    assert [remedy.kind for remedy in remedies(found)] == [kind]
    assert blocking(found, cured=True) == ()


def test_a_cd_that_another_host_lacks_is_ejected_and_hides_no_disk() -> None:
    cd = Disk("rescue", SrUuid("local-xs1"), is_cd=True, vbd=VbdUuid("drive"), vdi=VdiUuid("disc"))
    seen = with_vm(healthy(), "vm-a", disks=(*healthy().vms[0].disks, cd))
    stuck = {vm("vm-a"): Obstacle("VM_REQUIRES_SR", ("OpaqueRef:vm", "OpaqueRef:sr"))}

    found = check(picture(seen, stuck))

    assert said(found, "CD") == [(Severity.BLOCKS, "vm-a")]
    assert said(found, "evacuation") == []
    (remedy,) = remedies(found)
    assert (remedy.kind, remedy.subject, remedy.saved["vdi"]) == (Kind.EJECT_CD, "drive", "disc")


def test_a_cured_pool_is_planned_with_the_vms_whose_cds_are_ejected() -> None:
    cd = Disk("rescue", SrUuid("local-xs1"), is_cd=True, vbd=VbdUuid("drive"), vdi=VdiUuid("disc"))
    seen = with_vm(healthy(), "vm-a", disks=(*healthy().vms[0].disks, cd))
    stuck = {vm("vm-a"): Obstacle("VM_REQUIRES_SR")}

    cured, left = as_cured(seen, stuck, ())
    plan = make_plan(cured, E008, left, Policy())

    assert left == {}
    assert isinstance(plan, Plan)
    assert [move.vm_name for move in plan.out(host("xs1"))] == ["vm-a"]


def test_a_detached_sr_of_running_vms_is_plugged() -> None:
    found = check(picture(with_host(healthy(), "xs2", attached=False)))

    assert {remedy.kind for remedy in remedies(found)} == {Kind.PLUG_STORAGE}


@pytest.mark.parametrize("stopped", [False, True])
def test_automatic_start_blocks_where_the_vm_is_to_be_stopped(stopped: bool) -> None:
    seen = with_vm(healthy(), "vm-a", auto_poweron=True)
    options = PatchOptions(stop={"vm-a": How.SUSPEND} if stopped else {})

    found = check(picture(seen, options=options))

    assert said(found, "automatic start") == [(Severity.BLOCKS if stopped else Severity.WARNS, "vm-a")]
    assert [remedy.kind for remedy in remedies(found)] == [Kind.NO_AUTO_POWERON]


STUCK = {vm("vm-a"): Obstacle("VM_HAS_PCI_ATTACHED")}


@pytest.mark.parametrize("who", ["vm-a", "pci", "any"])
def test_a_stuck_vm_may_be_stopped_by_name_by_reason_or_whatever_the_reason(who: str) -> None:
    found = check(picture(healthy(), STUCK, PatchOptions(stop={who: How.SHUTDOWN})))

    assert blocking(found) == ()
    assert said(found, "consent") == [(Severity.INFORMS, "vm-a")]


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        ({"vm-z": How.SUSPEND}, "is no VM of this pool"),
        ({"pci": How.HARD}, "for VMs by name only"),
        ({"any": How.SUSPEND, "vm-a": How.REFUSE}, "cannot leave xs1"),
        ({"drivers": How.SUSPEND}, "cannot leave xs1"),
    ],
)
def test_what_was_not_allowed_or_means_nobody_blocks(stop: dict[str, How], words: str) -> None:
    found = blocking(check(picture(healthy(), STUCK, PatchOptions(stop=stop))))

    assert any(words in finding.message for finding in found)


def test_a_name_of_two_vms_must_be_made_clear() -> None:
    seen = healthy()
    seen = replace(seen, vms=tuple(replace(each, name="vm-a") for each in seen.vms))

    found = blocking(check(picture(seen, STUCK, PatchOptions(stop={"vm-a": How.SUSPEND}))))

    assert [finding.subject for finding in found] == ["vm-a"]
    assert "2 VMs" in found[0].message


def test_a_vm_that_cannot_be_suspended_is_told_before_anything_is_changed() -> None:
    seen = with_vm(healthy(), "vm-a", cannot_suspend="it has a device of its host")

    found = blocking(check(picture(seen, STUCK, PatchOptions(stop={"pci": How.SUSPEND}))))

    assert "it cannot be suspended" in found[0].message


def test_a_paused_vm_can_only_be_suspended() -> None:
    seen = healthy(paused=["vm-a"])

    assert blocking(check(picture(seen, options=PatchOptions(stop={"paused": How.SUSPEND})))) == ()
    shut = blocking(check(picture(seen, options=PatchOptions(stop={"paused": How.SHUTDOWN}))))
    assert "can only be suspended" in shut[0].message


def test_the_only_host_of_a_pool_may_reboot_with_its_vms_stopped() -> None:
    single = pool({"xs1": 16}, {"vm-a": ("xs1", 4.0)})
    alone = {vm("vm-a"): Obstacle("NO_HOSTS_AVAILABLE")}

    assert blocking(check(picture(single, alone, PatchOptions(stop={"alone": How.SUSPEND})))) == ()


def test_the_manual_mode_is_not_kept_from_applying_by_what_is_in_the_way_of_moves() -> None:
    bad = replace(healthy(), ha_enabled=True)

    found = check(picture(bad, STUCK, PatchOptions(mode=Mode.MANUAL)))

    assert blocking(found) == ()
    assert remedies(found) == ()
    assert said(found, "HA") == [(Severity.WARNS, "pool")]


def test_a_host_to_reboot_must_be_of_the_pool_and_the_others_are_told() -> None:
    wrong = blocking(check(picture(healthy(), options=PatchOptions(hosts=("xs9",)))))
    only_master = picture(healthy(), options=PatchOptions(hosts=("xs1",)))

    assert [finding.subject for finding in wrong] == ["xs9"]
    assert said(check(only_master), "hosts") == [(Severity.WARNS, "xs2")]
    assert isinstance(only_master.plan, Plan)
    assert [turn.name for turn in only_master.plan.turns] == ["xs1"]


def test_a_missing_requirement_blocks_and_one_that_is_given_does_not() -> None:
    first = XS602E008.model_copy(update={"name": "FIRST", "uuid": HotfixUuid("0" * 8 + XS602E008.uuid[8:])})
    needy = XS602E008.model_copy(update={"requires": (HotfixId(name="FIRST", uuid=first.uuid),)})

    assert "requires FIRST" in blocking(check(picture(healthy(), bundle=Bundle((needy,)))))[0].message
    assert blocking(check(picture(healthy(), bundle=Bundle((first, needy))))) == ()


def test_a_half_patched_pool_is_told_with_since_when() -> None:
    half = patched(healthy(), "xs1", booted_after=True)

    assert any("since 2026-11-01 00:00 UTC" in finding.message for finding in check(picture(half)))
