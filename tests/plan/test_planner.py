from __future__ import annotations

import pytest

from tests.plan.pools import homes, host, pool, vm, with_host
from tests.plan.replay import Replay, assert_sound
from xenpatch.plan.model import Move, NoRoom, Plan
from xenpatch.plan.planner import ordered, plan_run
from xenpatch.units import GIB
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid

THREE = pool(
    hosts={"xs1": 64, "xs2": 64, "xs3": 64},
    vms={
        "vm-a": ("xs1", 8),
        "vm-b": ("xs1", 4),
        "vm-c": ("xs2", 16),
        "vm-d": ("xs2", 2),
        "vm-e": ("xs3", 4),
    },
)


def planned(picture: Inventory, *hosts: str, at_home: Inventory | None = None) -> Plan:
    """The plan for those hosts (all of them by default), which must be sound."""
    order = [HostUuid(name) for name in hosts] or ordered(picture)
    belongs = homes(at_home or picture)
    plan = plan_run(picture, order, belongs)
    assert isinstance(plan, Plan)
    assert_sound(picture, plan, order, belongs)
    return plan


def steps(moves: tuple[Move, ...]) -> list[tuple[str, str, str]]:
    return [(move.vm_name, move.src_name, move.dst_name) for move in moves]


def test_the_order_of_a_run_is_the_master_first_and_then_by_name() -> None:
    picture = pool(hosts={"xs9": 1, "xs2": 1, "xs10": 1}, vms={})
    assert ordered(picture) == ["xs9", "xs10", "xs2"]


def test_each_host_is_emptied_and_filled_again_before_the_next() -> None:
    plan = planned(THREE)
    assert [turn.name for turn in plan.hosts] == ["xs1", "xs2", "xs3"]
    assert steps(plan.hosts[0].out) == [("vm-a", "xs1", "xs3"), ("vm-b", "xs1", "xs3")]
    assert steps(plan.hosts[0].back) == [("vm-a", "xs3", "xs1"), ("vm-b", "xs3", "xs1")]


def test_every_vm_moves_twice() -> None:
    plan = planned(THREE)
    assert plan.moves == 2 * 5
    assert plan.bytes == 2 * 34 * GIB


def test_the_largest_vm_moves_first_to_where_most_memory_is_free() -> None:
    picture = pool(
        hosts={"xs1": 64, "xs2": 32, "xs3": 40},
        vms={"vm-s": ("xs1", 4), "vm-l": ("xs1", 16), "vm-m": ("xs1", 10)},
    )
    turn = planned(picture).hosts[0]
    assert steps(turn.out) == [("vm-l", "xs1", "xs3"), ("vm-m", "xs1", "xs2"), ("vm-s", "xs1", "xs3")]
    assert [move.free_after // GIB for move in turn.out] == [24, 22, 20]


def test_best_fit_is_tried_where_spreading_finds_no_place() -> None:
    # Spreading puts vm-a on xs2 and leaves 6 + 10; vm-c then lacks a piece of 10.
    picture = pool(
        hosts={"xs1": 64, "xs2": 16, "xs3": 10},
        vms={"vm-a": ("xs1", 10), "vm-b": ("xs1", 8), "vm-c": ("xs1", 8)},
    )
    turn = planned(picture, "xs1").hosts[0]
    assert steps(turn.out) == [("vm-a", "xs1", "xs3"), ("vm-b", "xs1", "xs2"), ("vm-c", "xs1", "xs2")]


def test_shuffles_find_a_place_where_the_size_order_does_not() -> None:
    # The only way is 15 + 14 and 16 + 8 + 8 + 1.
    picture = pool(
        hosts={"xs1": 64, "xs2": 29, "xs3": 34},
        vms={f"vm-{n}": ("xs1", size) for n, size in enumerate([16, 15, 14, 8, 8, 1])},
    )
    planned(picture, "xs1")


def test_a_vm_moves_only_to_a_host_that_sees_its_storage() -> None:
    picture = pool(hosts={"xs1": 64, "xs2": 64, "xs3": 16}, vms={"vm-a": ("xs1", 8)})
    picture = with_host(picture, "xs2", attached=False)
    assert steps(planned(picture, "xs1").hosts[0].out) == [("vm-a", "xs1", "xs3")]


@pytest.mark.parametrize("state", [{"enabled": False}, {"live": False}])
def test_a_host_that_is_out_of_service_is_no_target(state: dict[str, bool]) -> None:
    picture = with_host(pool({"xs1": 64, "xs2": 64, "xs3": 16}, {"vm-a": ("xs1", 8)}), "xs2", **state)
    assert steps(planned(picture, "xs1").hosts[0].out) == [("vm-a", "xs1", "xs3")]


def test_a_paused_vm_stays_and_keeps_its_memory() -> None:
    picture = pool(
        hosts={"xs1": 64, "xs2": 16, "xs3": 16},
        vms={"vm-a": ("xs1", 10), "vm-p": ("xs2", 8)},
        paused=["vm-p"],
    )
    plan = planned(picture)
    assert steps(plan.hosts[0].out) == [("vm-a", "xs1", "xs3")]
    assert {move.vm_name for move in plan} == {"vm-a"}


def test_ignored_vms_stay_and_keep_their_memory() -> None:
    picture = pool(
        hosts={"xs1": 64, "xs2": 16, "xs3": 16},
        vms={"vm-a": ("xs1", 10), "vm-i": ("xs1", 60), "vm-j": ("xs2", 8)},
    )
    ignored = frozenset({vm("vm-i"), vm("vm-j")})
    plan = plan_run(picture, [host("xs1")], homes(picture), ignore=ignored)
    assert isinstance(plan, NoRoom)  # vm-i stays, so that vm-a has no room to come back
    picture = pool(
        hosts={"xs1": 72, "xs2": 16, "xs3": 16},
        vms={"vm-a": ("xs1", 10), "vm-i": ("xs1", 60), "vm-j": ("xs2", 8)},
    )
    plan = plan_run(picture, [host("xs1")], homes(picture), ignore=ignored)
    assert isinstance(plan, Plan)
    Replay(picture).play(plan, left_alone=ignored)
    assert steps(plan.hosts[0].out) == [("vm-a", "xs1", "xs3")]


def test_a_vm_without_a_home_belongs_where_it_is() -> None:
    plan = plan_run(THREE, ordered(THREE), {})
    assert plan == plan_run(THREE, ordered(THREE), homes(THREE))


def test_a_single_host_without_vms_just_reboots() -> None:
    plan = planned(pool({"xs1": 64}, {}))
    assert plan.moves == 0
    assert [turn.reboots for turn in plan.hosts] == [True]


def test_the_same_picture_gives_the_same_plan() -> None:
    assert planned(THREE) == planned(THREE)


def test_the_turn_of_a_host_is_found_by_its_uuid() -> None:
    plan = planned(THREE, "xs2", "xs3")
    turn = plan.host(host("xs3"))
    assert turn is not None
    assert turn.name == "xs3"
    assert plan.host(host("xs1")) is None


def test_a_host_given_twice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        plan_run(THREE, [host("xs1"), host("xs1")], {})
