"""Pools with next to nothing to spare, of which it is known that they can be drained.

All hosts have the same memory, so a pool can be drained if its master can be emptied: from then on there is
always an empty host, and the VMs of the next one fit on it just as they are. It can be done with all VMs at
home in the end, too: every move undone, the last one first, needs no memory that was not free before.

Whether the master can be emptied is known by doing it: a walk over the VMs, one live migration at a time that
fits where it goes. It shares nothing with the planner. A master that it does not empty may still be one that
can be; such pools are left out of the count.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Final

from benchmarks.pools import EQUAL, Made, Shape, draw
from xenpatch.xapi.inventory import Inventory

HOSTS: Final = (4, 6, 8)
VMS_PER_HOST: Final = (4, 7, 10)
SPARE: Final = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08)
"""Memory that is free with one host down, as a share of all memory of the pool."""

_STEPS: Final = 30_000
_WALKS: Final = 6
_HOT: Final = 0.03  # of the square of a host's memory
_COLD: Final = 0.0003


def pools(each: int) -> Iterator[Made]:
    """`each` pools of every shape near the limit, drainable or not."""
    for hosts in HOSTS:
        for vms in VMS_PER_HOST:
            for spare in SPARE:
                yield from _drawn(Shape(hosts, hosts * vms, 1 - 1 / hosts - spare), each)


def can_be_drained(pool: Inventory) -> bool:
    """Whether the walk empties the master; False is no proof that it cannot be done."""
    return any(_walk(pool, random.Random(seed)) for seed in range(_WALKS))


def _drawn(shape: Shape, number: int) -> Iterator[Made]:
    found = 0
    for seed in range(100 * number):
        pool = draw(shape, seed)
        if pool is not None:
            yield Made(shape, seed, pool)
            found += 1
        if found == number:
            return


def _walk(pool: Inventory, dice: random.Random) -> bool:
    """Simulated annealing over real placements: whatever fits leaves the master, and free memory is gathered.

    What is gathered is the sum of the squares of what the other hosts have free.
    """
    number = {host.uuid: n for n, host in enumerate(pool.hosts)}
    size = [vm.memory for vm in pool.vms]
    at = [number[vm.resident_on] for vm in pool.vms if vm.resident_on is not None]
    free = [host.memory_capacity for host in pool.hosts]
    for memory, host in zip(size, at, strict=True):
        free[host] -= memory
    cooling = (_COLD / _HOT) ** (1 / _STEPS)
    heat = EQUAL * EQUAL * _HOT
    for _ in range(_STEPS):
        heat *= cooling
        vm, target = dice.randrange(len(size)), dice.randrange(1, len(free))
        memory, source = size[vm], at[vm]
        if source == target or free[target] < memory:
            continue
        if source != 0:
            gain = 2 * memory * (free[source] + memory - free[target])
            if gain < 0 and dice.random() >= math.exp(gain / heat):
                continue
        free[source] += memory
        free[target] -= memory
        at[vm] = target
        if source == 0 and 0 not in at:
            return True
    return 0 not in at
