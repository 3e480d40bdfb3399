"""Choosing among attempts: the first that cannot be beaten, or else the best of a few dozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xenpatch.plan.attempt import Stuck, attempt, cost
from xenpatch.plan.bound import bound
from xenpatch.plan.emptying import Tuning
from xenpatch.plan.layout import Draft
from xenpatch.plan.problem import ANYWHERE, Problem

SHUFFLES: Final = 40
_SEED: Final = 602
_EFFORT: Final = 8_000
"""VMs that may be placed, all attempts together, in the hope of saving a move."""
_HALVINGS: Final = 4
_MARGIN: Final = 0.02
"""A share of memory that is not worth a further attempt."""


def search(problem: Problem, shuffles: int = SHUFFLES) -> tuple[Draft, Tuning] | Stuck:
    """The draft with the fewest moves that was found, with its tuning, or where the first attempt got stuck.

    An attempt with no more moves than the bound ends the search. At most so many shuffled attempts are made
    until one succeeds; in the hope of fewer moves only as many as large pools can afford. Pure and
    deterministic.
    """
    best: tuple[Draft, Tuning] | None = None
    stuck: Stuck | None = None
    effort, least = 0, bound(problem).moves
    for tuning in _tunings(problem, shuffles):
        if best is not None and effort > _EFFORT:
            break
        found = attempt(problem, tuning)
        effort += len(problem.vms)
        if isinstance(found, Stuck):
            stuck = stuck or found
            continue
        if best is None or cost(found) < cost(best[0]):
            best = found, tuning
        if cost(best[0])[0] <= least:
            break
    if best is not None:
        return best
    assert stuck is not None  # noqa: S101 - there is at least one tuning
    return stuck


def fill_evenly(problem: Problem, draft: Draft, tuning: Tuning) -> Draft:
    """As many moves and waves, with the fullest host as empty as possible.

    The limit is first tried where sums say that it could be, then sought by halving what is left.
    """
    if ANYWHERE not in problem.home or not problem.order:
        return draft
    low, high = _evenest(problem), 1.0
    limit = min(low + _MARGIN, high)
    for _ in range(_HALVINGS):
        found = attempt(problem, replace(tuning, limit=limit), waves=cost(draft)[1])
        if not isinstance(found, Stuck) and cost(found) <= cost(draft):
            draft, high = found, limit
        else:
            low = limit
        if high <= low + _MARGIN:
            break
        limit = (low + high) / 2
    return draft


def _evenest(problem: Problem) -> float:
    """The share of updated hosts that must be filled at least, in sum, whatever the turn.

    The VMs of the first host are parked and come last; those of each further host go to the ones before it.
    """
    loads = problem.loads
    updated = sum(problem.room[host] for host in problem.updated)
    placed = sum(loads[host] for host in problem.updated)
    shares = []
    for number, host in enumerate(problem.order):
        placed += loads[host] if number else 0
        shares.append(placed / updated if updated > 0 else 0.0)
        updated += problem.room[host]
    last = problem.order[-1]
    shares.append(sum(problem.size) / max(updated - problem.room[last], 1))
    return min(max(shares), 1.0)


def _tunings(problem: Problem, shuffles: int) -> Iterator[Tuning]:
    returning = any(home != ANYWHERE for home in problem.home)
    yield Tuning()
    yield Tuning(tight=True)
    if returning:
        yield Tuning(defer=True)
        yield Tuning(defer=True, tight=True)
    yield from (_shuffled(number, returning=returning) for number in range(shuffles))
    if returning:
        yield Tuning(last=True)
    if shuffles < SHUFFLES:
        return
    yield Tuning(walk=True)
    yield Tuning(tight=True, walk=True)
    if returning:
        yield Tuning(last=True, tight=True, walk=True)
    yield from (_shuffled(number, returning=returning) for number in range(shuffles, 4 * shuffles))


def _shuffled(number: int, *, returning: bool) -> Tuning:
    """One in four scatters VMs over the hosts, the others are tight or even by turns."""
    return Tuning(
        tight=number % 4 < 2,
        defer=returning and number % 2 == 1,
        seed=_SEED + number,
        scatter=number % 4 == 3,
    )
