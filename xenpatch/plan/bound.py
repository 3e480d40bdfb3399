"""The lower bound: what no plan can do with less, whatever it does."""

from __future__ import annotations

from heapq import heappop, heappush

from xenpatch.plan.model import Bound
from xenpatch.plan.problem import ANYWHERE, Problem


def bound(problem: Problem) -> Bound:
    """Moves and bytes that every plan needs which takes the hosts in the order of the problem.

    A VM on a host that reboots must leave it, and once more come back if that is its home; one that is away
    from its home must get there. Beyond that: when a host has just been emptied, the VMs of the hosts whose
    turn has begun sit on updated hosts, as far as these have room, and the others must move again.
    """
    reboots = set(problem.order)
    least = [_least(problem, vm, reboots) for vm in range(len(problem.vms))]
    moves = sum(least)
    size = sum(count * problem.size[vm] for vm, count in enumerate(least))
    again, bytes_again = _twice(problem)
    return Bound(moves + again, size + bytes_again)


def _least(problem: Problem, vm: int, reboots: set[int]) -> int:
    at, home = problem.at[vm], problem.home[vm]
    if at in reboots:
        return 2 if home == at else 1
    return int(home not in (ANYWHERE, at))


def _twice(problem: Problem) -> tuple[int, int]:
    """How many VMs that may stay anywhere must move a second time, and how many bytes.

    Whenever a host has just been emptied, those that are not on updated hosts hold what these had no room
    for. Who is counted once counts in every later turn, too, so that the largest are the fewest.
    """
    on = problem.residents
    free = problem.free
    room = sum(max(free[host], 0) for host in problem.updated if problem.serving[host])
    placed, counted, again, most = 0, 0, 0, 0
    begun: list[int] = []
    for host in problem.order:
        for vm in on[host]:
            if problem.home[vm] == ANYWHERE:
                heappush(begun, -problem.size[vm])
                placed += problem.size[vm]
        most = max(most, placed - room)
        while begun and counted < placed - room:
            counted -= heappop(begun)
            again += 1
        room += max(problem.room[host], 0)
    return again, most
