from __future__ import annotations

import pytest

from tests.plan.pools import (
    homes,
    host,
    hosts_of,
    pool,
    vm,
    with_affinity,
    with_apart,
    with_ballooning,
    with_cpus,
    with_host,
)
from tests.plan.sound import assert_sound
from xenpatch.plan.model import Kind, Move, NoRoom, Placement, Plan, Policy
from xenpatch.plan.planner import plan_run
from xenpatch.units import GIB
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid

FREE = Policy(Placement.FREE)

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


def planned(picture: Inventory, *hosts: str, policy: Policy = Policy()) -> Plan:  # noqa: B008 - frozen
    """The plan for those hosts (all of them by default), which must be sound."""
    chosen = [HostUuid(name) for name in hosts] or hosts_of(picture)
    plan = plan_run(picture, chosen, homes(picture), policy)
    assert isinstance(plan, Plan), plan.sentence()
    assert_sound(picture, plan, chosen, homes(picture))
    return plan


def names(plan: Plan) -> list[str]:
    return [turn.name for turn in plan.turns]


def steps(moves: tuple[Move, ...]) -> list[tuple[str, str, str]]:
    return [(move.vm_name, move.src_name, move.dst_name) for move in moves]


def test_the_master_is_the_first_and_then_the_least_loaded() -> None:
    vms = {"vm-a": ("xs9", 3), "vm-b": ("xs2", 2), "vm-c": ("xs10", 1)}
    assert names(planned(pool({"xs9": 9, "xs2": 9, "xs10": 9}, vms))) == ["xs9", "xs10", "xs2"]


def test_a_host_that_is_out_of_service_already_comes_before_the_least_loaded() -> None:
    picture = pool({"xs1": 9, "xs2": 9, "xs3": 9}, {"vm-a": ("xs3", 1)})
    assert names(planned(with_host(picture, "xs3", enabled=False))) == ["xs1", "xs3", "xs2"]


def test_each_host_is_emptied_and_filled_again() -> None:
    plan = planned(THREE)
    assert names(plan) == ["xs1", "xs3", "xs2"]
    assert steps(plan.out(host("xs1"))) == [("vm-a", "xs1", "xs3"), ("vm-b", "xs1", "xs3")]
    assert steps(plan.back(host("xs1"))) == [("vm-a", "xs3", "xs1"), ("vm-b", "xs3", "xs1")]


def test_where_vms_may_stay_they_move_once_and_those_of_the_master_twice() -> None:
    plan = planned(THREE, policy=FREE)
    assert plan.moves == plan.bound.moves == 5 + 2
    assert {move.kind for move in plan} == {Kind.PARK, Kind.MIGRATE}


def test_only_vms_with_a_home_server_come_back() -> None:
    picture = with_affinity(THREE, "vm-c", "vm-e")
    plan = planned(picture, policy=Policy(Placement.AFFINITY))
    assert {move.vm_name for move in plan if move.kind is Kind.RETURN} == {"vm-c", "vm-e"}


def test_several_hosts_go_down_at_once_where_that_costs_nothing() -> None:
    waves = planned(THREE, policy=Policy(width=2)).waves
    assert [{turn.name for turn in wave} for wave in waves] == [{"xs1"}, {"xs2", "xs3"}]


def test_a_vm_steps_aside_for_one_that_fits_nowhere() -> None:
    picture = pool(
        hosts={"xs1": 16, "xs2": 16, "xs3": 16},
        vms={"vm-l": ("xs1", 12), "vm-m": ("xs2", 6), "vm-n": ("xs3", 6)},
    )
    plan = planned(picture, policy=FREE)
    assert [move.kind for move in plan.out(host("xs1"))] == [Kind.MAKE_ROOM, Kind.PARK]


def test_vms_of_a_group_stay_apart() -> None:
    picture = pool({"xs1": 32, "xs2": 32, "xs3": 16}, {"vm-a": ("xs1", 2), "vm-b": ("xs2", 2)})
    for policy in (Policy(), FREE):
        plan = planned(with_apart(picture, "group", "vm-a", "vm-b"), policy=policy)
        assert plan.together == ()
    assert steps(planned(with_apart(picture, "group", "vm-a", "vm-b")).out(host("xs1"))) == [
        ("vm-a", "xs1", "xs3")
    ]


