"""Where HA stays on, a further failure must be survivable while a host is out of service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.pools import homes, hosts_of, pool, with_vm
from xenpatch.plan.model import NoRoom, Placement, Plan, Policy
from xenpatch.plan.planner import plan_run
from xenpatch.xapi.inventory import Inventory

VMS = {"vm-a": ("xs1", 6), "vm-b": ("xs2", 6), "vm-c": ("xs3", 6)}


def guarded(size: float, *protected: str) -> Inventory:
    picture = replace(pool(hosts={"xs1": size, "xs2": size, "xs3": size}, vms=VMS), ha_enabled=True)
    for name in protected:
        picture = with_vm(picture, name, protected=True)
    return picture


def answer(picture: Inventory, policy: Policy | None = None) -> Plan | NoRoom:
    return plan_run(picture, hosts_of(picture), homes(picture), policy or Policy())


def test_a_run_that_would_break_what_ha_promises_is_refused() -> None:
    refused = answer(guarded(16, *VMS))

    assert isinstance(refused, NoRoom)
    assert not refused.proved
    assert "a further failure could not be survived" in refused.reason
    assert refused.remedy == "turn high availability off for the time of the run"


def test_the_same_run_has_a_plan_with_ha_off() -> None:
    assert isinstance(answer(replace(guarded(16, *VMS), ha_enabled=False)), Plan)


def test_vms_that_ha_does_not_restart_need_no_reserve() -> None:
    assert isinstance(answer(guarded(16)), Plan)


@pytest.mark.parametrize("placement", list(Placement))
def test_with_room_for_the_protected_vms_of_another_host_there_is_a_plan(placement: Placement) -> None:
    assert isinstance(answer(guarded(20, *VMS), Policy(placement)), Plan)
