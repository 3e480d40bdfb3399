"""Hosts that do not come back from their reboot, or not as they should."""

from pathlib import Path

import pytest

from simulator import SimulatedPool
from tests.flows import awkward
from tests.flows.kit import (
    Somebody,
    assert_done,
    assert_safe,
    boots,
    drop_sessions,
    fault,
    host_ref,
    patch,
    places,
    power_on,
    pronounce_dead,
)
from xenpatch.errors import PoolError, PrecheckRefused, RebootFailed, VerificationFailed
from xenpatch.options import PatchOptions
from xenpatch.progress import Step, subscribe
from xenpatch.record import declare_dead, owner
from xenpatch.xapi.session import Session


def test_a_slave_that_never_comes_back_stops_the_run_until_somebody_switches_it_on(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    fault(sim, "boot", {"never": True}, object="xs2")

    with pytest.raises(RebootFailed) as failed:
        patch(sim, tmp_path, options=PatchOptions(reboot_limit=3.0))

    for part in ("xs2 has not come back", "no further host was touched", "once it is up, start again"):
        assert part in str(failed.value)
    assert_safe(sim, before.keys())
    assert boots(sim) == ["xs1"]
    assert "xs2" not in places(sim).values()

    with pytest.raises(PrecheckRefused) as refused:
        patch(sim, tmp_path)
    assert ("liveness", "xs2") in {(each.check, each.subject) for each in refused.value.findings}

    power_on(sim, "xs2")
    patch(sim, tmp_path)
    assert_done(sim, before)


def test_a_master_that_never_comes_back_stops_the_run_until_somebody_switches_it_on(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    fault(sim, "boot", {"never": True}, object="xs1")

    with pytest.raises(PoolError) as failed:
        patch(sim, tmp_path, options=PatchOptions(reboot_limit=2.0))

    (row,) = sim.db.rows("pool").values()
    run = owner(row["other_config"])
    for part in ("xs1 has not come back", "no further host was touched", declare_dead(run)):
        assert part in str(failed.value)
    assert_safe(sim, before.keys())
    assert boots(sim) == []

    power_on(sim, "xs1")
    drop_sessions(sim)
    pronounce_dead(sim)
    patch(sim, tmp_path)
    assert_done(sim, before)


def test_a_host_that_comes_back_without_its_storage_gets_no_vm_before_it_is_attached(
    sim: SimulatedPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xenpatch.steps.reboot.STORAGE_LIMIT", 1.0)
    before = places(sim)
    pbd = awkward.pbd(sim, "xs2", "NFS virtual disk storage")
    fault(
        sim,
        "PBD.plug",
        {"error": ["SR_BACKEND_FAILURE_73", "", "NFS mount error"]},
        object=str(sim.db.get("PBD", pbd)["uuid"]),
        times="always",
    )

    with pytest.raises(VerificationFailed) as failed:
        patch(sim, tmp_path)

    for part in ("xs2 is not as it should be", "'NFS virtual disk storage'", "no further host was touched"):
        assert part in str(failed.value)
    assert_safe(sim, before.keys())
    assert boots(sim) == ["xs1", "xs2"]
    assert "xs2" not in places(sim).values()

    sim.faults.clear()
    with awkward.client(sim) as api:
        api.PBD.plug(pbd)
    patch(sim, tmp_path)
    assert_done(sim, before)


def test_a_host_that_comes_back_without_the_hotfix_is_named_and_gets_it_again(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    """As from an older boot disk: neither its files nor its packages are there."""
    before = places(sim)

    def boot_from_an_older_disk(_: Session, __: dict[str, str], ___: dict[str, str]) -> None:
        sim.world.hosts[host_ref(sim, "xs2")].stamps.clear()

    with (
        subscribe(Somebody(sim, "xs2", boot_from_an_older_disk, Step.REBOOT)),
        pytest.raises(VerificationFailed) as failed,
    ):
        patch(sim, tmp_path)

    for part in ("xs2 is not as it should be", "is not applied", "no further host was touched"):
        assert part in str(failed.value)
    assert_safe(sim, before.keys())
    assert boots(sim) == ["xs1", "xs2"]

    patch(sim, tmp_path)
    assert_done(sim, before, rebooted_twice=["xs2"])
    assert boots(sim)[-1] == "xs3", "xs2 is finished first"
