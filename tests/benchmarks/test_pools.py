"""Pools of the benchmarks: made again from their seed, as full as they should be, and drainable as said."""

from __future__ import annotations

import pytest

from benchmarks import near
from benchmarks.pools import (
    EQUAL,
    Shape,
    draw,
    inventory,
    load,
    needs_no_room_made,
    packs_without_largest,
    pools,
)
from xenpatch.units import GIB

SHAPES = [
    Shape(3, 10, 0.5),
    Shape(8, 96, 0.8, mixed=True),
    Shape(16, 192, 0.9),
    Shape(64, 2000, 0.7, mixed=True),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pools_are_of_their_shape(shape: Shape) -> None:
    for made in pools(shape, 2):
        pool = made.pool
        assert (len(pool.hosts), len(pool.vms)) == (shape.hosts, shape.vms)
        assert load(pool) == pytest.approx(shape.load, abs=0.005)
        assert len({host.memory_capacity for host in pool.hosts}) == 1 or shape.mixed
        assert all(
            sum(vm.memory for vm in pool.residents(host.uuid)) <= host.memory_capacity for host in pool.hosts
        )
        assert packs_without_largest(pool)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_seed_makes_the_same_pool_and_another_another(shape: Shape) -> None:
    made = list(pools(shape, 2))

    assert made == list(pools(shape, 2))
    assert [draw(shape, one.seed) for one in made] == [one.pool for one in made]
    assert made[0].pool != made[1].pool


def test_a_pool_that_needs_its_largest_host_is_left_out() -> None:
    hosts = [64 * GIB, 32 * GIB, 32 * GIB]

    assert packs_without_largest(inventory(hosts, [(0, 32 * GIB), (0, 32 * GIB)]))
    assert not packs_without_largest(inventory(hosts, [(0, 33 * GIB)]))
    assert list(pools(Shape(3, 12, 0.7), 1)) == []


def test_room_must_be_made_where_a_host_does_not_fit_into_what_the_others_have_free() -> None:
    hosts = [64 * GIB] * 3

    assert needs_no_room_made(inventory(hosts, [(0, 40 * GIB), (1, 24 * GIB), (2, 24 * GIB)]))
    assert not needs_no_room_made(inventory(hosts, [(0, 41 * GIB), (1, 24 * GIB), (2, 24 * GIB)]))


def test_pools_near_the_limit_have_that_much_to_spare() -> None:
    for made in near.pools(1):
        hosts = made.shape.hosts
        assert 0.005 - 0.001 <= 1 - 1 / hosts - load(made.pool) <= 0.08 + 0.001


def test_the_walk_empties_a_master_only_where_vms_that_step_aside_make_it_possible() -> None:
    full = EQUAL

    # Free are 1/4 of xs02 and 3/8 of xs03, and the master's VM needs 1/2: the 1/4 of xs02 has to go to xs03.
    aside = [(0, full // 2), (1, full // 4), (1, full // 2), (2, full * 5 // 8)]
    assert near.can_be_drained(inventory([full] * 3, aside))
    # As two of 3/8, those of xs02 have nowhere to go.
    assert not near.can_be_drained(inventory([full] * 3, [*aside[:1], (1, full * 3 // 4), aside[3]]))
