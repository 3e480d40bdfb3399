"""What stands in a run's way is put aside, and is back at the end as if nothing had been."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import Model, SimulatedPool
from tests.flows import awkward
from tests.flows.kit import boots, changes, fault, patch, places, power_changes, traces
from tests.simulated import Simulated
from xenpatch.errors import PrecheckRefused, RebootFailed, StepFailed
from xenpatch.options import How, PatchOptions, Remedies

CURED = PatchOptions(
    remedy=Remedies.ALL,
    stop={"storage": How.SUSPEND, "drivers": How.SHUTDOWN, "paused": How.SUSPEND},
)
PATCHED = {
    "+pool_patch",
    "+host_patch",
    "host.patches",
    "host.other_config[boot_time]",
    "host.other_config[agent_start_time]",
    "host_metrics.last_updated",
}
"""What patching means for a pool's database."""
MOVED = {"VM.domid", "VM.consoles", "+console", "-console", "VM_metrics.last_updated"}
"""A VM that has moved or was stopped is another domain of its host."""
RESTARTED = {
    "VM.last_booted_record",
    "VM_metrics.start_time",
    *(f"VM.other_config[last_shutdown_{what}]" for what in ("reason", "initiator", "action", "time")),
}
"""A VM that was shut down has booted anew."""
HA_AGAIN = {"+VDI", "-VDI", "SR.VDIs", "pool.ha_statefiles", "host.ha_statefiles"}
"""HA that is switched on makes a statefile."""


@pytest.fixture
def awkward_pool(prefect_server: object, quick_looks: None, simulated: Simulated) -> SimulatedPool:
    """Three hosts, nine VMs, and everything that can stand in the way."""
    del prefect_server, quick_looks
    pool = simulated(Model(hosts=3, vms=9))
    awkward.make_awkward(pool)
    return pool


def test_a_pool_with_everything_in_the_way_is_patched_and_differs_in_nothing_else(
    awkward_pool: SimulatedPool, tmp_path: Path
) -> None:
    sim = awkward_pool
    before, was = awkward.dump(sim), places(sim)

    report = patch(sim, tmp_path, options=CURED)

    after = awkward.dump(sim)
    assert awkward.differences(before, after) <= PATCHED | MOVED | RESTARTED | HA_AGAIN
    assert places(sim) == was
    assert boots(sim)[0] == "xs1"
    assert sorted(boots(sim)) == ["xs1", "xs2", "xs3"]
    assert list(traces(sim)) == []
    assert {name for host in report.hosts for name in host.stopped} == {
        awkward.LOCAL, awkward.BARE, awkward.PAUSED,
    }  # fmt: skip


def test_without_consent_nothing_is_changed_and_each_obstacle_is_named(
    awkward_pool: SimulatedPool, tmp_path: Path
) -> None:
    before = awkward.dump(awkward_pool)

    with pytest.raises(PrecheckRefused) as refused:
        patch(awkward_pool, tmp_path)

    named = {finding.subject for finding in refused.value.findings}
    assert named >= {
        "Simulated pool", awkward.WITH_CD, awkward.LOCAL, awkward.BARE, awkward.PAUSED,
    }  # fmt: skip
    assert "--remedy all" in str(refused.value)
    assert awkward.differences(before, awkward.dump(awkward_pool)) == set()


def test_ha_that_was_off_stays_off(sim: SimulatedPool, tmp_path: Path) -> None:
    patch(sim, tmp_path, options=CURED)

    assert not {"pool.enable_ha", "pool.disable_ha", "pool.set_wlb_enabled"} & set(changes(sim))


