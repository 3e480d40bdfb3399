"""Somebody else works on the pool while it is being patched."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simulator import SimulatedPool
from tests.flows.kit import block, boots, patch, places, traces
from xenpatch.progress import Event, Started, Step, subscribe
from xenpatch.xapi.session import Session, open_session

Act = Callable[[Session, dict[str, str], dict[str, str]], None]


class Somebody:
    """Acts once, with references of VMs and hosts by name, when the named host is about to be emptied."""

    def __init__(self, sim: SimulatedPool, host: str, act: Act) -> None:
        self.sim, self.host, self.act = sim, host, act
        self.acted = False

    def __call__(self, event: Event) -> None:
        if self.acted or not (isinstance(event, Started) and event.step is Step.MIGRATE):
            return
        if next(host.name for host in self.sim.hosts if host.uuid == event.host) != self.host:
            return
        self.acted = True
        with open_session(block(self.sim).endpoint()) as session:
            vms = session.read("VM.get_all_records").items()
            hosts = session.read("host.get_all_records").items()
            self.act(
                session,
                {vm["name_label"]: ref for ref, vm in vms if not vm["is_a_template"]},
                {host["name_label"]: ref for ref, host in hosts},
            )


def start_a_vm(session: Session, vms: dict[str, str], hosts: dict[str, str]) -> None:
    session.call("VM.start_on", vms["vm-off-1"], hosts["xs2"], False, False)


def stop_a_vm(session: Session, vms: dict[str, str], hosts: dict[str, str]) -> None:
    del hosts
    session.call("VM.hard_shutdown", vms["vm-db-1"])


def move_a_vm(session: Session, vms: dict[str, str], hosts: dict[str, str]) -> None:
    session.call("VM.pool_migrate", vms["vm-db-1"], hosts["xs3"], {"live": "true"})


@pytest.mark.parametrize("act", [start_a_vm, stop_a_vm, move_a_vm])
def test_the_run_plans_anew_and_finishes(sim: SimulatedPool, tmp_path: Path, act: Act) -> None:
    before = places(sim)
    assert before["vm-db-1"] == "xs2"
    somebody = Somebody(sim, "xs2", act)

    with subscribe(somebody):
        patch(sim, tmp_path)

    after = places(sim)
    assert somebody.acted
    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert list(traces(sim)) == []
    if act is start_a_vm:
        assert after == before | {"vm-off-1": "xs2"}
    elif act is stop_a_vm:
        assert after == {vm: host for vm, host in before.items() if vm != "vm-db-1"}
    else:
        assert after == before
