"""What proves that there is no plan at all, by arithmetic alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xenpatch.plan.problem import Problem


@dataclass(frozen=True)
class Obstacles:
    """Proofs that a run is impossible as it is.

    ``nowhere`` are VMs that no other host can run, ``too_large`` those that fit on none even if it is empty;
    each of these must be stopped. ``missing`` are bytes that are lacking in all when ``short_host`` is down.
    """

    nowhere: tuple[int, ...] = ()
    too_large: tuple[int, ...] = ()
    short_host: int | None = None
    missing: int = 0

    @property
    def must_stop(self) -> frozenset[int]:
        """VMs that no plan can keep running."""
        return frozenset(self.nowhere + self.too_large)


def obstacles(problem: Problem) -> Obstacles:
    """Look at each host's turn: who could be where at all, and is there enough in sum."""
    nowhere, too_large = [], []
    loads, free, on = problem.loads, problem.free, problem.residents
    worst, missing = None, 0
    for host, others in turns(problem):
        for vm in on[host]:
            able = [other for other in others if problem.allows(vm, other)]
            if not able:
                nowhere.append(vm)
            elif problem.size[vm] > max(problem.room[other] for other in able):
                too_large.append(vm)
        short = loads[host] - sum(max(free[other], 0) for other in others)
        if short > missing:
            worst, missing = host, short
    return Obstacles(tuple(nowhere), tuple(too_large), worst, missing)


def turns(problem: Problem) -> Iterator[tuple[int, list[int]]]:
    """Each host that reboots, with those that are in service when it is its turn."""
    serving = {host for host, serves in enumerate(problem.serving) if serves}
    for host in problem.order:
        yield host, sorted(serving - {host})
        serving.add(host)


def fewest(problem: Problem, found: Obstacles) -> int:
    """At least so many VMs must be stopped: those without a place, and the largest until enough is free."""
    missing = found.missing - sum(problem.size[vm] for vm in found.must_stop)
    count = len(found.must_stop)
    for vm in range(len(problem.vms)):
        if missing <= 0:
            break
        if vm not in found.must_stop:
            missing -= problem.size[vm]
            count += 1
    return count
