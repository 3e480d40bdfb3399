"""The checker finds each mistake that a plan can have: a sound plan with one thing wrong is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.plan.by_hand import PLAN, POOL, STEPS, changed, move, only, reboot, reordered, waiting_for
from tests.plan.checker import Run
from tests.plan.orders import Orders
from tests.plan.pools import halted, homes, host, hosts_of, vm, with_apart, with_cpus, with_host, with_vm
from tests.plan.sound import assert_sound, at_random, in_order, well_formed
from xenpatch.plan.model import Bound, Plan, Policy, Turn
from xenpatch.units import GIB
from xenpatch.xapi.inventory import Inventory, PowerState

EDGES = [(step.no, no) for step in STEPS for no in step.after]


def run_of(picture: Inventory = POOL, policy: Policy = Policy(), ignore: tuple[str, ...] = ()) -> Run:  # noqa: B008
    return Run(picture, hosts_of(picture), homes(picture), policy, [vm(name) for name in ignore])


def carried_out(picture: Inventory, plan: Plan, ignore: tuple[str, ...] = ()) -> None:
    in_order(run_of(picture, ignore=ignore), plan).over()


def smaller(name: str, size: float) -> Inventory:
    hosts = (
        replace(each, memory_capacity=int(size * GIB)) if each.name == name else each for each in POOL.hosts
    )
    return replace(POOL, hosts=tuple(hosts))


def older(name: str) -> Inventory:
    hosts = (replace(each, product_version="6.0.0") if each.name == name else each for each in POOL.hosts)
    return replace(POOL, hosts=tuple(hosts))


def test_the_plan_made_by_hand_is_sound() -> None:
    assert_sound(POOL, PLAN, hosts_of(POOL), homes(POOL))


@pytest.mark.parametrize(
    ("picture", "plan", "reason"),
    [
        (smaller("xs3", 7.9), PLAN, "xs3 is too full for vm-a"),
        (with_vm(POOL, "vm-d", memory=5 * GIB), PLAN, "xs3 is too full for vm-a"),
        (with_host(POOL, "xs3", enabled=False), PLAN, "xs3 is out of service"),
        (with_host(POOL, "xs3", attached=False), PLAN, "xs3 cannot run vm-a"),
        (with_vm(POOL, "vm-a", networks=frozenset({"dmz"})), PLAN, "xs3 cannot run vm-a"),
        (with_cpus(POOL, {"xs1": 3, "xs2": 1}, {"vm-b": 2}), PLAN, "xs2 cannot run vm-b"),
        (older("xs3"), PLAN, "xs3 cannot run vm-a"),
        (with_apart(POOL, "group", "vm-a", "vm-d"), PLAN, "vm-a and vm-d share xs3"),
        (with_vm(POOL, "vm-a", power_state=PowerState.PAUSED), PLAN, "vm-a is not to move"),
        (POOL, changed(1, memory=1), "vm-a has another size"),
        (POOL, changed(1, free_after=1), "free_after is wrong"),
        (POOL, changed(1, src=host("xs2")), "vm-a is not on xs1"),
        (POOL, changed(1, dst=host("xs1")), "vm-a stays"),
        (POOL, only(1, 3), "xs1 reboots under"),
        (POOL, only(1, 2, 3, 7), "xs2 reboots under"),
        (POOL, only(6), "xs1 is out of service"),
        (POOL, only(1, 2, 10), "xs3 reboots before its wave"),
        (POOL, only(1, 2, 3, 3), "xs1 reboots again"),
        (POOL, only(1, 2, 3, 4, 5, 6, 7, 8), "not every host has been rebooted"),
        (POOL, only(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), "not at home: {'vm-d': 'xs1'}"),
        (POOL, only(1, 2, 3, 4, 5, 6, 7, 8, 9, 11), "xs3 is out of service"),
    ],
)
def test_a_mistake_in_the_order_of_the_plan(picture: Inventory, plan: Plan, reason: str) -> None:
    with pytest.raises(AssertionError) as refusal:
        carried_out(picture, plan)
    assert reason in str(refusal.value)


def test_a_vm_must_not_go_back_to_an_old_host() -> None:
    back = move(5, "vm-a", "xs1>xs3", "xs3", (4,), 2)
    with pytest.raises(AssertionError, match="goes back to an old host"):
        carried_out(POOL, replace(PLAN, steps=(*STEPS[:4], back)))


def test_the_master_is_the_first() -> None:
    run = run_of(replace(POOL, master=host("xs2")))
    with pytest.raises(AssertionError, match="master first"):
        in_order(run, PLAN)


def test_an_ignored_vm_must_not_move_and_may_stay_on_a_host_that_reboots() -> None:
    with pytest.raises(AssertionError, match="vm-a is not to move"):
        carried_out(POOL, PLAN, ignore=("vm-a",))
    steps = tuple(step for step in STEPS if "vm-d" not in str(step))
    carried_out(POOL, replace(PLAN, steps=steps), ignore=("vm-d",))


def test_a_group_that_is_broken_at_the_start_or_that_the_plan_tells_does_not_bind() -> None:
    carried_out(with_apart(POOL, "group", "vm-a", "vm-b"), PLAN)
    carried_out(with_apart(POOL, "group", "vm-a", "vm-d"), replace(PLAN, together=("vm-a", "vm-c", "vm-d")))


@pytest.mark.parametrize(("no", "dropped"), EDGES)
@pytest.mark.parametrize("check", ["all orders", "by chance"])
def test_a_step_that_does_not_wait_long_enough(no: int, dropped: int, check: str) -> None:
    plan = waiting_for(no, *(set(STEPS[no - 1].after) - {dropped}))
    with pytest.raises(AssertionError):
        CHECKS[check](plan, run_of())


def by_chance(plan: Plan, run: Run) -> None:
    for seed in range(100):
        at_random(run, plan, random.Random(seed))


CHECKS: dict[str, Callable[[Plan, Run], None]] = {
    "all orders": lambda plan, run: Orders(run, plan).check(),
    "by chance": by_chance,
}


def test_memory_in_some_order_only() -> None:
    plan = waiting_for(9, 7)  # vm-c may still be on xs1, or on its way off
    with pytest.raises(AssertionError, match="xs1 may get too full"):
        Orders(run_of(), plan).check()
    Orders(run_of(smaller("xs1", 17)), plan).check()


def test_memory_on_a_host_that_is_too_full_from_the_start() -> None:
    Orders(run_of(smaller("xs1", 9.9)), only(1, 2, 3)).check()
    with pytest.raises(AssertionError, match="xs3 may be too full for 1"):
        Orders(run_of(smaller("xs3", 1)), only(1, 2, 3)).check()


def test_strangers_that_meet_in_some_order_only() -> None:
    run = run_of(with_apart(POOL, "group", "vm-a", "vm-c"))
    order = (1, 2, 3, 5, 6, 7, 8, 4, 9, 10, 11)  # vm-a comes home when vm-c has left
    Orders(run, reordered(waiting_for(4, 8), *order)).check()
    plan = reordered(waiting_for(4, 3), *order)
    with pytest.raises(AssertionError, match="may meet on xs1"):
        Orders(run, plan).check()
    with pytest.raises(AssertionError, match="share xs1"):
        by_chance(plan, run)


@pytest.mark.parametrize("waits", [True, False])
def test_a_vm_that_comes_to_a_host_whose_wave_may_have_begun(waits: bool) -> None:
    run = run_of(halted(POOL, "vm-a", "vm-b"))
    steps = (
        move(1, "vm-d", "xs3>xs2", "xs1", (), 5),
        reboot(2, "xs1", (1,) if waits else ()),
        move(3, "vm-c", "xs2>xs1", "xs2", (2,), 11),
        move(4, "vm-d", "xs2>xs1", "xs2", (1, 2), 9),
        reboot(5, "xs2", (3, 4)),
    )
    plan = replace(PLAN, steps=steps)
    if waits:
        Orders(run, plan).check()
        return
    with pytest.raises(AssertionError, match="vm-d may come to xs2 when it is disabled"):
        Orders(run, plan).nothing_comes_once_a_wave_may_begin()


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (replace(PLAN, turns=(*PLAN.turns, PLAN.turns[0])), "a host has two turns"),
        (replace(PLAN, turns=PLAN.turns[:2]), ""),
        (replace(PLAN, turns=tuple(replace(turn, wave=1) for turn in PLAN.turns)), "a wave is too wide"),
        (changed(7, after=(8,)), ""),
        (only(1, 2, 4), ""),
    ],
)
def test_a_plan_that_is_written_down_badly(plan: Plan, reason: str) -> None:
    with pytest.raises(AssertionError) as refusal:
        well_formed(run_of(), plan)
    assert reason in str(refusal.value)


def test_the_master_shares_its_wave_with_nobody() -> None:
    policy = Policy(width=3)
    turns = tuple(Turn(turn.host, turn.name, 1) for turn in PLAN.turns)
    with pytest.raises(AssertionError, match="the master is not alone"):
        well_formed(run_of(policy=policy), replace(PLAN, turns=turns, policy=policy))


@pytest.mark.parametrize("bound", [Bound(9, 0), Bound(8, 34 * GIB + 1)])
def test_a_bound_that_is_too_high(bound: Bound) -> None:
    with pytest.raises(AssertionError, match="no lower bound"):
        assert_sound(POOL, replace(PLAN, bound=bound), hosts_of(POOL), homes(POOL))
