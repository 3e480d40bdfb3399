"""Whether a plan is sound: in its own order, in orders by chance, and in all orders that it allows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from tests.plan.checker import Run, World
from tests.plan.lower_bound import lower_bound
from tests.plan.orders import Orders
from xenpatch.plan.model import Move, Plan, Reboot
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid, VmUuid

EXECUTIONS = 3


def assert_sound(
    pool: Inventory,
    plan: Plan,
    hosts: Sequence[HostUuid],
    homes: Mapping[VmUuid, HostUuid],
    ignore: Collection[VmUuid] = (),
) -> World:
    """Check everything about a plan; the world is that in which it has been carried out."""
    run = Run(pool, hosts, homes, plan.policy, ignore)
    well_formed(run, plan)
    world = in_order(run, plan)
    world.over()
    Orders(run, plan).check()
    for seed in range(EXECUTIONS):
        at_random(run, plan, random.Random(seed)).over()
    least = lower_bound(run, plan)
    assert plan.bound.moves <= least.moves <= plan.moves, "no lower bound of the moves"
    assert plan.bound.bytes <= least.bytes <= plan.bytes, "no lower bound of the bytes"
    return world


def in_order(run: Run, plan: Plan) -> World:
    """All steps one after another."""
    world = World(run, plan)
    for step in plan.steps:
        world.begin(step)
        world.end(step)
        if isinstance(step, Move):
            assert step.free_after == world.free(step.dst), f"step {step.no}: free_after is wrong"
    return world


def at_random(run: Run, plan: Plan, dice: random.Random, begin: int | None = None) -> World:
    """Steps begin and end in some order that `after` allows, as much at once as the dice want.

    Every step has a rank of its own, so that some wait as long as they can. With `begin` no more steps than
    that begin, and what is under way then may stay so.
    """
    world, done, waiting = World(run, plan), set[int](), list(plan.steps)
    dice.shuffle(waiting)
    eager = dice.choice([0.1, 0.5, 0.9, 0.99])
    left = len(waiting) if begin is None else begin
    while True:
        ready = [step for step in waiting if done.issuperset(step.after)] if left else []
        if ready and (not world.under_way or dice.random() < eager):
            waiting.remove(ready[0])
            world.begin(ready[0])
            left -= 1
        elif world.under_way and (ready or begin is None or dice.random() < 0.7):
            step = dice.choice(world.under_way)
            world.end(step)
            done.add(step.no)
        else:
            return world


def well_formed(run: Run, plan: Plan) -> None:
    """What must hold of the steps as they are written down."""
    assert [step.no for step in plan.steps] == list(range(1, len(plan.steps) + 1))
    assert all(0 < no < step.no for step in plan.steps for no in step.after)
    assert plan.policy == run.policy
    assert len({turn.host for turn in plan.turns}) == len(plan.turns), "a host has two turns"
    wave = {turn.host: turn.wave for turn in plan.turns if turn.reboots}
    booted = [wave.get(step.host, 0) for step in plan.steps if isinstance(step, Reboot)]
    assert booted == list(wave.values()) == sorted(booted), "the waves are out of order"
    width = Counter(wave.values())
    assert max(width.values(), default=0) <= run.policy.width, "a wave is too wide"
    assert width[wave.get(run.pool.master, -1)] <= 1, "the master is not alone"
    for step in plan.steps:
        turn = plan.host(step.turn if isinstance(step, Move) else step.host)
        assert turn is not None, f"step {step.no} is for no turn"
        assert not isinstance(step, Reboot) or step.wave == turn.wave
