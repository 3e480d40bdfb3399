"""Each check with the picture in which it speaks, and what it says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.plan.pools import homes, host, hosts_of, pool, vm, with_host
from xenpatch.hotfix.manifest import HotfixUuid, Manifest, known_manifests
from xenpatch.plan.model import Policy
from xenpatch.plan.planner import plan_run
from xenpatch.prechecks import check
from xenpatch.prechecks.finding import Finding, Severity, blocking
from xenpatch.prechecks.picture import Obstacle, Picture, Verdict, hosts_to_do, make_plan
from xenpatch.record import RunId
from xenpatch.xapi.inventory import AppliedPatch, Inventory
from xenpatch.xapi.types import VmUuid

XS602E008 = next(manifest for manifest in known_manifests() if manifest.name == "XS602E008")
VMS = {"vm-a": ("xs1", 4.0), "vm-b": ("xs2", 4.0)}


def healthy(vms: Mapping[str, tuple[str, float]] = VMS, **options: object) -> Inventory:
    made = pool({"xs1": 16, "xs2": 16}, vms, **options)  # type: ignore[arg-type]
    return replace(made, hosts=tuple(replace(each, product_version="6.0.2") for each in made.hosts))


def picture(
    seen: Inventory, obstacles: Mapping[VmUuid, Obstacle] | None = None, manifest: Manifest = XS602E008
) -> Picture:
    todo = hosts_to_do(seen, manifest)
    return Picture(
        pool=seen,
        manifest=manifest,
        run=RunId("run"),
        todo=todo,
        plan=make_plan(seen, manifest, obstacles or {}, Policy()),
        needed_space=300 << 20,
        obstacles=obstacles or {},
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

    assert hosts_to_do(half, XS602E008) == (host("xs2"),)
    assert said(found, "hotfix") == [(Severity.INFORMS, "xs1"), (Severity.WARNS, "pool")]
    assert blocking(found) == ()


def test_a_patched_host_that_was_not_rebooted_is_taken_into_the_run() -> None:
    half = patched(healthy(), "xs1", booted_after=False)

    assert hosts_to_do(half, XS602E008) == (host("xs1"), host("xs2"))


def test_a_hotfix_uuid_in_upper_case_is_the_same_hotfix() -> None:
    upper = XS602E008.model_copy(update={"uuid": HotfixUuid(XS602E008.uuid.upper())})

    assert hosts_to_do(patched(healthy(), "xs1", booted_after=True), upper) == (host("xs2"),)


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
    plan = make_plan(stuck, XS602E008, {vm("vm-a"): Obstacle("VM_REQUIRES_SR")}, Policy())

    assert plan == plan_run(stuck, hosts_of(stuck), homes(stuck), ignore=[vm("vm-a")])
