"""Where VMs end, and how many hosts are out of service at once, is the operator's choice."""

from pathlib import Path

import pytest

from simulator import Model, SimulatedPool
from tests.flows.kit import boots, patch, places, power_changes, traces
from tests.simulated import Simulated
from xenpatch.options import PatchOptions
from xenpatch.plan import history
from xenpatch.plan.history import MoveRecord, RebootRecord
from xenpatch.plan.model import Placement
from xenpatch.xapi.types import PoolUuid


@pytest.fixture
def wide(prefect_server: object, quick_looks: None, simulated: Simulated) -> SimulatedPool:
    """Five hosts with room for waves, slow enough for reboots to take longer than what we do meanwhile."""
    del prefect_server, quick_looks
    return simulated(Model(hosts=5, vms=5, memory_gib=16), speed=30)


def moves(sim: SimulatedPool) -> int:
    return len(sim.journal.calls("VM.pool_migrate"))


def test_vms_that_may_stay_move_once_and_those_of_the_master_twice(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)

    report = patch(sim, tmp_path, options=PatchOptions(placement=Placement.FREE))

    on_master = sum(host == "xs1" for host in before.values())
    assert moves(sim) == len(before) + on_master
    assert places(sim).keys() == before.keys()
    assert set(power_changes(sim)) <= {"Running"}
    assert list(traces(sim)) == []
    assert "stay on the hosts that took them" in report.summary()[0]


def test_only_vms_with_a_home_server_come_back_if_that_is_asked(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    hosts = {row["name__label"]: ref for ref, row in sim.db.rows("host").items()}
    for vm in sim.db.rows("VM"):
        sim.db.update("VM", vm, affinity="OpaqueRef:NULL")
    ref, row = next((r, v) for r, v in sim.db.rows("VM").items() if before.get(v["name__label"]) == "xs3")
    sim.db.update("VM", ref, affinity=hosts["xs3"])

    patch(sim, tmp_path, options=PatchOptions(placement=Placement.AFFINITY))

    after = places(sim)
    assert after[row["name__label"]] == "xs3"
    assert after != before


def test_hosts_reboot_together_where_that_costs_no_further_move(wide: SimulatedPool, tmp_path: Path) -> None:
    before = places(wide)

    patch(wide, tmp_path, options=PatchOptions(width="auto"))

    told = [call["t"] for call in wide.journal.calls("host.reboot")]
    came = [event["t"] for event in wide.journal.events("boot")]
    assert len(told) == len(came) == 5
    assert boots(wide)[0] == "xs1"
    assert came[0] <= told[1], "the master reboots alone"
    assert max(told) < sorted(came)[-2], "the last one goes down before the two before are back"
    assert moves(wide) == 2 * len(before)
    assert places(wide) == before
    assert list(traces(wide)) == []


def test_what_a_run_learns_of_the_pool_is_kept_for_the_next(
    sim: SimulatedPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    patch(sim, tmp_path)

    pool = PoolUuid(str(next(iter(sim.db.rows("pool").values()))["uuid"]))
    records = history.read(pool)
    assert sum(isinstance(record, MoveRecord) for record in records) == moves(sim)
    assert sum(isinstance(record, RebootRecord) for record in records) == 3
    assert all(record.seconds > 0 for record in records)
