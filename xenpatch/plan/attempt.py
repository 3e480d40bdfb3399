"""One attempt to plan a run: greedy, wave after wave; what was found, or where it got stuck."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from xenpatch.plan import ha
from xenpatch.plan.emptying import Emptying, Tuning
from xenpatch.plan.layout import Boot, Draft, Hop, Layout
from xenpatch.plan.make_room import make_room
from xenpatch.plan.model import Kind
from xenpatch.plan.problem import ANYWHERE, Problem


@dataclass(frozen=True)
class Stuck:
    """No place for `left` when it was the turn of `host`; `free` are the bytes free then on other hosts.

    ``returning`` says that these were to come home to it. ``unprotected`` says that there was a place, but
    no longer one for the VMs that HA would have to restart. Nothing is left where an attempt was given up
    because it would have taken more waves than it may.
    """

    host: int
    left: tuple[int, ...]
    free: dict[int, int]
    returning: bool = False
    unprotected: bool = False


def attempt(problem: Problem, tuning: Tuning, waves: int | None = None) -> Draft | Stuck:
    """Plan the whole run once, in so many waves at most; pure and deterministic.

    A wave takes as many hosts as its width allows and as can be emptied without a single extra move; a host
    alone may need VMs to be parked, or to make room.
    """
    if not tuning.last:
        return _Attempt(problem, tuning).run(waves or len(problem.order))
    staying = replace(problem, home=(ANYWHERE,) * len(problem.home))
    draft = _Attempt(staying, tuning).run(waves or len(problem.order))
    return draft if isinstance(draft, Stuck) else _homeward(problem, draft)


class _Attempt:
    def __init__(self, problem: Problem, tuning: Tuning) -> None:
        self.problem = problem
        self.tuning = tuning
        self.layout = Layout(problem, tuning.limit)
        self.emptying = Emptying(self.layout, tuning)
        self.wave = 0

    def run(self, waves: int) -> Draft | Stuck:
        layout, todo = self.layout, self._turns()
        self._return_home()
        while todo:
            if self.wave + math.ceil(len(todo) / self.problem.policy.width) > waves:
                return Stuck(todo[0], (), {})
            self.wave += 1
            wave = self._empty_some(todo)
            if isinstance(wave, Stuck):
                return wave
            for host in wave:
                layout.boot(host, self.wave)
                todo.remove(host)
            self._return_home()
        return all_home(layout, self.wave + 1) or layout.draft

    def _turns(self) -> list[int]:
        """Every other shuffled attempt takes the hosts in another order.

        The master, and what is out of service already, come first all the same.
        """
        problem, dice = self.problem, self.emptying.dice
        order = list(problem.order)
        if dice is None or dice.random() < 0.5:
            return order
        first = [host for host in order if host == problem.master or not problem.serving[host]]
        rest = order[len(first) :]
        dice.shuffle(rest)
        return first + rest

    def _empty_some(self, todo: list[int]) -> list[int] | Stuck:
        alone = todo[0] == self.problem.master
        widest = 1 if alone else min(self.problem.policy.width, len(todo))
        for width in range(widest, 1, -1):
            if self.emptying.together(todo[:width], self.wave):
                return todo[:width]
        return self._empty(todo[0])

    def _empty(self, host: int) -> list[int] | Stuck:
        layout = self.layout
        before = {n: layout.free[n] for n, serves in enumerate(layout.serving) if serves and n != host}
        left = self.emptying.alone(host, self.wave)
        if left:
            return Stuck(host, tuple(sorted(left)), before)
        if not ha.survives(layout):
            return Stuck(host, (), before, unprotected=True)
        return [host]

    def _return_home(self) -> None:
        """Bring home every VM whose home is updated and has room, the largest first."""
        layout = self.layout
        deferred = self.problem.order[0] if self.tuning.defer and self.problem.order else None
        for vm in sorted(layout.away):
            home = self.problem.home[vm]
            if layout.updated[home] and home != deferred and layout.fits(vm, home):
                layout.hop(vm, home, Kind.RETURN, self.wave, home)


def all_home(layout: Layout, wave: int) -> Stuck | None:
    """At the end no host is left to wait for: what is still away comes home, if need be by making room."""
    problem, before, stranded = layout.problem, len(layout.away) + 1, sorted(layout.away)
    free = list(layout.free)
    while 0 < len(layout.away) < before:
        before = len(layout.away)
        for vm in sorted(layout.away):
            home = problem.home[vm]
            if vm not in layout.away:
                continue  # it stepped aside to where it belongs
            if layout.fits(vm, home) or make_room(layout, vm, wave, home, only=home) is not None:
                layout.hop(vm, home, Kind.RETURN, wave, home)
    if not layout.away:
        return None
    host = problem.home[stranded[0]]
    left = tuple(vm for vm in stranded if problem.home[vm] == host)
    return Stuck(host, left, {host: free[host]}, returning=True)


def _homeward(problem: Problem, draft: Draft) -> Draft | Stuck:
    """All VMs home after the last reboot: straight if that goes, else each move undone, the last one first.

    Undoing needs no memory that was not free before, and every host is updated by then.
    """
    layout = Layout(problem)
    for step in draft:
        if isinstance(step, Hop):
            layout.hop(step.vm, step.dst, step.kind, step.wave, step.turn)
        else:
            layout.boot(step.host, step.wave)
    wave, mark = 1 + max((step.wave for step in draft), default=0), len(draft)
    stuck = all_home(layout, wave)
    if stuck is None:
        return layout.draft
    layout.rewind(mark)
    for step in reversed([step for step in draft if isinstance(step, Hop)]):
        home = problem.home[step.vm]
        if home == ANYWHERE or not layout.fits(step.vm, step.src):
            return stuck
        kind = Kind.RETURN if step.src == home else Kind.MAKE_ROOM
        layout.hop(step.vm, step.src, kind, wave, home)
    return stuck if layout.away else layout.draft


def cost(draft: Draft) -> tuple[int, int]:
    """What makes one draft better than another: how many migrations, then how many waves."""
    boots = {step.wave for step in draft if isinstance(step, Boot)}
    return sum(not isinstance(step, Boot) for step in draft), len(boots)
