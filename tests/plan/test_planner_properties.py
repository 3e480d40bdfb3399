"""What holds for every pool: plans are replayed by a checker that shares no code with the planner."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.pools import homes, host, pool, with_host, with_vms_at
from tests.plan.replay import assert_sound
from xenpatch.plan.model import HostPlan, Move, NoRoom, Plan, Shortage
from xenpatch.plan.planner import ordered, plan_run
from xenpatch.xapi.inventory import Host, Inventory, Vm
from xenpatch.xapi.types import HostUuid, VmUuid


@st.composite
def pools(draw: st.DrawFn) -> Inventory:
    """Up to 5 hosts, full to any degree, now and then with a VM on local storage or a host out of service."""
    hosts = {f"xs{n}": draw(st.integers(8, 48)) for n in range(1, draw(st.integers(2, 5)) + 1)}
    free = dict(hosts)
    vms: dict[str, tuple[str, int]] = {}
    for n in range(draw(st.integers(0, 14))):
        at, size = draw(st.sampled_from(sorted(hosts))), draw(st.integers(1, 16))
        if size <= free[at]:
            free[at] -= size
            vms[f"vm-{n}"] = (at, size)
    rare = st.integers(0, 19).map(lambda number: number == 0)
    picture = pool(
        hosts,
        vms,
        local=[name for name in vms if draw(rare)],
        paused=[name for name in vms if draw(rare)],
    )
    return with_host(picture, max(hosts), enabled=not draw(rare))


def planned(picture: Inventory) -> tuple[list[HostUuid], Mapping[VmUuid, HostUuid], Plan | NoRoom]:
    order = [uuid for uuid in ordered(picture) if picture.host(uuid).enabled]
    belongs = homes(picture)
    return order, belongs, plan_run(picture, order, belongs)


@settings(deadline=None)
@given(pools())
def test_every_plan_is_sound(picture: Inventory) -> None:
    order, belongs, plan = planned(picture)
    if isinstance(plan, Plan):
        assert_sound(picture, plan, order, belongs)


@settings(deadline=None)
@given(pools())
def test_every_vm_of_the_run_moves_exactly_twice(picture: Inventory) -> None:
    order, _, plan = planned(picture)
    if isinstance(plan, Plan):
        running = [vm for vm in picture.vms if vm.power_state == "Running" and vm.resident_on in order]
        assert sorted(move.vm for move in plan) == sorted(vm.uuid for vm in running for _ in range(2))


@settings(deadline=None)
@given(pools(), st.randoms(use_true_random=False))
def test_the_order_in_which_the_picture_lists_vms_does_not_matter(
    picture: Inventory, dice: random.Random
) -> None:
    shuffled = list(picture.vms)
    dice.shuffle(shuffled)
    twin = Inventory(**{**vars(picture), "vms": tuple(shuffled)})
    assert planned(twin) == planned(picture)


@settings(deadline=None)
@given(pools())
def test_the_arithmetic_of_a_refusal_is_right(picture: Inventory) -> None:
    order, _, refusal = planned(picture)
    if isinstance(refusal, Plan):
        return
    assert refusal.host in order
    named = [vm for vm in picture.vms if (vm.uuid, vm.name) in refusal.vms]
    assert len(named) == len(refusal.vms) > 0
    assert refusal.needed == sum(vm.memory for vm in named)
    leaving = [vm for vm in picture.vms if vm.resident_on == refusal.host and vm.power_state == "Running"]
    targets = [target for target in picture.hosts if target.enabled and target.uuid != refusal.host]
    assert {room.host: room.free for room in refusal.rooms} == {t.uuid: free(picture, t) for t in targets}
    match refusal.shortage:
        case Shortage.NO_HOST:
            assert not any(sees(target, vm) for vm in named for target in targets)
        case Shortage.TOO_LARGE:
            fits = [(t, vm) for t in targets for vm in named if sees(t, vm) and free(picture, t) >= vm.memory]
            assert not fits
        case Shortage.TOTAL:
            assert {vm.uuid for vm in named} == {vm.uuid for vm in leaving}
            assert refusal.needed > refusal.total_free
        case Shortage.FRAGMENTED:
            assert sum(vm.memory for vm in leaving) <= refusal.total_free
        case Shortage.HOME:
            pytest.fail("VMs that fitted on their host fit there again")


@settings(max_examples=300, deadline=None)
@given(pools(), st.data())
def test_a_run_cut_anywhere_can_be_planned_again_from_there(picture: Inventory, data: st.DataObject) -> None:
    order, belongs, plan = planned(picture)
    if not isinstance(plan, Plan) or not order:
        return
    cut = data.draw(st.sampled_from(list(cuts(picture, plan))).flatmap(lambda phase: phase.partly()))
    again = plan_run(cut.picture, cut.to_do, belongs)
    if isinstance(again, Plan):
        assert_sound(cut.picture, again, cut.to_do, belongs)
        assert all(turn.host in cut.to_do or not turn.reboots for turn in again.hosts)
    else:
        # What is left of the first plan is a way, so only a search may fail here, never arithmetic.
        assert again.shortage is Shortage.FRAGMENTED


def test_nearly_every_host_that_can_be_emptied_is_emptied() -> None:
    dice = random.Random(2)
    possible = list(tight_pools(dice, 400))
    emptied = [picture for picture in possible if isinstance(plan_run(picture, [host("xs1")], {}), Plan)]
    assert len(possible) > 100
    assert len(emptied) >= 0.99 * len(possible)


def free(picture: Inventory, target: Host) -> int:
    return target.memory_capacity - sum(vm.memory for vm in picture.vms if vm.resident_on == target.uuid)


def sees(target: Host, vm: Vm) -> bool:
    return {disk.sr for disk in vm.disks} <= {pbd.sr for pbd in target.pbds}


@dataclass(frozen=True)
class Cut:
    """A pool in the middle of a run, and the hosts whose turn is not over."""

    picture: Inventory
    to_do: list[HostUuid]


@dataclass(frozen=True)
class Phase:
    """A pool at the beginning of moves that are under way in any order."""

    picture: Inventory
    to_do: list[HostUuid]
    moves: tuple[Move, ...]

    def partly(self) -> st.SearchStrategy[Cut]:
        """The run dies when any of the moves are done."""
        done = st.sets(st.sampled_from(self.moves)) if self.moves else st.just(set[Move]())
        return done.map(lambda moves: Cut(arrived(self.picture, tuple(moves)), self.to_do))


def cuts(picture: Inventory, plan: Plan) -> Iterator[Phase]:
    """Every phase of a run: drains with their host disabled, reboots with it down, returns."""
    to_do = [turn.host for turn in plan.hosts]
    for turn in plan.hosts:
        yield Phase(with_host(picture, turn.name, enabled=False), list(to_do), turn.out)
        picture = arrived(picture, turn.out)
        yield Phase(out_of_service(picture, turn), list(to_do), ())
        to_do.remove(turn.host)
        yield Phase(picture, list(to_do), turn.back)
        picture = arrived(picture, turn.back)


def out_of_service(picture: Inventory, turn: HostPlan) -> Inventory:
    return with_host(picture, turn.name, enabled=False, live=False, attached=False)


def arrived(picture: Inventory, moves: Sequence[Move]) -> Inventory:
    return with_vms_at(picture, {move.vm: move.dst for move in moves})


def tight_pools(dice: random.Random, number: int) -> Iterator[Inventory]:
    """Pools whose first host can be emptied, as trying everything shows, with almost nothing to spare."""
    for _ in range(number):
        sizes = [dice.randint(1, 16) for _ in range(dice.randint(3, 7))]
        first = dice.randint(0, sum(sizes))
        holes = [first, sum(sizes) - first + dice.randint(0, 2)]
        if _packs(sizes, holes):
            vms = {f"vm-{n}": ("xs1", size) for n, size in enumerate(sizes)}
            yield pool({"xs1": 128, "xs2": holes[0], "xs3": holes[1]}, vms)


def _packs(sizes: Sequence[int], holes: Sequence[int]) -> bool:
    if not sizes:
        return True
    first, *rest = sizes
    return any(
        hole >= first and _packs(rest, [*holes[:n], hole - first, *holes[n + 1 :]])
        for n, hole in enumerate(holes)
    )
