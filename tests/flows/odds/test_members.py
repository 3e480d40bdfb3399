"""The pool gets another master, a further host, or loses one while it is being patched."""

from __future__ import annotations

import xmlrpc.client
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from simulator import Model, SimulatedPool
from simulator.world import Phase
from tests.flows import awkward
from tests.flows.kit import (
    Act,
    Somebody,
    assert_done,
    assert_safe,
    at_each_call,
    boots,
    drop_sessions,
    fault,
    host_ref,
    patch,
    places,
    pronounce_dead,
)
from tests.simulated import Simulated
from xenpatch.errors import PoolError, PoolUnhealthy
from xenpatch.options import PatchOptions
from xenpatch.progress import Step, subscribe
from xenpatch.xapi.session import Session

Refs = dict[str, str]


@pytest.fixture
def wide(prefect_server: object, quick_looks: None, simulated: Simulated) -> SimulatedPool:
    """Five hosts with room for waves."""
    del prefect_server, quick_looks
    return simulated(Model(hosts=5, vms=5, memory_gib=16), speed=120)


def designating(sim: SimulatedPool, name: str) -> Act:
    """Make that host the master, and go on when the others know."""

    def act(session: Session, _: Refs, hosts: Refs) -> None:
        session.call("pool.designate_new_master", hosts[name])
        sim.db.wait_until(lambda: sim.world.master == hosts[name], 3600)

    return act


def test_the_run_follows_a_new_master_and_takes_it_next(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)

    with subscribe(Somebody(sim, "xs1", designating(sim, "xs3"), Step.VERIFY)):
        patch(sim, tmp_path)

    assert sim.world.master == host_ref(sim, "xs3")
    assert boots(sim) == ["xs1", "xs3", "xs2"]
    assert_done(sim, before)


def test_a_new_master_is_alone_when_it_reboots(wide: SimulatedPool, tmp_path: Path) -> None:
    before = places(wide)

    with subscribe(Somebody(wide, "xs1", designating(wide, "xs4"), Step.VERIFY)):
        patch(wide, tmp_path, options=PatchOptions(width="auto"))

    assert boots(wide)[:2] == ["xs1", "xs4"]
    told = [call["t"] for call in wide.journal.calls("host.reboot")]
    came = [event["t"] for event in wide.journal.events("boot")]
    assert came[1] <= told[2], "no other one goes down before it is back"
    assert_done(wide, before)


def test_a_host_that_is_being_emptied_when_the_master_changes_is_patched_all_the_same(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    """Every toolstack restarts then, which enables its host (xapi 6.0.2: consider_enabling_host)."""
    before = places(sim)

    with subscribe(Somebody(sim, "xs2", designating(sim, "xs3"), in_the_middle=True)), suppress(PoolError):
        patch(sim, tmp_path)
    assert_safe(sim, before.keys())
    patch(sim, tmp_path)

    assert_done(sim, before)


def test_a_slave_that_takes_over_from_a_dead_master_is_patched_as_the_master(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    dead = host_ref(sim, "xs1")
    fault(sim, "boot", {"never": True}, object="xs1")
    with pytest.raises(PoolError):
        patch(sim, tmp_path, options=PatchOptions(reboot_limit=2.0))

    take_over(sim, "xs2")
    drop_sessions(sim)
    pronounce_dead(sim)
    with awkward.client(sim) as api:
        api.host.destroy(dead)
    patch(sim, tmp_path)

    assert boots(sim) == ["xs2", "xs3"]
    after = places(sim)
    assert_done(sim, before | {vm: after[vm] for vm, host in before.items() if host == "xs1"})


def take_over(sim: SimulatedPool, name: str) -> None:
    """As `xe pool-emergency-transition-to-master` there."""
    (host,) = (each for each in sim.hosts if each.name == name)
    api = xmlrpc.client.ServerProxy(f"http://{host.address}:{sim.port}")
    local: Any = api.session.slave_local_login_with_password(sim.user, sim.password)
    api.pool.emergency_transition_to_master(local["Value"])
    new = host_ref(sim, name)
    while not (sim.world.master == new and sim.world.hosts[new].phase is Phase.UP):
        sim.clock.sleep(5)


def test_high_availability_that_somebody_switches_on_stops_the_run(
    sim: SimulatedPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xenpatch.steps.health.LIMIT", 1.0)
    before = places(sim)

    def enable_ha(session: Session, _: Refs, __: Refs) -> None:
        (sr,) = sim.db.find("SR", name__label="NFS virtual disk storage")
        session.call("pool.enable_ha", [sr], {})

    with (
        subscribe(Somebody(sim, "xs2", enable_ha)),
        pytest.raises(PoolUnhealthy, match=r"high availability is on.*No further host was touched"),
    ):
        patch(sim, tmp_path)
    assert_safe(sim, before.keys())
    assert boots(sim) == ["xs1"]

    with awkward.client(sim) as api:
        api.pool.disable_ha()
    patch(sim, tmp_path)
    assert_done(sim, before)


@pytest.mark.parametrize("when", ["xs1", "xs3"])
def test_a_host_that_joins_gets_the_hotfix_and_a_turn_of_its_own(
    sim: SimulatedPool, tmp_path: Path, when: str
) -> None:
    before = places(sim)

    def join(_: Session, __: Refs, ___: Refs) -> None:
        sim.join("xs4")

    with subscribe(Somebody(sim, when, join, Step.VERIFY)):
        report = patch(sim, tmp_path)

    assert sorted(boots(sim)) == ["xs1", "xs2", "xs3", "xs4"]
    assert "xs4" in [host.name for host in report.hosts]
    assert_done(sim, before)


def test_a_host_that_leaves_before_its_turn_has_none(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)

    def eject(session: Session, vms: Refs, hosts: Refs) -> None:
        for vm in [vm for vm, host in places(sim).items() if host == "xs3"]:
            session.call("VM.pool_migrate", vms[vm], hosts["xs1"], {"live": "true"})
        session.call("pool.eject", hosts["xs3"])

    with subscribe(Somebody(sim, "xs1", eject, Step.VERIFY)):
        patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs2"]
    assert_done(sim, {vm: "xs1" if host == "xs3" else host for vm, host in before.items()})


def test_a_host_that_is_removed_while_it_reboots_is_named_and_the_others_are_finished_later(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)
    gone = host_ref(sim, "xs2")
    removed = False

    def remove_once_it_is_down(call: str) -> None:
        nonlocal removed
        if not removed and call == "host.get_by_uuid" and not sim.world.hosts[gone].serves:
            removed = True
            with awkward.client(sim) as api:
                api.host.destroy(gone)

    at_each_call(sim, remove_once_it_is_down)
    fault(sim, "boot", {"never": True}, object="xs2")

    with pytest.raises(PoolError) as failed:
        patch(sim, tmp_path)

    assert removed
    for part in ("xs2 is no host of this pool any more", "no further host was touched", "Start again"):
        assert part in str(failed.value)
    assert_safe(sim, before.keys())
    patch(sim, tmp_path)
    after = places(sim)
    assert boots(sim) == ["xs1", "xs3"]
    assert_done(sim, before | {vm: after[vm] for vm, host in before.items() if host == "xs2"})
