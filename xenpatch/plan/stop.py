"""The smallest set of VMs to stop so that there is a plan."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from xenpatch.plan.attempt import Stuck
from xenpatch.plan.impossible import Obstacles, fewest, obstacles
from xenpatch.plan.model import ToStop
from xenpatch.plan.problem import Problem
from xenpatch.plan.search import search

_LARGEST_SET: Final = 4
_TRIED: Final = 60
"""Sets tried of each size; fewer in large pools."""
_EFFORT: Final = 12_000
"""VMs that may be placed for the sets of one size, all attempts together."""
_SHUFFLES: Final = 8


def smallest_stop(problem: Problem, stuck: Stuck) -> ToStop | None:
    """The smallest set that was found, by number first and memory second; None if there is none.

    It is the smallest possible where arithmetic shows that fewer cannot do: see `impossible.fewest`.
    """
    if stuck.unprotected:
        return None
    found = obstacles(problem)
    proved = fewest(problem, found)
    certain = found.must_stop
    best = _grown(problem, stuck, set(certain))
    for number in range(max(proved, 1), min(len(best), _LARGEST_SET) + 1):
        tried = _sets(problem, certain, number, found.missing)
        fitting = next((chosen for chosen in tried if _works(problem, chosen)), None)
        if fitting is not None:
            best = fitting
            break
    vms = tuple((problem.vms[vm].uuid, problem.vms[vm].name) for vm in sorted(best))
    return ToStop(vms, sum(problem.size[vm] for vm in best), smallest=len(best) == proved)


def _works(problem: Problem, stopped: set[int]) -> bool:
    rest = problem.without(stopped)
    if obstacles(rest) != Obstacles():
        return False
    return not isinstance(search(rest, _SHUFFLES), Stuck)


def _grown(problem: Problem, stuck: Stuck, chosen: set[int]) -> set[int]:
    """A set that does, however large: what has no place is stopped until the rest has."""
    left = set(stuck.left) | chosen
    while left:
        chosen |= left
        kept = [vm for vm in range(len(problem.vms)) if vm not in chosen]
        rest = problem.without(chosen)
        found = search(rest, _SHUFFLES)
        left = {kept[vm] for vm in found.left} if isinstance(found, Stuck) else set()
    return chosen


def _sets(problem: Problem, certain: frozenset[int], number: int, missing: int) -> Iterator[set[int]]:
    """Sets of that size that hold all of `certain` and free enough, the least memory first."""
    more = number - len(certain)
    if more < 0:
        return
    free = [vm for vm in reversed(range(len(problem.vms))) if vm not in certain]
    limit = max(min(_TRIED, _EFFORT // max(_SHUFFLES * len(problem.vms), 1)), 4)
    pool = free if more <= 1 else free[-_at_most(more) :]
    needed = missing - sum(problem.size[vm] for vm in certain)
    sized = sorted(
        ((sum(problem.size[vm] for vm in chosen), chosen) for chosen in combinations(pool, more)),
    )
    enough = [chosen for size, chosen in sized if size >= needed]
    step = max(len(enough) // limit, 1)
    yield from ({*certain, *chosen} for chosen in enough[::step])


def _at_most(number: int) -> int:
    """Of how many VMs sets are made, so that there are some ten thousand at most."""
    return {2: 140, 3: 40, 4: 24}.get(number, 16)
