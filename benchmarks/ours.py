"""A plan of ours as an outcome, once it has been carried out on paper."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from benchmarks.outcome import AT_ONCE, REBOOT, VERIFY, Outcome, migration
from benchmarks.pools import homes
from xenpatch.plan.model import AUTO_WIDTH, Kind, Move, Placement, Plan, Policy, Step
from xenpatch.plan.planner import plan_run
from xenpatch.plan.schedule import timetable
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid, VmUuid

POLICIES: Final = {
    "home": Policy(Placement.HOME),
    "free": Policy(Placement.FREE),
    "home auto": Policy(Placement.HOME, width=AUTO_WIDTH),
    "free auto": Policy(Placement.FREE, width=AUTO_WIDTH),
}


@dataclass(frozen=True)
class Planned(Outcome):
    """An outcome with what only a plan has.

    ``bound_moves`` and ``bound_bytes`` are what no plan can do with less, ``made_room`` the moves that were
    made for the sake of another VM. ``unsound`` says which rule the plan breaks; such a plan drains nothing.
    """

    bound_moves: int = 0
    bound_bytes: int = 0
    made_room: int = 0
    waves: int = 0
    unsound: str = ""

    @property
    def gap(self) -> float:
        """Moves beyond the bound, as a share of it."""
        return self.moves / self.bound_moves - 1 if self.bound_moves else 0.0


class Unsound(Exception):
    """A plan breaks a rule."""


def ours(pool: Inventory, policy: Policy) -> Planned:
    """Plan a run over all hosts, and see what becomes of it."""
    plan = plan_run(pool, [host.uuid for host in pool.hosts], homes(pool), policy)
    if not isinstance(plan, Plan):
        return Planned(failed=plan.host_name)
    try:
        away = _replayed(pool, plan)
    except Unsound as broken:
        return Planned(failed="the plan", unsound=str(broken))
    table = timetable(plan, seconds, AT_ONCE)
    moved = Counter(move.vm for move in plan)
    return Planned(
        moves=plan.moves,
        bytes=plan.bytes,
        seconds=table.total,
        mixed=table.mixed,
        worst=max(moved.values(), default=0),
        away=away,
        bound_moves=plan.bound.moves,
        bound_bytes=plan.bound.bytes,
        made_room=sum(move.kind is Kind.MAKE_ROOM for move in plan),
        waves=len(plan.waves),
    )


def seconds(step: Step) -> float:
    """How long a step takes."""
    return migration(step.memory) if isinstance(step, Move) else REBOOT + VERIFY


def _replayed(pool: Inventory, plan: Plan) -> int:
    """How many VMs are away from home once the steps were made in their order; Unsound if one cannot be."""
    at: dict[VmUuid, HostUuid] = dict(homes(pool))
    size = {vm.uuid: vm.memory for vm in pool.vms}
    free = {host.uuid: host.memory_capacity for host in pool.hosts}
    for vm, host in at.items():
        free[host] -= size[vm]
    rebooted: list[HostUuid] = []
    for step in plan.steps:
        if isinstance(step, Move):
            free[step.src] += size[step.vm]
            free[step.dst] -= size[step.vm]
            if at[step.vm] != step.src or step.memory != size[step.vm] or free[step.dst] < 0:
                raise Unsound(f"step {step.no}, {step.vm_name} to {step.dst_name}, cannot be made")
            at[step.vm] = step.dst
        elif step.host in at.values():
            raise Unsound(f"step {step.no}, {step.name} is not empty when it reboots")
        else:
            rebooted.append(step.host)
    if sorted(rebooted) != sorted(free):
        raise Unsound(f"not every host reboots once: {rebooted}")
    away = sum(at[vm] != home for vm, home in homes(pool).items())
    if away and plan.policy.placement is Placement.HOME:
        raise Unsound(f"{away} VMs are not at home in the end")
    return away
