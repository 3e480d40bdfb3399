"""Somebody else starts, stops, moves or removes VMs while the pool is being patched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator import SimulatedPool
from tests.flows.kit import Act, Somebody, assert_done, patch, places
from xenpatch.progress import Step, subscribe
from xenpatch.xapi.session import Session

Refs = dict[str, str]
VM, HOME = "vm-db-1", "xs2"


def start_a_vm_there(session: Session, vms: Refs, hosts: Refs) -> None:
    session.call("VM.start_on", vms["vm-off-1"], hosts[HOME], False, False)


def start_a_vm_elsewhere(session: Session, vms: Refs, hosts: Refs) -> None:
    session.call("VM.start_on", vms["vm-off-1"], hosts["xs3"], False, False)


def stop_one(session: Session, vms: Refs, _: Refs) -> None:
    session.call("VM.hard_shutdown", vms[VM])


def remove_one(session: Session, vms: Refs, _: Refs) -> None:
    session.call("VM.hard_shutdown", vms[VM])
    session.call("VM.destroy", vms[VM])


def move_one(session: Session, vms: Refs, hosts: Refs) -> None:
    """To whichever other host it is not on."""
    here = session.read("VM.get_resident_on", vms[VM])
    there = "xs1" if here == hosts["xs3"] else "xs3"
    session.call("VM.pool_migrate", vms[VM], hosts[there], {"live": "true"})


@dataclass(frozen=True)
class Moment:
    """When somebody acts."""

    host: str
    step: Step = Step.MIGRATE
    in_the_middle: bool = False


BEFORE_ITS_HOSTS_TURN = Moment("xs1")
AS_ITS_HOST_IS_TAKEN = Moment(HOME)
IN_THE_MIDDLE_OF_THE_DRAIN = Moment(HOME, in_the_middle=True)
WHILE_ITS_HOME_REBOOTS = Moment(HOME, Step.REBOOT)

CASES = {
    "stopped before": (stop_one, BEFORE_ITS_HOSTS_TURN),
    "stopped as its host is taken": (stop_one, AS_ITS_HOST_IS_TAKEN),
    "stopped while it leaves": (stop_one, IN_THE_MIDDLE_OF_THE_DRAIN),
    "stopped while its home reboots": (stop_one, WHILE_ITS_HOME_REBOOTS),
    "removed before": (remove_one, BEFORE_ITS_HOSTS_TURN),
    "removed while it leaves": (remove_one, IN_THE_MIDDLE_OF_THE_DRAIN),
    "removed while its home reboots": (remove_one, WHILE_ITS_HOME_REBOOTS),
    "moved before": (move_one, BEFORE_ITS_HOSTS_TURN),
    "moved as its host is taken": (move_one, AS_ITS_HOST_IS_TAKEN),
    "moved while its home reboots": (move_one, WHILE_ITS_HOME_REBOOTS),
    "started before": (start_a_vm_there, BEFORE_ITS_HOSTS_TURN),
    "started as its host is taken": (start_a_vm_there, AS_ITS_HOST_IS_TAKEN),
    "started in the middle": (start_a_vm_elsewhere, IN_THE_MIDDLE_OF_THE_DRAIN),
    "started while a host reboots": (start_a_vm_elsewhere, WHILE_ITS_HOME_REBOOTS),
}


def expected(before: dict[str, str], act: Act) -> dict[str, str]:
    """Where VMs are in the end: those that were stopped nowhere, new ones where they were started."""
    started = {start_a_vm_there: HOME, start_a_vm_elsewhere: "xs3"}
    if act in started:
        return before | {"vm-off-1": started[act]}
    return before if act is move_one else {vm: host for vm, host in before.items() if vm != VM}


@pytest.mark.parametrize(("act", "moment"), CASES.values(), ids=CASES.keys())
def test_the_run_goes_on_with_what_is_there(
    sim: SimulatedPool, tmp_path: Path, act: Act, moment: Moment
) -> None:
    before = places(sim)
    assert before[VM] == HOME
    somebody = Somebody(sim, moment.host, act, moment.step, in_the_middle=moment.in_the_middle)

    with subscribe(somebody):
        patch(sim, tmp_path)

    assert somebody.acted
    stopped = [VM] if act in (stop_one, remove_one) else []
    assert_done(sim, expected(before, act), stopped=stopped)
