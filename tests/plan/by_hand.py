"""A sound plan made by hand, in which every step waits for just what it has to wait for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.plan.pools import host, pool, vm
from xenpatch.plan.model import Bound, Kind, Move, Plan, Reboot, Step, Turn
from xenpatch.units import GIB

POOL = pool(
    hosts={"xs1": 16, "xs2": 12, "xs3": 10},
    vms={"vm-a": ("xs1", 6), "vm-b": ("xs1", 4), "vm-c": ("xs2", 5), "vm-d": ("xs3", 2)},
)
WAVES = {"xs1": 1, "xs2": 2, "xs3": 3}


def move(no: int, name: str, way: str, turn: str, after: tuple[int, ...], free: int) -> Move:
    """`way` is "source>target", `free` the GiB free there afterwards."""
    src, dst = way.split(">")
    return Move(
        vm=vm(name),
        vm_name=name,
        src=host(src),
        src_name=src,
        dst=host(dst),
        dst_name=dst,
        memory=next(each.memory for each in POOL.vms if each.name == name),
        free_after=free * GIB,
        no=no,
        wave=WAVES[turn],
        turn=host(turn),
        kind=Kind.RETURN if turn == dst else Kind.MIGRATE,
        after=after,
    )


def reboot(no: int, name: str, after: tuple[int, ...]) -> Reboot:
    return Reboot(host(name), name, no, WAVES[name], after)


STEPS: tuple[Step, ...] = (
    move(1, "vm-a", "xs1>xs3", "xs1", (), 2),
    move(2, "vm-b", "xs1>xs2", "xs1", (), 3),
    reboot(3, "xs1", (1, 2)),
    move(4, "vm-a", "xs3>xs1", "xs1", (3,), 10),
    move(5, "vm-b", "xs2>xs1", "xs1", (3,), 6),
    move(6, "vm-c", "xs2>xs1", "xs2", (3,), 1),
    reboot(7, "xs2", (5, 6)),
    move(8, "vm-c", "xs1>xs2", "xs2", (7,), 7),
    move(9, "vm-d", "xs3>xs1", "xs3", (8,), 4),
    reboot(10, "xs3", (4, 9)),
    move(11, "vm-d", "xs1>xs3", "xs3", (10,), 8),
)
PLAN = Plan(
    turns=tuple(Turn(host(name), name, wave) for name, wave in WAVES.items()),
    steps=STEPS,
    bound=Bound(8, 34 * GIB),
)


def changed(no: int, **changes: Any) -> Plan:
    """The plan with one step changed."""
    return replace(PLAN, steps=tuple(s._replace(**changes) if s.no == no else s for s in STEPS))


def only(*numbers: int, **changes: Any) -> Plan:
    """The plan with these steps alone, in this order."""
    return replace(PLAN, steps=tuple(STEPS[no - 1] for no in numbers), **changes)


def waiting_for(no: int, *after: int) -> Plan:
    """The plan with one step that waits for other ones than it should."""
    return changed(no, after=after)


def reordered(plan: Plan, *numbers: int) -> Plan:
    """The same steps in another order, with numbers to match."""
    new = {no: position for position, no in enumerate(numbers, 1)}
    steps = sorted(plan.steps, key=lambda step: new[step.no])
    return replace(
        plan,
        steps=tuple(s._replace(no=new[s.no], after=tuple(new[no] for no in s.after)) for s in steps),
    )
