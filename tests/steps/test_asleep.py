"""VMs that are stopped for the reboot of their host, and are there again as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simulator import FaultRule, SimulatedPool
from tests.flows import awkward
from tests.steps.test_remedies import RUN, ours
from xenpatch.errors import DrainFailed, PoolError, ReturnFailed
from xenpatch.options import How
from xenpatch.sleepers import Sleeper, sleepers
from xenpatch.steps import asleep, maintenance
from xenpatch.xapi.inventory import Host, PowerState, Vm
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import VmUuid

NAME = "vm-web-1"


@contextmanager
def at_work(sim: SimulatedPool) -> Iterator[tuple[Session, Host, Vm]]:
    """A session of a run, the first host, and the VM that lives there."""
    with ours(sim) as session:
        seen = read_inventory(session)
        yield session, seen.hosts[0], next(vm for vm in seen.vms if vm.name == NAME)
        maintenance.leave(session, seen.hosts[0].uuid)


def state(sim: SimulatedPool) -> str:
    return str(sim.db.get("VM", awkward.vm(sim, NAME))["power_state"])


def config(sim: SimulatedPool) -> dict[str, str]:
    row = next(row for row in sim.db.rows("host").values() if row["name__label"] == "xs1")
    return dict(row["other_config"])


@pytest.mark.parametrize(
    ("how", "stopped", "listed"),
    [
        (How.SUSPEND, "Suspended", "MAINTENANCE_MODE_EVACUATED_VMS_SUSPENDED"),
        (How.SHUTDOWN, "Halted", "MAINTENANCE_MODE_EVACUATED_VMS_HALTED"),
        (How.HARD, "Halted", "MAINTENANCE_MODE_EVACUATED_VMS_HALTED"),
    ],
)
def test_a_vm_sleeps_and_wakes_where_xencenter_sees_it(
    small_pool: SimulatedPool, how: How, stopped: str, listed: str
) -> None:
    with at_work(small_pool) as (session, host, vm):
        for _ in range(2):
            asleep.put_to_sleep(session, RUN, host.uuid, vm, how)
            assert state(small_pool) == stopped
            assert config(small_pool)[listed] == vm.uuid

        assert asleep.wake(session, RUN, host.uuid) == (NAME,)
        assert asleep.wake(session, RUN, host.uuid) == ()

        assert state(small_pool) == "Running"
        assert listed not in config(small_pool)


def test_a_paused_vm_is_paused_again(small_pool: SimulatedPool) -> None:
    with awkward.client(small_pool) as api:
        api.VM.pause(awkward.vm(small_pool, NAME))
    with at_work(small_pool) as (session, host, vm):
        asleep.put_to_sleep(session, RUN, host.uuid, vm, How.SUSPEND)
        assert state(small_pool) == "Suspended"

        asleep.wake(session, RUN, host.uuid)

        assert state(small_pool) == "Paused"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["VM.suspend", "VM.resume_on"])
def test_a_lost_answer_is_made_up_for_by_doing_it_again(
    small_pool: SimulatedPool, call: str, when: str
) -> None:
    small_pool.faults.add(FaultRule.from_dict({"call": call, "do": {"drop": when}}))
    with at_work(small_pool) as (session, host, vm):
        for attempt in (1, 2):
            try:
                asleep.put_to_sleep(session, RUN, host.uuid, vm, How.SUSPEND)
                asleep.wake(session, RUN, host.uuid)
                break
            except PoolError:
                assert attempt == 1

        assert state(small_pool) == "Running"
        assert not list(sleepers(config(small_pool)))


def test_a_vm_that_somebody_has_stopped_before_is_not_ours_to_start(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, host, vm):
        with awkward.client(small_pool) as api:
            api.VM.clean_shutdown(awkward.vm(small_pool, NAME))

        assert "is not running" in asleep.put_to_sleep(session, RUN, host.uuid, vm, How.SUSPEND)
        assert asleep.wake(session, RUN, host.uuid) == ()

        assert state(small_pool) == "Halted"


def test_a_vm_that_cannot_be_stopped_is_told(small_pool: SimulatedPool) -> None:
    small_pool.faults.add(
        FaultRule.from_dict({"call": "VM.suspend", "do": {"error": ["VM_MISSING_PV_DRIVERS", "vm"]}})
    )
    with at_work(small_pool) as (session, host, vm):
        with pytest.raises(DrainFailed, match=f"{NAME} could not be stopped .suspend."):
            asleep.put_to_sleep(session, RUN, host.uuid, vm, How.SUSPEND)

        asleep.wake(session, RUN, host.uuid)
        assert state(small_pool) == "Running"


def test_a_vm_that_cannot_be_started_is_told_and_stays_written_down(small_pool: SimulatedPool) -> None:
    small_pool.faults.add(
        FaultRule.from_dict(
            {"call": "VM.start_on", "do": {"error": ["HOST_NOT_ENOUGH_FREE_MEMORY", "2", "1"]}}
        )
    )
    with at_work(small_pool) as (session, host, vm):
        asleep.put_to_sleep(session, RUN, host.uuid, vm, How.SHUTDOWN)

        with pytest.raises(ReturnFailed, match=NAME):
            asleep.wake(session, RUN, host.uuid)
        assert [sleeper.name for sleeper in sleepers(config(small_pool))] == [NAME]

        asleep.wake(session, RUN, host.uuid)
        assert state(small_pool) == "Running"


def test_a_vm_that_is_gone_needs_nobody_to_wake_it(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, host, vm):
        asleep.put_to_sleep(session, RUN, host.uuid, vm, How.SHUTDOWN)
        with awkward.client(small_pool) as api:
            api.VM.destroy(awkward.vm(small_pool, NAME))

        asleep.wake(session, RUN, host.uuid)

        assert not list(sleepers(config(small_pool)))


def test_what_somebody_has_spoilt_is_brought_back_running() -> None:
    sleeper = Sleeper(VmUuid("vm"), "vm", How.SUSPEND, PowerState.RUNNING)

    assert list(sleepers({sleeper.key: "spoilt"})) == [sleeper]
    assert list(sleepers({sleeper.key: sleeper.text(), "other": "key"})) == [sleeper]