def test_where_vms_cannot_stay_apart_the_plan_names_them() -> None:
    picture = pool({"xs1": 32, "xs2": 32}, {"vm-a": ("xs1", 2), "vm-b": ("xs2", 2)})
    assert planned(with_apart(picture, "group", "vm-a", "vm-b")).together == ("vm-a", "vm-b")


def test_vms_are_squeezed_only_if_nothing_else_helps_and_the_policy_lets_them() -> None:
    picture = pool({"xs1": 8, "xs2": 8}, {"vm-a": ("xs1", 5), "vm-b": ("xs2", 5)})
    picture = with_ballooning(picture, {"vm-a": 3, "vm-b": 3})
    assert isinstance(plan_run(picture, hosts_of(picture), homes(picture)), NoRoom)
    assert planned(picture, policy=Policy(squeeze=True)).squeezed == ("vm-a", "vm-b")
    assert planned(THREE, policy=Policy(squeeze=True)).squeezed == ()


def test_a_vm_moves_only_to_a_host_with_the_processor_features_it_has_seen() -> None:
    picture = pool({"xs1": 32, "xs2": 64, "xs3": 16}, {"vm-a": ("xs1", 2)})
    picture = with_cpus(picture, {"xs1": 3, "xs2": 1, "xs3": 3}, {"vm-a": 2})
    assert steps(planned(picture).out(host("xs1"))) == [("vm-a", "xs1", "xs3")]


def test_every_vm_moves_twice() -> None:
    plan = planned(THREE)
    assert plan.moves == 2 * 5
    assert plan.bytes == 2 * 34 * GIB


def test_the_largest_vm_moves_first_to_where_the_smallest_share_of_memory_is_used() -> None:
    picture = pool(
        hosts={"xs1": 64, "xs2": 32, "xs3": 40},
        vms={"vm-s": ("xs1", 4), "vm-l": ("xs1", 16), "vm-m": ("xs1", 10), "vm-x": ("xs2", 2)},
    )
    out = planned(picture, "xs1").out(host("xs1"))
    assert steps(out) == [("vm-l", "xs1", "xs3"), ("vm-m", "xs1", "xs2"), ("vm-s", "xs1", "xs2")]
    assert [move.free_after // GIB for move in out] == [24, 20, 16]


def test_best_fit_is_tried_where_spreading_finds_no_place() -> None:
    # Spreading puts vm-a on xs2 and leaves 6 + 10; vm-c then lacks a piece of 10.
    picture = pool(
        hosts={"xs1": 64, "xs2": 16, "xs3": 10},
        vms={"vm-a": ("xs1", 10), "vm-b": ("xs1", 8), "vm-c": ("xs1", 8)},
    )
    out = planned(picture, "xs1").out(host("xs1"))
    assert steps(out) == [("vm-a", "xs1", "xs3"), ("vm-b", "xs1", "xs2"), ("vm-c", "xs1", "xs2")]


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
    assert steps(planned(picture, "xs1").out(host("xs1"))) == [("vm-a", "xs1", "xs3")]


@pytest.mark.parametrize("state", [{"enabled": False}, {"live": False}])
def test_a_host_that_is_out_of_service_is_no_target(state: dict[str, bool]) -> None:
    picture = with_host(pool({"xs1": 64, "xs2": 64, "xs3": 16}, {"vm-a": ("xs1", 8)}), "xs2", **state)
    assert steps(planned(picture, "xs1").out(host("xs1"))) == [("vm-a", "xs1", "xs3")]


def test_a_paused_vm_stays_and_keeps_its_memory() -> None:
    picture = pool(
        hosts={"xs1": 64, "xs2": 16, "xs3": 16},
        vms={"vm-a": ("xs1", 10), "vm-p": ("xs2", 8)},
        paused=["vm-p"],
    )
    plan = planned(picture)
    assert steps(plan.out(host("xs1"))) == [("vm-a", "xs1", "xs3")]
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
    assert_sound(picture, plan, [host("xs1")], homes(picture), ignored)
    assert steps(plan.out(host("xs1"))) == [("vm-a", "xs1", "xs3")]


def test_a_vm_without_a_home_belongs_where_it_is() -> None:
    plan = plan_run(THREE, hosts_of(THREE), {})
    assert plan == plan_run(THREE, hosts_of(THREE), homes(THREE))


def test_a_single_host_without_vms_just_reboots() -> None:
    plan = planned(pool({"xs1": 64}, {}))
    assert plan.moves == 0
    assert [turn.reboots for turn in plan.turns] == [True]


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
