"""A move is looked at again in a fresh picture, just before it is made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.pools import host, planned, pool, with_host, with_vms_at
from xenpatch.plan.model import Move
from xenpatch.plan.planner import check_move
from xenpatch.xapi.inventory import Inventory, PowerState

POOL = pool(hosts={"xs1": 32, "xs2": 16}, vms={"vm-a": ("xs1", 8), "vm-b": ("xs1", 6), "vm-x": ("xs2", 1)})
MOVE, OTHER = planned(POOL).hosts[0].out


def without_vm(picture: Inventory, name: str) -> Inventory:
    return replace(picture, vms=tuple(vm for vm in picture.vms if vm.name != name))


def halted(picture: Inventory, name: str) -> Inventory:
    return replace(
        picture,
        vms=tuple(
            replace(vm, power_state=PowerState.HALTED, resident_on=None) if vm.name == name else vm
            for vm in picture.vms
        ),
    )


def grown(picture: Inventory, name: str, factor: int) -> Inventory:
    return replace(
        picture,
        vms=tuple(replace(vm, memory=vm.memory * factor) if vm.name == name else vm for vm in picture.vms),
    )


def test_a_move_that_is_still_sound() -> None:
    assert check_move(POOL, MOVE) is None


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (without_vm(POOL, "vm-a"), "vm-a is gone"),
        (halted(POOL, "vm-a"), "vm-a is halted, not running"),
        (with_vms_at(POOL, {"vm-a": "xs2"}), "vm-a is on xs2, not on xs1"),
        (with_vms_at(POOL, {"vm-a": "nowhere"}), "vm-a is on no host, not on xs1"),
        (with_host(POOL, "xs2", enabled=False), "xs2 is not in service"),
        (with_host(POOL, "xs2", live=False), "xs2 is not in service"),
        (replace(POOL, hosts=POOL.hosts[:1]), "xs2 is not in service"),
        (with_host(POOL, "xs2", attached=False), "xs2 does not see the storage or networks of vm-a"),
        (grown(POOL, "vm-x", 9), "xs2 has 7 GiB free now, vm-a needs 8 GiB"),
        (grown(POOL, "vm-a", 2), "xs2 has 15 GiB free now, vm-a needs 16 GiB"),
    ],
)
def test_a_move_that_is_not_sound_any_more(picture: Inventory, reason: str) -> None:
    assert check_move(picture, MOVE) == reason


def test_what_is_under_way_to_the_target_counts() -> None:
    picture = grown(POOL, "vm-x", 3)  # 13 GiB are free, both VMs need 14
    assert check_move(picture, MOVE, under_way=[MOVE]) is None
    assert check_move(picture, MOVE, under_way=[OTHER]) == "xs2 has 7 GiB free now, vm-a needs 8 GiB"


def test_what_has_arrived_at_the_target_counts_once() -> None:
    picture = with_vms_at(POOL, {"vm-b": "xs2"})
    assert check_move(picture, MOVE, under_way=[OTHER]) is None


def test_what_is_under_way_elsewhere_does_not_count() -> None:
    elsewhere: Move = replace(OTHER, dst=host("xs3"), dst_name="xs3")
    assert check_move(grown(POOL, "vm-x", 3), MOVE, under_way=[elsewhere]) is None
