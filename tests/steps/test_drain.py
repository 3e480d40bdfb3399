"""VMs leave a host, one by one."""

import pytest

from simulator import Fault, FaultRule, SimulatedPool
from tests.flows import awkward
from tests.steps.test_remedies import RUN, ours
from xenpatch.errors import WaitTimeout
from xenpatch.plan.model import Move
from xenpatch.steps import drain
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi.survey import read_inventory

HOURS = 3600.0


def test_a_move_that_takes_too_long_is_called_off_so_that_it_does_not_come_about_later(
    small_pool: SimulatedPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XENPATCH_POOL_SPEED", "600")
    small_pool.faults.add(FaultRule("VM.pool_migrate", Fault(delay=9 * HOURS)))
    vm = awkward.vm(small_pool, "vm-web-1")
    before = small_pool.db.get("VM", vm)["resident_on"]

    def is_over() -> bool | NotYet:
        tasks = small_pool.db.find("task", name__label="Async.VM.pool_migrate", status="pending")
        return NotYet("it goes on") if tasks else True

    with ours(small_pool) as session:
        pool = read_inventory(session)
        (moved,) = (each for each in pool.vms if each.name == "vm-web-1")
        src, dst = pool.hosts
        move = Move(moved.uuid, moved.name, src.uuid, src.name, dst.uuid, dst.name, 1, 1)
        with pytest.raises(WaitTimeout, match="vm-web-1 to move from xs1 to xs2"):
            drain.move_vm(session, RUN, move)
        wait_for("the move to be called off", is_over, 10.0, of_the_pool=False)

    assert small_pool.db.get("VM", vm)["resident_on"] == before
