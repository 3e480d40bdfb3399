"""VMs that are restarted for a hotfix: once each, and never by force."""

from __future__ import annotations

import pytest

from simulator import FaultRule, SimulatedPool
from tests.steps.test_asleep import NAME, at_work
from tests.steps.test_remedies import RUN
from xenpatch.errors import ReplyLost, StepFailed, TaskLost
from xenpatch.guidance.pending import VmTask
from xenpatch.hotfix.manifest import Guidance
from xenpatch.steps import restarts


def carried_out(sim: SimulatedPool) -> int:
    return sum(line["result"] == "ok" for line in sim.journal.calls("VM.clean_reboot"))


@pytest.mark.parametrize(
    ("call", "do"),
    [
        ("VM.clean_reboot", {"drop": "before"}),
        ("VM.clean_reboot", {"drop": "after"}),
        ("task.get_record", {"error": ["HANDLE_INVALID", "task", "gone"]}),
    ],
)
def test_a_vm_restarts_once_whatever_is_lost_on_the_way(
    small_pool: SimulatedPool, call: str, do: dict[str, object]
) -> None:
    small_pool.faults.add(FaultRule.from_dict({"call": call, "do": do}))
    with at_work(small_pool) as (session, host, vm):
        task = VmTask(vm, host, Guidance.RESTART_PV, ("X",))
        for attempt in (1, 2, 3):
            try:
                told = restarts.restart_vm(session, RUN, task)
                break
            except (ReplyLost, TaskLost):
                assert attempt < 3

    assert NAME in told
    assert carried_out(small_pool) == 1


def test_a_vm_that_does_not_restart_is_not_forced(small_pool: SimulatedPool) -> None:
    small_pool.faults.add(
        FaultRule.from_dict(
            {"call": "VM.clean_reboot", "do": {"error": ["VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT"]}}
        )
    )
    with (
        at_work(small_pool) as (session, host, vm),
        pytest.raises(StepFailed, match=f"{NAME} on xs1 could not be restarted.*not forced"),
    ):
        restarts.restart_vm(session, RUN, VmTask(vm, host, Guidance.RESTART_PV, ("X",)))

    assert carried_out(small_pool) == 0
    assert small_pool.journal.calls("VM.hard_reboot") == []
