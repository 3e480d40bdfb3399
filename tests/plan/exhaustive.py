"""The fewest moves of a run, found by trying everything; for a handful of VMs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from tests.plan.checker import Run
from xenpatch.xapi.types import HostUuid

State = tuple[int, tuple[HostUuid, ...]]


def fewest_moves(run: Run, order: Sequence[HostUuid]) -> int | None:
    """With one host out of service at a time, in that order; None if the run is impossible.

    A state is how many hosts have been rebooted, and where each VM is. A reboot costs nothing, a move one.
    """
    vms = sorted(run.movable)
    first: State = (0, tuple(run.start[vm] for vm in vms))
    fewest, todo = {first: 0}, deque([first])
    while todo:
        state = todo.popleft()
        cost, (done, at) = fewest[state], state
        if done == len(order):
            if all(at[number] == run.required.get(vm, at[number]) for number, vm in enumerate(vms)):
                return cost
        elif order[done] not in at and fewest.get((done + 1, at), cost + 1) > cost:
            fewest[done + 1, at] = cost
            todo.appendleft((done + 1, at))
        for after in _moves(run, order, state):
            if fewest.get((done, after), cost + 2) > cost + 1:
                fewest[done, after] = cost + 1
                todo.append((done, after))
    return None


def _moves(run: Run, order: Sequence[HostUuid], state: State) -> Iterator[tuple[HostUuid, ...]]:
    done, at = state
    vms = sorted(run.movable)
    rebooted, old = set(order[:done]), set(order[done:])
    targets = [
        host
        for host in run.pool.hosts
        if host.uuid in run.serving | rebooted and host.uuid not in order[done : done + 1]
    ]
    stays = {vm: host for vm, host in run.start.items() if vm not in run.movable}
    for host in targets:
        there = [vm for vm, where in [*zip(vms, at, strict=True), *stays.items()] if where == host.uuid]
        free = host.memory_capacity - sum(run.vms[vm].memory for vm in there)
        for number, vm in enumerate(vms):
            if (
                at[number] != host.uuid
                and run.vms[vm].memory <= free
                and (at[number] in old or host.uuid not in old)
                and run.can_run(run.vms[vm], host, rebooted=host.uuid in rebooted)
                and not any({vm, other} in run.strangers() for other in there)
            ):
                yield (*at[:number], host.uuid, *at[number + 1 :])
