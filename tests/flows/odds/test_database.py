"""The pool's database is put back to an older state, or loses what the run wrote into it.

As by a slave that becomes the master with the copy it had (xapi 6.0.2: xapi_pool_transition), or by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulator import SimulatedPool, boot
from simulator.forwarding import Agent
from tests.flows.kit import Somebody, assert_done, assert_safe, at_each_call, boots, host_ref, patch, places
from xenpatch.errors import LockLost, VerificationFailed
from xenpatch.progress import Step, subscribe
from xenpatch.record import KEY
from xenpatch.xapi.session import Session

Refs = dict[str, str]
OWN = ("boot_time", "agent_start_time")
"""What a host writes about itself whenever its toolstack starts."""


@dataclass(frozen=True)
class Copy:
    """What a run writes, as it was at a moment; where VMs are is not put back: hosts know that themselves."""

    sim: SimulatedPool
    tables: dict[str, dict[Any, Any]]

    @classmethod
    def of(cls, sim: SimulatedPool) -> Copy:
        return cls(sim, {table: sim.db.rows(table) for table in ("pool", "host", "pool_patch", "host_patch")})

    def put_back(self) -> None:
        """Have the master start with it."""
        db = self.sim.db
        with db.lock:
            for ref, row in self.tables["pool"].items():
                db.update("pool", ref, other_config=row["other_config"])
            for ref, row in self.tables["host"].items():
                own = {key: db.get("host", ref)["other_config"][key] for key in OWN}
                db.update("host", ref, other_config=row["other_config"] | own, enabled=row["enabled"])
            for table in ("host_patch", "pool_patch"):
                for ref in db.rows(table).keys() - self.tables[table].keys():
                    db.destroy(table, ref)
        boot.begin_agent_restart(self.sim.world, Agent.of(self.sim.world, self.sim.world.master))


def wait_for_the_master(sim: SimulatedPool) -> None:
    """Until a restart of its toolstack is over."""
    sim.clock.sleep(120)
    sim.db.wait_until(lambda: all(row["enabled"] for row in sim.db.rows("host").values()), 3600)


def test_a_copy_from_before_the_run_stops_it_between_two_hosts(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    copy = Copy.of(sim)

    def put_back(_: Session, __: Refs, ___: Refs) -> None:
        copy.put_back()

    with subscribe(Somebody(sim, "xs2", put_back)), pytest.raises(LockLost) as lost:
        patch(sim, tmp_path)

    for part in (
        "run record is gone",
        "older state",
        "touches nothing more",
        "xenpatch status",
        "tart again",
    ):
        assert part in str(lost.value)
    assert_safe(sim, before.keys())
    assert boots(sim) == ["xs1"]

    wait_for_the_master(sim)
    home = places(sim)
    patch(sim, tmp_path)
    assert_done(sim, home)


def test_a_copy_from_before_the_run_stops_it_while_a_host_reboots(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    copy = Copy.of(sim)
    second = sim.world.hosts[host_ref(sim, "xs2")]
    put_back = False

    def once_it_is_down(_: str) -> None:
        nonlocal put_back
        if not put_back and not second.serves:
            put_back = True
            copy.put_back()

    at_each_call(sim, once_it_is_down)
    with pytest.raises(LockLost, match="run record is gone"):
        patch(sim, tmp_path)

    assert put_back
    assert_safe(sim, before.keys())
    assert boots(sim) == ["xs1", "xs2"]

    wait_for_the_master(sim)
    home = places(sim)
    patch(sim, tmp_path)
    assert_done(sim, home)


def test_a_copy_of_the_same_run_is_found_out_at_the_end_and_finished_by_the_next_run(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    """The first host counts as not verified in it."""
    before = places(sim)
    copies: list[Copy] = []

    def take_a_copy(_: Session, __: Refs, ___: Refs) -> None:
        copies.append(Copy.of(sim))

    def put_back(_: Session, __: Refs, ___: Refs) -> None:
        copies[0].put_back()

    with (
        subscribe(Somebody(sim, "xs1", take_a_copy)),
        subscribe(Somebody(sim, "xs2", put_back, Step.VERIFY)),
        pytest.raises(VerificationFailed, match=r"xs1 lacks .* verification.*start again to finish"),
    ):
        patch(sim, tmp_path)

    assert_safe(sim, before.keys())
    patch(sim, tmp_path)
    assert_done(sim, before)


def test_a_record_that_somebody_removes_stops_the_run_and_costs_no_home(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)

    def remove(_: Session, __: Refs, ___: Refs) -> None:
        (pool,) = sim.db.rows("pool")
        sim.db.remove_from_map("pool", pool, "other_config", KEY)

    with (
        subscribe(Somebody(sim, "xs2", remove, in_the_middle=True)),
        pytest.raises(LockLost, match="run record is gone"),
    ):
        patch(sim, tmp_path)

    assert_safe(sim, before.keys())
    assert boots(sim) == ["xs1"]
    patch(sim, tmp_path)
    assert_done(sim, before)
