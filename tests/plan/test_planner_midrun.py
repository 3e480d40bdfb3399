"""Plans made in the middle of a run: some VMs are away from home, some hosts are out of service."""

from __future__ import annotations

from tests.plan.pools import homes, host, pool, with_host, with_vms_at
from tests.plan.sound import assert_sound
from xenpatch.plan.attempt import Stuck, attempt
from xenpatch.plan.emptying import Tuning
from xenpatch.plan.layout import Boot
from xenpatch.plan.model import Bound, NoRoom, Plan, Policy, Shortage
from xenpatch.plan.planner import plan_run
from xenpatch.plan.problem import pose
from xenpatch.xapi.inventory import Inventory

HOME = pool(
    hosts={"xs1": 32, "xs2": 32, "xs3": 32},
    vms={"vm-a": ("xs1", 8), "vm-b": ("xs1", 4), "vm-c": ("xs2", 8), "vm-d": ("xs3", 4)},
)
BELONGS = homes(HOME)


def again(picture: Inventory, *hosts: str) -> Plan:
    order = [host(name) for name in hosts]
    plan = plan_run(picture, order, BELONGS)
    assert isinstance(plan, Plan)
    assert_sound(picture, plan, order, BELONGS)
    return plan


def steps(plan: Plan) -> list[str]:
    return [f"{move.vm_name} {move.src_name}>{move.dst_name}" for move in plan]


def test_a_half_drained_host_is_drained_the_rest_of_the_way() -> None:
    picture = with_host(with_vms_at(HOME, {"vm-a": "xs3"}), "xs1", enabled=False)
    plan = again(picture, "xs1", "xs2", "xs3")
    assert [move.vm_name for move in plan.out(host("xs1"))] == ["vm-b"]
    assert [move.vm_name for move in plan.back(host("xs1"))] == ["vm-a", "vm-b"]


def test_a_host_that_is_out_of_service_stays_the_next_in_every_attempt() -> None:
    picture = with_host(HOME, "xs2", enabled=False)
    problem = pose(picture, [host("xs2"), host("xs3")], BELONGS, Policy())

    for seed in range(20):
        draft = attempt(problem, Tuning(seed=seed))
        assert not isinstance(draft, Stuck)
        assert [picture.hosts[step.host].name for step in draft if isinstance(step, Boot)] == ["xs2", "xs3"]


def test_an_empty_host_that_is_down_comes_back_and_is_a_target_for_the_next() -> None:
    picture = with_vms_at(HOME, {"vm-a": "xs2", "vm-b": "xs2"})
    picture = with_host(picture, "xs1", enabled=False, live=False, attached=False)
    picture = with_host(picture, "xs3", enabled=False)
    plan = again(picture, "xs1", "xs2")
    assert steps(plan) == ["vm-a xs2>xs1", "vm-b xs2>xs1", "vm-c xs2>xs1", "vm-c xs1>xs2"]


def test_a_host_whose_turn_is_over_gets_its_vms_back_first_and_is_not_emptied_again() -> None:
    plan = again(with_vms_at(HOME, {"vm-a": "xs2"}), "xs2", "xs3")
    first = plan.turns[0]
    assert (first.name, first.reboots, plan.out(first.host)) == ("xs1", False, ())
    assert [move.vm_name for move in plan.back(first.host)] == ["vm-a"]
    assert [turn.name for turn in plan.turns] == ["xs1", "xs3", "xs2"]
    assert [move.vm_name for move in plan if move.vm_name == "vm-a"] == ["vm-a"]


def test_only_returns_are_planned_when_every_turn_is_over() -> None:
    plan = again(with_vms_at(HOME, {"vm-a": "xs2", "vm-d": "xs1"}))
    assert steps(plan) == ["vm-a xs2>xs1", "vm-d xs1>xs3"]


def test_nothing_is_planned_for_a_finished_run() -> None:
    plan = again(HOME)
    assert (plan.turns, plan.steps, plan.bound) == ((), (), Bound(0, 0))


def test_a_vm_parked_on_a_host_with_its_turn_to_come_gets_home_without_a_detour() -> None:
    picture = with_host(with_vms_at(HOME, {"vm-d": "xs2"}), "xs3", enabled=False)
    plan = again(picture, "xs2", "xs3")
    assert [turn.name for turn in plan.turns] == ["xs3", "xs2"]
    assert [step for step in steps(plan) if step.startswith("vm-d")] == ["vm-d xs2>xs3"]


def test_a_host_whose_turn_is_over_waits_for_room_for_its_vms() -> None:
    picture = pool(
        hosts={"xs1": 8, "xs2": 16, "xs3": 16}, vms={"vm-a": ("xs2", 6), "vm-b": ("xs1", 6)}
    )  # exchanged: vm-a belongs on xs1, which is done, and vm-b on xs2
    belongs = {**homes(picture), **dict.fromkeys([picture.vms[0].uuid], host("xs1"))}
    belongs[picture.vms[1].uuid] = host("xs2")
    plan = plan_run(picture, [host("xs2")], belongs)
    assert isinstance(plan, Plan)
    assert_sound(picture, plan, [host("xs2")], belongs)
    assert [turn.name for turn in plan.turns] == ["xs2", "xs1"]


def test_a_host_that_never_gets_room_for_its_vms_means_no_plan() -> None:
    picture = pool(hosts={"xs1": 8, "xs2": 16}, vms={"vm-a": ("xs2", 6), "vm-n": ("xs1", 6)})
    belongs = {**homes(picture), picture.vms[0].uuid: host("xs1")}
    refused = plan_run(picture, [], belongs)
    assert isinstance(refused, NoRoom)
    assert refused.shortage is Shortage.HOME
    assert refused.reason == (
        "xs1 cannot take back vm-a (6 GiB), whose home it is: 6 GiB needed, 2 GiB free there"
    )
    assert refused.remedy == (
        "stop or suspend vm-a (6 GiB; the smallest set found); or let VMs stay where they go "
        "(--placement free)"
    )


def test_a_vm_whose_home_is_out_of_service_and_not_of_the_run_stays() -> None:
    picture = with_host(with_vms_at(HOME, {"vm-a": "xs2"}), "xs1", live=False)
    assert steps(again(picture)) == []


def test_a_vm_whose_home_has_left_the_pool_belongs_where_it_is() -> None:
    belongs = {**BELONGS, HOME.vms[0].uuid: host("ejected")}
    plan = plan_run(HOME, [host("xs1")], belongs)
    assert isinstance(plan, Plan)
    assert [move.vm_name for move in plan.back(host("xs1"))] == ["vm-a", "vm-b"]