def test_what_was_put_aside_is_back_after_a_failure_and_put_aside_again_by_the_next_run(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    with awkward.client(sim) as api:
        awkward.enable_ha(api, awkward.vm(sim, "vm-web-1"))
    awkward.insert_local_cd(sim, "vm-db-1")
    drive = awkward.drive(sim, "vm-db-1")
    fault(sim, "host.reboot", {"error": ["INTERNAL_ERROR", "no"]}, object="xs2")

    with pytest.raises(RebootFailed):
        patch(sim, tmp_path, options=CURED)

    assert ha(sim) == (True, 1)
    assert not sim.db.get("VBD", drive)["empty"]

    patch(sim, tmp_path, options=CURED)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert ha(sim) == (True, 1)
    assert not sim.db.get("VBD", drive)["empty"]
    assert list(traces(sim)) == []


def test_an_undo_that_fails_is_the_runs_failure_and_is_made_up_for_by_the_next_run(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    with awkward.client(sim) as api:
        awkward.enable_ha(api, awkward.vm(sim, "vm-web-1"))
    awkward.insert_local_cd(sim, "vm-db-1")
    fault(sim, "pool.enable_ha", {"error": ["CANNOT_FIND_STATE_PARTITION"]}, times=2)

    with pytest.raises(StepFailed) as failed:
        patch(sim, tmp_path, options=CURED)

    for part in ("Simulated pool", "CANNOT_FIND_STATE_PARTITION", "switch it on again"):
        assert part in str(failed.value)
    assert ha(sim) == (False, 1)
    assert not sim.db.get("VBD", awkward.drive(sim, "vm-db-1"))["empty"], "the other undo was made"

    patch(sim, tmp_path, options=CURED)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert ha(sim) == (True, 1)
    assert list(traces(sim)) == []


def test_a_refusal_after_the_remedies_gives_the_pool_back_as_it_was(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    awkward.insert_local_cd(sim, "vm-db-1")
    (pool,) = sim.db.rows("pool")
    sim.db.update("pool", pool, wlb_enabled=True, wlb_url="wlb.example.com:8012")
    before = awkward.dump(sim)
    fault(sim, "pool_patch.precheck", {"error": ["PATCH_PRECHECK_FAILED_VM_RUNNING"]}, skip=3)

    with pytest.raises(PrecheckRefused):
        patch(sim, tmp_path, options=CURED)

    assert awkward.differences(before, awkward.dump(sim)) == set()
    assert list(traces(sim)) == []


def test_each_vm_is_back_right_after_its_host_and_not_at_the_end_of_the_pool(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    awkward.give_local_disk(sim, "vm-web-1")

    report = patch(sim, tmp_path, options=PatchOptions(stop={"vm-web-1": How.SUSPEND}))

    (back,) = sim.journal.calls("VM.resume_on")
    first, second, _ = sim.journal.events("boot")
    assert first["t"] < back["t"] < second["t"]
    assert power_changes(sim) == ["Suspended", "Running"]
    assert "vm-web-1 could not leave xs1" in "\n".join(report.summary())


def test_a_vm_is_switched_off_hard_only_by_name(sim: SimulatedPool, tmp_path: Path) -> None:
    awkward.give_local_disk(sim, "vm-web-1")

    with pytest.raises(PrecheckRefused) as refused:
        patch(sim, tmp_path, options=PatchOptions(stop={"storage": How.HARD}))
    assert "by name only" in " ".join(finding.message for finding in refused.value.findings)

    patch(sim, tmp_path, options=PatchOptions(stop={"vm-web-1": How.HARD}))
    assert "VM.hard_shutdown" in " ".join(changes(sim))
    assert places(sim)["vm-web-1"] == "xs1"


def test_a_shutdown_that_the_guest_refuses_puts_the_host_back_and_says_so(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    awkward.give_local_disk(sim, "vm-web-1")
    before = places(sim)
    fault(sim, "VM.clean_shutdown", {"error": ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT"]})
    options = PatchOptions(stop={"vm-web-1": How.SHUTDOWN})

    with pytest.raises(StepFailed, match="vm-web-1 could not be stopped"):
        patch(sim, tmp_path, options=options)

    assert boots(sim) == []
    assert places(sim) == before

    patch(sim, tmp_path, options=options)
    assert places(sim) == before


def ha(sim: SimulatedPool) -> tuple[bool, int]:
    (pool,) = sim.db.rows("pool").values()
    return pool["ha_enabled"], int(pool["ha_host_failures_to_tolerate"])
