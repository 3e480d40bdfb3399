"""Every planner on every pool, in as many processes as there are processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Final

from benchmarks import near, pools
from benchmarks.baselines import xen_orchestra, xencenter
from benchmarks.ours import POLICIES, Planned, ours
from benchmarks.outcome import Outcome
from benchmarks.pools import Made, Shape
from xenpatch.xapi.inventory import Inventory

XENCENTER: Final = "XenCenter style"
XEN_ORCHESTRA: Final = "Xen Orchestra style"
BEFORE_RETRIES: Final = "Xen Orchestra style, before retries"

PEERS: Final[Mapping[str, Callable[[Inventory], Outcome]]] = {
    XENCENTER: xencenter,
    XEN_ORCHESTRA: xen_orchestra,
    BEFORE_RETRIES: partial(xen_orchestra, retry=False),
}


@dataclass(frozen=True)
class Row:
    """A line of the tables: pools of one shape, half of them with hosts of one size and half of several."""

    hosts: int
    vms: int
    load: float
    pools: int = 12

    def __str__(self) -> str:
        """As it is named in a sentence."""
        return f"{self.hosts} hosts, {self.vms} VMs, load {self.load:g}"

    def draw(self, number: int | None = None) -> Iterator[Made]:
        """The pools of the row, or the first `number` of them."""
        half = max((number or self.pools) // 2, 1)
        equal = Shape(self.hosts, self.vms, self.load)
        mixed = Shape(self.hosts, self.vms, self.load, mixed=True)
        return chain(pools.pools(equal, half), pools.pools(mixed, half))


ROWS: Final = (
    Row(3, 12, 0.5),
    Row(3, 36, 0.6),
    Row(4, 48, 0.5),
    Row(4, 48, 0.7),
    Row(8, 96, 0.5),
    Row(8, 96, 0.7),
    Row(8, 96, 0.8),
    Row(16, 192, 0.5),
    Row(16, 192, 0.7),
    Row(16, 192, 0.8),
    Row(16, 192, 0.9),
    Row(32, 384, 0.7),
    Row(32, 384, 0.9, pools=8),
    Row(64, 1920, 0.7, pools=4),
)


@dataclass(frozen=True)
class Result:
    """What each planner makes of a pool.

    ``known`` says whether it can be drained for certain, ``plain`` whether without making room.
    """

    made: Made
    peers: Mapping[str, Outcome]
    plans: Mapping[str, Planned]
    plain: bool
    known: bool = True

    def of(self, name: str) -> Outcome:
        """What the planner of that name, a peer or a policy of ours, makes of the pool."""
        return self.peers[name] if name in self.peers else self.plans[name]

    @property
    def both_ways(self) -> int:
        """Moves if every VM moves away and back, once."""
        return 2 * len(self.made.pool.vms)

    @property
    def bytes_both_ways(self) -> int:
        """Memory of these moves."""
        return 2 * sum(vm.memory for vm in self.made.pool.vms)


Rows = Mapping[Row, Sequence[Result]]


def measure(made: Made) -> Result:
    """All planners on one pool of a row."""
    return Result(
        made,
        {name: peer(made.pool) for name, peer in PEERS.items()},
        {name: ours(made.pool, policy) for name, policy in POLICIES.items()},
        pools.needs_no_room_made(made.pool),
    )


def measure_near(made: Made) -> Result:
    """All planners on one pool near the limit; one may know how to drain it where the walk does not."""
    result = measure(made)
    outcomes = [*result.peers.values(), *result.plans.values()]
    known = any(outcome.drained for outcome in outcomes) or near.can_be_drained(made.pool)
    return replace(result, known=known)


def rows(wanted: Sequence[Row], number: int | None = None) -> dict[Row, list[Result]]:
    """The results of each row; `number` limits its pools."""
    drawn = {row: list(row.draw(number)) for row in wanted}
    results = iter(_everywhere(measure, chain.from_iterable(drawn.values())))
    return {row: [next(results) for _ in made] for row, made in drawn.items()}


def near_limit(each: int, every: int = 1) -> list[Result]:
    """The results of `each` pools of every shape near the limit, or of one of `every` of these pools."""
    return _everywhere(measure_near, list(near.pools(each))[::every])


def _everywhere(work: Callable[[Made], Result], made: Iterable[Made]) -> list[Result]:
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        return list(processes.map(work, made))
