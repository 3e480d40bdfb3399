"""Why there is no plan, found out and put into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from xenpatch.plan.attempt import Stuck
from xenpatch.plan.impossible import Obstacles, obstacles, turns
from xenpatch.plan.model import NoRoom, Room, Shortage, ToStop
from xenpatch.plan.problem import Problem
from xenpatch.plan.search import SHUFFLES
from xenpatch.units import size

_NAMED: Final = 5


def explain(problem: Problem, stuck: Stuck, stop: ToStop | None) -> NoRoom:
    """What is certain comes first: VMs without any place, too little memory in all; then a failed search."""
    found = obstacles(problem)
    if found.nowhere:
        return _Words(problem, stop).nowhere(found)
    if found.too_large:
        return _Words(problem, stop).too_large(found)
    if found.short_host is not None:
        return _Words(problem, stop).total(found.short_host)
    if stuck.unprotected:
        return _Words(problem, stop).unprotected(stuck)
    if stuck.returning:
        return _Words(problem, stop).returning(stuck)
    return _Words(problem, stop).fragmented(stuck)


class _Words:
    def __init__(self, problem: Problem, stop: ToStop | None) -> None:
        self.problem = problem
        self.stop = stop

    def nowhere(self, found: Obstacles) -> NoRoom:
        host, vms = self._first(found.nowhere)
        rooms = self._rooms(host)
        if not rooms:
            reason = f"no other host is in service to take {self._names(vms)}"
            remedy = f"bring another host into service, or {self._stop(vms)}"
        else:
            reason = f"no other host in service sees the storage and networks of {self._names(vms)}"
            remedy = f"{self._stop(vms)}, or use storage and networks that other hosts have too"
        return self._answer(host, Shortage.NO_HOST, vms, rooms, reason, remedy)

    def too_large(self, found: Obstacles) -> NoRoom:
        host, vms = self._first(found.too_large)
        largest = vms[0]
        able = [other for other in self._others(host) if self.problem.allows(largest, other)]
        also = f" (nor does {self._names(vms[1:])})" if vms[1:] else ""
        holds = max(self.problem.room[other] for other in able)
        reason = (
            f"{self._named(largest)} fits on no other host, not even on an empty one{also}: "
            f"the largest can give VMs {size(holds)}"
        )
        return self._answer(host, Shortage.TOO_LARGE, vms, self._rooms(host, able), reason, self._stop(vms))

    def total(self, host: int) -> NoRoom:
        leaving = [vm for vm, at in enumerate(self.problem.at) if at == host]
        rooms = self._rooms(host)
        needed, free = self._memory(leaving), sum(room.free for room in rooms)
        reason = (
            f"its VMs, {self._names(leaving)}, need {size(needed)}, and the other hosts have {size(free)} "
            f"free in all: {_frees(rooms)}"
        )
        remedy = f"{self._stop()}at least {size(needed - free)} must become free"
        return self._answer(host, Shortage.TOTAL, leaving, rooms, reason, remedy)

    def fragmented(self, stuck: Stuck) -> NoRoom:
        rooms = self._told(stuck.free)
        reason = (
            f"{self._names(stuck.left)} found no place: {size(sum(room.free for room in rooms))} are free in "
            f"all, in pieces: {_frees(rooms)}; {SHUFFLES} attempts to make room failed"
        )
        remedy = f"{self._stop()}or move other VMs so that more is free in one piece"
        return self._answer(stuck.host, Shortage.FRAGMENTED, stuck.left, rooms, reason, remedy)

    def returning(self, stuck: Stuck) -> NoRoom:
        host, (room,) = self.problem.hosts[stuck.host], self._told(stuck.free)
        blind = [vm for vm in stuck.left if not self.problem.allows(vm, stuck.host)]
        if blind:
            reason = (
                f"{host.name} does not see the storage or networks of {self._names(blind)}, whose home it is"
            )
            remedy = f"attach the storage there, or {self._stop(blind)}"
            return self._answer(stuck.host, Shortage.HOME, blind, [room], reason, remedy, down=False)
        reason = (
            f"{host.name} cannot take back {self._names(stuck.left)}, whose home it is: "
            f"{size(self._memory(stuck.left))} needed, {size(room.free)} free there"
        )
        remedy = f"{self._stop()}or let VMs stay where they go (--placement free)"
        return self._answer(stuck.host, Shortage.HOME, stuck.left, [room], reason, remedy, down=False)

    def unprotected(self, stuck: Stuck) -> NoRoom:
        rooms = self._told(stuck.free)
        vms = [
            vm for vm, at in enumerate(self.problem.at) if at == stuck.host and self.problem.vms[vm].protected
        ]
        reason = (
            "a further failure could not be survived: the VMs that high availability protects would not all "
            "find room again"
        )
        remedy = "turn high availability off for the time of the run"
        return self._answer(stuck.host, Shortage.FRAGMENTED, vms, rooms, reason, remedy)

    def _answer(
        self,
        host: int,
        shortage: Shortage,
        vms: Sequence[int],
        rooms: Sequence[Room],
        reason: str,
        remedy: str,
        *,
        down: bool = True,
    ) -> NoRoom:
        name = self.problem.hosts[host].name
        return NoRoom(
            host=self.problem.hosts[host].uuid,
            host_name=name,
            shortage=shortage,
            vms=tuple((self.problem.vms[vm].uuid, self.problem.vms[vm].name) for vm in vms),
            needed=self._memory(vms),
            rooms=tuple(rooms),
            reason=f"with {name} down, {reason}" if down else reason,
            remedy=remedy,
            stop=self.stop,
        )

    def _first(self, vms: Sequence[int]) -> tuple[int, list[int]]:
        """The first host in the order of the run that has some of the VMs, and these."""
        at = self.problem.at
        host = next(host for host in self.problem.order if any(at[vm] == host for vm in vms))
        return host, [vm for vm in vms if at[vm] == host]

    def _others(self, host: int) -> list[int]:
        """The hosts in service when it is the host's turn."""
        return next(others for turn, others in turns(self.problem) if turn == host)

    def _rooms(self, host: int, others: Sequence[int] | None = None) -> list[Room]:
        """What the others, or some of them, have free at the start."""
        free = self.problem.free
        return self._told({other: free[other] for other in others or self._others(host)})

    def _told(self, free: dict[int, int]) -> list[Room]:
        hosts = self.problem.hosts
        return [Room(hosts[n].uuid, hosts[n].name, max(left, 0)) for n, left in sorted(free.items())]

    def _stop(self, vms: Sequence[int] | None = None) -> str:
        """What to stop: these VMs, or the set that was found, as the beginning of a list of remedies."""
        if vms is not None:
            return f"stop or suspend {self._names(vms)} for the time of the run"
        if self.stop is None:
            return ""
        names = _listed([name for _, name in self.stop.vms], "more")
        how = "no smaller set can do" if self.stop.smallest else "the smallest set found"
        return f"stop or suspend {names} ({size(self.stop.bytes)}; {how}); "

    def _memory(self, vms: Iterable[int]) -> int:
        return sum(self.problem.size[vm] for vm in vms)

    def _named(self, vm: int) -> str:
        return f"{self.problem.vms[vm].name} ({size(self.problem.size[vm])})"

    def _names(self, vms: Sequence[int]) -> str:
        return _listed([self._named(vm) for vm in vms], "more")


def _frees(rooms: Sequence[Room]) -> str:
    """The rooms in words, the largest first."""
    by_size = sorted(rooms, key=lambda room: -room.free)
    if not by_size:
        return "none"
    first, *others = by_size
    return _listed(
        [f"{first.name} has {size(first.free)} free", *(f"{room.name} {size(room.free)}" for room in others)],
        "hosts with no more",
    )


def _listed(parts: Sequence[str], rest: str) -> str:
    shown = ", ".join(parts[:_NAMED])
    return shown if len(parts) <= _NAMED else f"{shown} and {len(parts) - _NAMED} {rest}"
