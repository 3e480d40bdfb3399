"""The models of other programs, on pools small enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.baselines import xen_orchestra, xencenter
from benchmarks.outcome import REBOOT, VERIFY, migration, side_by_side
from benchmarks.pools import inventory
from xenpatch.units import GIB
from xenpatch.xapi.inventory import Inventory

OUT_OF_SERVICE = REBOOT + VERIFY


def pool(hosts: Sequence[int], *vms: tuple[int, int]) -> Inventory:
    """Memory of hosts in GiB; VMs as number of the host and GiB."""
    return inventory([size * GIB for size in hosts], [(at, size * GIB) for at, size in vms])


def test_a_migration_takes_a_fixed_time_and_one_by_its_memory() -> None:
    assert migration(7 * GIB) == pytest.approx(15 + 20)


def test_an_evacuation_keeps_its_slots_busy() -> None:
    sizes = [70 * GIB, 35 * GIB, 35 * GIB, 35 * GIB, 35 * GIB]

    assert side_by_side(sizes) == pytest.approx(max(215, 115 + 115))
    assert side_by_side(sizes, at_once=1) == pytest.approx(215 + 4 * 115)


def test_xencenter_moves_every_vm_twice_and_takes_the_way_back_one_by_one() -> None:
    outcome = xencenter(pool([64, 64], (0, 7), (0, 14), (1, 7)))

    there = migration(14 * GIB) + migration(7 * GIB)  # each host side by side: its largest
    back = migration(7 * GIB) + migration(14 * GIB) + migration(7 * GIB)
    assert (outcome.drained, outcome.moves, outcome.bytes) == (True, 6, 56 * GIB)
    assert outcome.seconds == pytest.approx(there + back + 2 * OUT_OF_SERVICE)
    assert outcome.mixed == pytest.approx(2 * migration(7 * GIB) + migration(14 * GIB))
    assert (outcome.worst, outcome.away) == (2, 0)


def test_an_evacuation_sends_the_largest_to_the_emptiest_host() -> None:
    # Free are 16 on xs02 and 20 on xs03. The 16 goes to xs03 although it would fill xs02 exactly, the 10 to
    # xs02, and then 6 and 4 are left: not enough for an 8.
    targets = [(1, 16), (2, 44)]

    assert xencenter(pool([64, 32, 64], (0, 16), (0, 10), (0, 6), *targets)).failed != "xs01"
    assert xencenter(pool([64, 32, 64], (0, 16), (0, 10), (0, 8), *targets)).failed == "xs01"


def test_an_evacuation_fails_where_the_largest_vm_does_not_fit_on_the_emptiest_host() -> None:
    # Were the 8 moved from xs02 to xs03, the 30 would fit on xs02.
    outcome = xencenter(pool([32, 32, 32], (0, 30), (1, 8), (2, 8)))

    assert outcome.failed == "xs01"
    assert (outcome.moves, outcome.seconds, outcome.away) == (0, 0.0, 0)


def test_what_was_done_before_a_failure_counts() -> None:
    outcome = xencenter(pool([48, 64], (0, 8), (1, 49)))

    assert (outcome.failed, outcome.moves, outcome.away) == ("xs02", 2, 0)
    assert outcome.seconds == pytest.approx(2 * migration(8 * GIB) + OUT_OF_SERVICE)


def test_xen_orchestra_moves_vms_on_that_it_has_moved_before() -> None:
    outcome = xen_orchestra(pool([32, 64, 48], (0, 7)))

    # From xs01 to xs02, to xs03, to xs02, home.
    assert (outcome.moves, outcome.worst, outcome.away) == (4, 4, 0)
    assert outcome.seconds == pytest.approx(4 * migration(7 * GIB) + 3 * OUT_OF_SERVICE)
    assert outcome.mixed == pytest.approx(OUT_OF_SERVICE + 2 * migration(7 * GIB))


def test_xen_orchestra_left_vms_away_before_it_tried_again() -> None:
    picture = pool([12, 12, 12, 12], *[(host, 4) for host in range(4) for _ in range(2)])

    # When all have rebooted, xs01 has 1 VM of its own and 2 of xs02; xs02 has 1 of xs01 and 2 of xs03; xs03
    # has those of xs04. In the order 4, 2, 3, 1 there is no room for those of xs02, so none for that of xs01.
    before, since = xen_orchestra(picture, retry=False), xen_orchestra(picture)

    assert (before.moves, before.away) == (10 + 2 + 2, 3)
    assert (since.moves, since.away, since.worst) == (10 + 2 + 2 + 2 + 1, 0, 3)
