"""Hands out the moves of a plan as their time comes, to the turns of several hosts side by side.

A move is handed out when the steps that it waits for are over and neither of its hosts is busy with as many
migrations as the policy allows. A move that fails, or is not sound any more, has the rest planned anew from
what the pool is by then, once nothing is under way; what is done stays done. The same is done between waves
for a pool that has another master or other hosts than it was planned for.

Two kinds of end: after `stop` no further VM leaves a host and no further host is taken, but VMs still come
home; after `abort` nothing begins any more.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

from xenpatch.errors import DrainFailed, ReturnFailed, StepFailed
from xenpatch.plan.ahead import next_wave
from xenpatch.plan.model import Move, Plan, Reboot, Turn
from xenpatch.xapi.inventory import Members
from xenpatch.xapi.types import HostUuid, VmUuid

TRIES: Final = 3
"""How often the moves of one VM may fail, each time with a new plan, before the run gives up."""

_OTHERS: Final = "the pool has another master or other hosts than before"


class Conductor:
    """One plan under way; safe in threads. ``replan`` gives a plan for what is left, or raises PoolError.

    ``look`` gives the pool's members as they are, ``seen`` are those of the plan. ``culprit`` is the host in
    whose turn the run was stopped, if it was in one.
    """

    def __init__(
        self, plan: Plan, replan: Callable[[], Plan], look: Callable[[], Members], seen: Members
    ) -> None:
        self.plan = plan
        self._replan = replan
        self._look, self._seen = look, seen
        self._changed = threading.Condition(threading.RLock())
        self._begun: dict[HostUuid, Turn] = {}
        self._made: list[Move] = []
        self._out: set[HostUuid] = set()
        self._failures: Counter[VmUuid] = Counter()
        self._surprise: str | None = None
        self._error: BaseException | None = None
        self._aborted = False
        self.culprit: HostUuid | None = None
        self._take(plan)

    def next_turns(self, gate: Callable[[Plan], None] = lambda _: None) -> tuple[Turn, ...]:
        """The hosts of the next wave, as soon as every host taken before is updated; () when all are.

        ``gate`` is shown what comes next before it begins (see `next_wave`), and raises where it must not;
        VMs go on coming home meanwhile. Raises what ended the run.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or not self._out)
            if self._error is None:
                self._hold_against_the_pool()
            ahead = self._ahead()
        while ahead.turns:
            gate(ahead)
            with self._changed:
                shown, ahead = ahead, self._ahead()
                if ahead.turns == shown.turns:
                    self._begun |= {turn.host: turn for turn in ahead.turns}
                    self._out |= {turn.host for turn in ahead.turns}
                    return ahead.turns
        return ()

    def next_move(self, turn: HostUuid, *, leaving: bool) -> Move | None:
        """A move for that host's sake that may begin now; None when all of them are over.

        ``leaving`` asks for those that empty the host, otherwise for those that bring its VMs home. The
        caller must report the end of each. Raises DrainFailed or ReturnFailed when there will be none.
        """
        with self._changed:
            while True:
                self._raise_if_over(leaving=leaving)
                if self._surprise is not None and not self._under_way:
                    self._plan_anew(turn)
                    continue
                mine = [move for move in self._moves[turn, leaving] if move.no not in self._over]
                if not mine and self._surprise is None:
                    return None
                if (move := self._ready(mine)) is not None:
                    self._under_way[move.no] = move
                    return move
                self._raise_if_stuck()
                self._changed.wait()

    def done(self, move: Move) -> None:
        """A move has ended well."""
        with self._changed:
            self._under_way.pop(move.no, None)
            self._over.add(move.no)
            self._made.append(move)
            self._changed.notify_all()

    def failed(self, move: Move, reason: str) -> None:
        """A move has not come about; the VM is where it was."""
        with self._changed:
            self._under_way.pop(move.no, None)
            self._failures[move.vm] += 1
            self._surprise = reason
            if self._failures[move.vm] >= TRIES:
                kind = ReturnFailed if move.homeward else DrainFailed
                self._stop(kind(f"{move.vm_name}: {reason}"), move.turn)
            self._changed.notify_all()

    def surprised(self, reason: str) -> None:
        """The pool is not as the plan takes it to be: plan anew."""
        with self._changed:
            self._surprise = reason
            self._changed.notify_all()

    def updated(self, host: HostUuid) -> None:
        """The host has rebooted and is verified, or has nothing to prove."""
        with self._changed:
            self._out.discard(host)
            self._over |= {
                step.no for step in self.plan.steps if isinstance(step, Reboot) and step.host == host
            }
            self._changed.notify_all()

    def out_of_service(self) -> frozenset[HostUuid]:
        """The hosts that the run has taken and not yet given back."""
        with self._changed:
            return frozenset(self._out)

    def in_hand(self) -> dict[HostUuid, str]:
        """The hosts whose turn has begun and is not over, with their names."""
        with self._changed:
            return {host: turn.name for host, turn in self._begun.items() if host in self._out}

    def waiting(self) -> tuple[Turn, ...]:
        """The turns that have not begun."""
        with self._changed:
            return tuple(turn for turn in self.plan.turns if turn.host not in self._begun)

    def happened(self) -> Plan:
        """The hosts that have had their turn, and the moves that were made, in their order."""
        with self._changed:
            return Plan(tuple(self._begun.values()), tuple(self._made))

    def stop(self, error: BaseException, culprit: HostUuid | None = None) -> None:
        """Begin no further turn and let no further VM leave; the first error, and its host, count."""
        with self._changed:
            self._stop(error, culprit)
            self._changed.notify_all()

    def abort(self, error: BaseException) -> None:
        """Begin nothing any more."""
        with self._changed:
            self._stop(error)
            self._aborted = True
            self._changed.notify_all()

    def _ahead(self) -> Plan:
        if self._error is not None:
            raise self._error
        return next_wave(self.plan, self._begun, self._over)

    def _stop(self, error: BaseException, culprit: HostUuid | None = None) -> None:
        if self._error is None:
            self._error, self.culprit = error, culprit

    def _raise_if_over(self, *, leaving: bool) -> None:
        """After a stop VMs come home as long as that goes without a new plan."""
        if self._error is None:
            return
        if leaving or self._aborted or self._surprise is not None:
            kind = DrainFailed if leaving else ReturnFailed
            raise kind(str(self._error)) from self._error

    def _raise_if_stuck(self) -> None:
        """After a stop nobody waits for what would only come with a further host."""
        if self._error is not None and not (self._under_way or self._out):
            raise ReturnFailed(str(self._error)) from self._error

    def _hold_against_the_pool(self) -> None:
        """Plan anew when hosts have joined or left the pool, or another one leads it."""
        if self._look() == self._seen:
            return
        self._surprise = _OTHERS
        self._changed.wait_for(lambda: self._error or self._surprise is None or not self._under_way)
        if self._error is None and self._surprise is not None:
            self._plan_anew()

    def _plan_anew(self, turn: HostUuid | None = None) -> None:
        self._surprise = None
        try:
            self._seen = self._look()
            self.plan = self._plan_of_the_rest()
        except StepFailed as impossible:
            self._surprise = str(impossible)
            self._stop(impossible, turn)
            self._changed.notify_all()
            return
        self._take(self.plan)
        self._changed.notify_all()

    def _plan_of_the_rest(self) -> Plan:
        plan = self._replan()
        if names := self._waiting_for_others(plan):
            told = f"{', '.join(names)} would have to wait for hosts that come first now, since {_OTHERS}"
            raise StepFailed(told)
        return plan

    def _waiting_for_others(self, plan: Plan) -> list[str]:
        """The hosts in hand that this plan empties only after hosts whose turn has not begun: never."""
        late: set[int] = set()
        names: dict[str, None] = {}
        for step in plan.steps:
            host = step.turn if isinstance(step, Move) else step.host
            if host not in self._begun or not late.isdisjoint(step.after):
                late.add(step.no)
                if host in self._out and isinstance(step, Move) and not step.homeward:
                    names[self._begun[host].name] = None
        return list(names)

    def _take(self, plan: Plan) -> None:
        self._under_way: dict[int, Move] = {}
        updated = self._begun.keys() - self._out
        self._over = {step.no for step in plan.steps if isinstance(step, Reboot) and step.host in updated}
        self._moves: defaultdict[tuple[HostUuid, bool], list[Move]] = defaultdict(list)
        for move in plan:
            self._moves[move.turn, not move.homeward].append(move)

    def _ready(self, moves: list[Move]) -> Move | None:
        if self._surprise is not None:
            return None
        busy = Counter(host for move in self._under_way.values() for host in (move.src, move.dst))
        at_once = self.plan.policy.moves_per_host
        for move in moves:
            free = busy[move.src] < at_once and busy[move.dst] < at_once and move.dst not in self._out
            if move.no not in self._under_way and free and self._over.issuperset(move.after):
                return move
        return None


_current: ContextVar[Conductor] = ContextVar("conductor")


def conduct(plan: Plan, replan: Callable[[], Plan], look: Callable[[], Members], seen: Members) -> Conductor:
    """A conductor for this flow, and for what it runs beside itself."""
    conductor = Conductor(plan, replan, look, seen)
    _current.set(conductor)
    return conductor


def conductor() -> Conductor:
    """The one of the flow that this code runs for."""
    return _current.get()
