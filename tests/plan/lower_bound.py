"""What no plan in the same order of hosts can do with less, computed anew.

Every VM on a host that reboots leaves it. One that must end where it is comes back, too. When host k of the
order has been emptied, what was born on hosts 1..k and is not on an updated host has to move once more; who
does so counts in the later turns, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.plan.checker import Run
from xenpatch.plan.model import Bound, Plan, Reboot
from xenpatch.xapi.types import HostUuid, VmUuid


def lower_bound(run: Run, plan: Plan) -> Bound:
    order = [step.host for step in plan.steps if isinstance(step, Reboot)]
    size = {vm: run.size(vm, plan) for vm in run.start}
    needed = {vm: _moves(run, vm) for vm in run.movable}
    twice: set[VmUuid] = set()  # of those that need not: chosen so that they are the fewest
    memory = 0
    for count in range(1, len(order) + 1):
        short = _load(run, size, order[:count]) - _room(run, size, order[: count - 1])
        born = [vm for vm in run.movable if run.start[vm] in order[:count]]
        short -= sum(size[vm] for vm in born if needed[vm] == 2)
        memory = max(memory, short)
        for vm in sorted(born, key=lambda vm: -size[vm]):
            if needed[vm] == 1 and sum(size[other] for other in twice) < short:
                twice.add(vm)
    moves = len(twice) + sum(needed.values())
    return Bound(moves, memory + sum(size[vm] * times for vm, times in needed.items()))


def _moves(run: Run, vm: VmUuid) -> int:
    here = run.start[vm]
    home = run.required.get(vm)
    if here in run.hosts:
        return 2 if home == here else 1
    return 0 if home in (None, here) else 1


def _load(run: Run, size: dict[VmUuid, int], hosts: Sequence[HostUuid]) -> int:
    return sum(size[vm] for vm in run.movable if run.start[vm] in hosts)


def _room(run: Run, size: dict[VmUuid, int], rebooted: Sequence[HostUuid]) -> int:
    """What VMs of hosts that reboot can have on updated ones; VMs born on updated hosts stay on such."""
    room = 0
    for host in run.pool.hosts:
        updated = host.uuid in run.serving and host.uuid not in run.hosts
        if updated or host.uuid in rebooted:
            stays = [vm for vm, at in run.start.items() if at == host.uuid]
            if host.uuid in rebooted:
                stays = [vm for vm in stays if vm not in run.movable]
            room += max(host.memory_capacity - sum(size[vm] for vm in stays), 0)
    return room
