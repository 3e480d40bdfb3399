"""Emptying the hosts of a wave: a place for every VM on them, or the VMs that found none."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from xenpatch.plan import ha
from xenpatch.plan.layout import Hop, Layout, away
from xenpatch.plan.make_room import make_room
from xenpatch.plan.model import Kind
from xenpatch.plan.problem import ANYWHERE
from xenpatch.plan.walk import rearrange

_TRIES: Final = 3
"""How often the VMs of one host are placed, to save extra moves."""


@dataclass(frozen=True)
class Tuning:
    """What distinguishes one attempt to plan a run from another.

    ``limit`` is the share of an updated host that VMs which stay there may fill. ``tight`` prefers the
    fullest host that fits to the emptiest. ``defer`` leaves the VMs of the first host where they are until
    those hosts are emptied, so that the first is a buffer meanwhile. ``last`` brings nobody home before the
    last reboot. ``seed`` shuffles the order of VMs and hosts, ``scatter`` has it choose the targets, too.
    ``walk`` rearranges whole hosts by chance where nothing else helps.
    """

    limit: float = 1.0
    tight: bool = False
    defer: bool = False
    last: bool = False
    seed: int | None = None
    scatter: bool = False
    walk: bool = False


class Emptying:
    """Empties one wave after another on a layout; see `attempt`."""

    def __init__(self, layout: Layout, tuning: Tuning) -> None:
        self.layout = layout
        self.problem = layout.problem
        self.tuning = tuning
        self.dice = None if tuning.seed is None else random.Random(tuning.seed)
        self.none_spare = [0] * len(layout.free)
        self.serving: list[int] = []
        self.updated: list[int] = []

    def together(self, hosts: list[int], wave: int) -> bool:
        """Empty the hosts without a single extra move; or take everything back and say False."""
        mark = self._begin(hosts)
        emptied = self._has_room(hosts) and all(self._stay(vm, wave) for vm in self._leaving(hosts))
        if emptied and ha.survives(self.layout):
            return True
        self.layout.rewind(mark)
        for host in hosts:
            self.layout.serving[host] = self.problem.serving[host]
        return False

    def alone(self, host: int, wave: int) -> list[int]:
        """Empty one host, with extra moves where there is no other way; the VMs that found no place."""
        mark = self._begin([host])
        leaving = self._leaving([host])
        left, extra = self._best_of(leaving, mark, wave)
        if not left and not extra:
            return []
        if (block := self._as_they_are(leaving, mark)) is not None:
            for vm in leaving:
                self.layout.hop(vm, block, away(self.layout, vm, block), wave, host)
            return []
        if left and self.tuning.walk:
            self.layout.rewind(mark)
            left = [] if rearrange(self.layout, host, wave) else left
        return left

    def _best_of(self, leaving: list[int], mark: int, wave: int) -> tuple[list[int], int]:
        """Place the VMs; where there is room in sum but not in pieces, park larger ones.

        Returns those left over and the number of extra moves of the best try, which is then the layout.
        """
        best, moves, made = (leaving, 0), list[Hop](), list[Hop]()
        waste = 0
        for _ in range(_TRIES):
            parked = self._too_many(leaving, waste)
            self.layout.rewind(mark)
            left = [vm for vm in leaving if not self._place(vm, wave, park=vm in parked)]
            made = [step for step in self.layout.draft[mark:] if isinstance(step, Hop)]
            extra = [step.vm for step in made if step.kind in (Kind.PARK, Kind.MAKE_ROOM)]
            if not moves or (len(left), len(extra)) < (len(best[0]), best[1]):
                best, moves = (left, len(extra)), made
            surplus = set(extra) - parked
            if not surplus or not self.updated:
                break
            waste += sum(self.problem.size[vm] for vm in surplus)
        if moves is not made:
            self.layout.rewind(mark)
            self._again(moves)
        return best

    def _again(self, moves: list[Hop]) -> None:
        for step in moves:
            self.layout.hop(step.vm, step.dst, step.kind, step.wave, step.turn)

    def _begin(self, hosts: list[int]) -> int:
        layout = self.layout
        for host in hosts:
            layout.serving[host] = False
        self.serving = [host for host, serves in enumerate(layout.serving) if serves]
        self.updated = [host for host in self.serving if layout.updated[host]]
        return len(layout.draft)

    def _leaving(self, hosts: list[int]) -> list[int]:
        vms = self.layout.largest_first(hosts)
        if self.dice is None:
            return vms
        dice, size = self.dice, self.problem.size
        return sorted(vms, key=lambda vm: -size[vm] * (0.5 + dice.random()))

    def _has_room(self, hosts: list[int]) -> bool:
        """Whether the sum of free memory allows it at all; a cheap look before a costly one."""
        layout, size, home = self.layout, self.problem.size, self.problem.home
        vms = [vm for host in hosts for vm in layout.residents[host]]
        staying = sum(size[vm] for vm in vms if home[vm] == ANYWHERE)
        return staying <= sum(layout.free[host] for host in self.updated) and sum(
            size[vm] for vm in vms
        ) <= sum(layout.free[host] for host in self.serving)

    def _stay(self, vm: int, wave: int, *, park: bool = False) -> bool:
        """Home if it can go there, else where it stays, or comes back from; no extra move."""
        layout, home, turn = self.layout, self.problem.home[vm], self.layout.at[vm]
        if home not in (ANYWHERE, turn) and layout.updated[home] and layout.fits(vm, home):
            layout.hop(vm, home, Kind.RETURN, wave, turn)
            return True
        hosts, spare = (self.updated, layout.spare) if home == ANYWHERE else (self.serving, self.none_spare)
        target = None if park else self._choose(vm, hosts, spare)
        if target is None:
            return False
        layout.hop(vm, target, Kind.MIGRATE, wave, turn)
        return True

    def _place(self, vm: int, wave: int, *, park: bool) -> bool:
        """As above, else parked, else beyond the limit of fullness, else where others step aside."""
        if self._stay(vm, wave, park=park):
            return True
        layout, stays, turn = self.layout, self.problem.home[vm] == ANYWHERE, self.layout.at[vm]
        target = self._parking(vm) if stays else None
        if target is None:
            target = self._choose(vm, self.updated if stays else self.serving, self.none_spare)
        if target is None:
            target = make_room(layout, vm, wave, turn)
        if target is None:
            return False
        layout.hop(vm, target, away(layout, vm, target), wave, turn)
        return True

    def _choose(self, vm: int, hosts: Sequence[int], spare: Sequence[int]) -> int | None:
        dice = self.dice
        if dice is not None and self.tuning.scatter:
            mixed = dice.sample(hosts, len(hosts))
            return next((host for host in mixed if self.layout.fits(vm, host, spare[host])), None)
        choose = self.layout.tightest if self.tuning.tight else self.layout.emptiest
        return choose(vm, hosts, spare)

    def _parking(self, vm: int) -> int | None:
        """The host that reboots last, of those that fit: within the limit of fullness if there is one."""
        layout = self.layout
        last = [host for host in reversed(self.problem.order) if not layout.updated[host]]
        if self.tuning.tight:
            return layout.tightest(vm, last, self.none_spare)
        fitting = [host for host in last if layout.fits(vm, host)]
        within = (host for host in fitting if layout.fits(vm, host, layout.spare[host]))
        return next(within, fitting[0] if fitting else None)

    def _too_many(self, leaving: list[int], waste: int) -> set[int]:
        """The fewest VMs whose parking makes the others fit on updated hosts, as far as sums can tell.

        ``waste`` (bytes) is free there in pieces that are of no use.
        """
        layout, size = self.layout, self.problem.size
        staying = [vm for vm in leaving if self.problem.home[vm] == ANYWHERE]
        room = sum(max(layout.free[host] - layout.spare[host], 0) for host in self.updated)
        missing = sum(size[vm] for vm in staying) - room + waste
        parked: set[int] = set()
        while missing > 0 and len(parked) < len(staying):
            rest = [vm for vm in staying if vm not in parked]
            enough = [vm for vm in rest if size[vm] >= missing]
            chosen = min(enough, key=lambda vm: (size[vm], vm)) if enough else max(rest, key=size.__getitem__)
            parked.add(chosen)
            missing -= size[chosen]
        return parked

    def _as_they_are(self, leaving: list[int], mark: int) -> int | None:
        """A host that is free enough for all of them as they are; what was done since `mark` is undone then.

        Where every host has the same memory, a pool whose first host was emptied can be finished so.
        """
        layout, since = self.layout, self.layout.draft[mark:]
        layout.rewind(mark)
        needed = sum(self.problem.size[vm] for vm in leaving)
        all_return = all(self.problem.home[vm] != ANYWHERE for vm in leaving)
        hosts = self.serving if all_return else self.updated
        able = [
            host
            for host in hosts
            if layout.free[host] >= needed and all(layout.suits(vm, host) for vm in leaving)
        ]
        if able:
            return min(able, key=layout.free.__getitem__)
        self._again([step for step in since if isinstance(step, Hop)])
        return None
