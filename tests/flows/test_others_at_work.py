"""Somebody else works on the pool while it is being patched."""

from pathlib import Path

import pytest

from simulator import SimulatedPool
from tests.flows.kit import Act, Somebody, boots, patch, places, traces
from xenpatch.progress import subscribe
from xenpatch.xapi.session import Session


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
