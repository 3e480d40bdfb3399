"""When each step of a plan happens, if every step takes a given time: list scheduling.

A step begins once all it waits for is over and, if it is a move, its source and its target have a slot free.
Of the steps that may begin, the one of lowest number is first; one that finds no slot holds up no other.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xenpatch.plan.model import Move, Plan, Reboot, Step
from xenpatch.xapi.types import HostUuid

Seconds = Callable[[Step], float]
"""How long a step takes; a reboot including its verification."""

_READY = -1


@dataclass(frozen=True)
class Timetable:
    """The steps by number in seconds from the start.

    ``host_end`` is when a host's turn is over: its reboot and all moves for its sake. ``mixed`` is how long
    hosts of both levels run side by side, from the end of the first reboot to the beginning of the last.
    """

    begin: Mapping[int, float]
    end: Mapping[int, float]
    host_end: Mapping[HostUuid, float]
    total: float
    mixed: float


def timetable(plan: Plan, seconds: Seconds, at_once: int) -> Timetable:
    """When each step happens with `at_once` migrations at a time on a host.

    Raises ValueError if steps wait for each other in a circle.
    """
    return Schedule(plan, at_once).timetable(seconds)


class Schedule:
    """A plan made ready for many timetables; steps and hosts are positions in lists, steps by number.

    A number in `after` that no step has is that of a step which is over. Steps that wait for the same are
    behind one gate, so that a wide wave costs no more than its steps.
    """

    def __init__(self, plan: Plan, at_once: int) -> None:
        self.slots = max(at_once, 1)
        self.steps = sorted(plan.steps, key=lambda step: step.no)
        position = {step.no: number for number, step in enumerate(self.steps)}
        behind: dict[tuple[int, ...], list[int]] = {}
        for number, step in enumerate(self.steps):
            behind.setdefault(step.after, []).append(number)
        self.behind = list(behind.values())
        self.awaited: list[int] = []
        self.opens: list[list[int]] = [[] for _ in self.steps]
        for gate, after in enumerate(behind):
            awaited = {position[no] for no in after if no in position}
            self.awaited.append(len(awaited))
            for number in awaited:
                self.opens[number].append(gate)
        hosts: dict[HostUuid, int] = {}
        self.uses = [
            tuple(hosts.setdefault(host, len(hosts)) for host in (step.src, step.dst))
            if isinstance(step, Move)
            else ()
            for step in self.steps
        ]
        self.hosts = len(hosts)
        self._turns = tuple(turn.host for turn in plan.turns)
        self._turn_of = [step.turn if isinstance(step, Move) else step.host for step in self.steps]
        self._reboots = [number for number, step in enumerate(self.steps) if isinstance(step, Reboot)]

    def timetable(self, seconds: Seconds) -> Timetable:
        """When each step happens; ValueError if steps wait for each other in a circle."""
        run = _Run(self, [seconds(step) for step in self.steps])
        run.go()
        host_end = dict.fromkeys(self._turns, 0.0)
        for host, end in zip(self._turn_of, run.end, strict=True):
            if end > host_end.get(host, 0.0):
                host_end[host] = end
        numbers = [step.no for step in self.steps]
        return Timetable(
            begin=dict(zip(numbers, run.begin, strict=True)),
            end=dict(zip(numbers, run.end, strict=True)),
            host_end=host_end,
            total=max(run.end, default=0.0),
            mixed=self._mixed(run),
        )

    def _mixed(self, run: _Run) -> float:
        if not self._reboots:
            return 0.0
        first = min(run.end[number] for number in self._reboots)
        return max(max(run.begin[number] for number in self._reboots) - first, 0.0)


class _Run:
    """One pass through the events. A ready move without a slot waits at a host that has none.

    So the end of a migration concerns those alone that wait at its two hosts, and of each the first.
    """

    def __init__(self, schedule: Schedule, seconds: list[float]) -> None:
        self.begin = [0.0] * len(seconds)
        self.end = [0.0] * len(seconds)
        self._schedule = schedule
        self._seconds = seconds
        self._awaited = list(schedule.awaited)
        self._free = [schedule.slots] * schedule.hosts
        self._waiting: list[list[int]] = [[] for _ in range(schedule.hosts)]
        self._under_way: list[tuple[float, int]] = []

    def go(self) -> None:
        behind = self._schedule.behind
        open_ = [steps for steps, awaited in zip(behind, self._awaited, strict=True) if not awaited]
        self._start(sorted((number, _READY) for steps in open_ for number in steps), 0.0)
        while self._under_way:
            now = self._under_way[0][0]
            self._start(self._finish(now), now)
        shut = [steps for steps, awaited in zip(behind, self._awaited, strict=True) if awaited]
        if shut:
            numbers = sorted(self._schedule.steps[number].no for steps in shut for number in steps)
            raise ValueError(f"steps that wait for each other: {', '.join(map(str, numbers))}")

    def _finish(self, now: float) -> list[tuple[int, int]]:
        """End what ends now; give a heap of the steps that might begin, each with the host where it waits."""
        candidates, freed = [], set()
        while self._under_way and self._under_way[0][0] == now:
            _, number = heapq.heappop(self._under_way)
            for host in self._schedule.uses[number]:
                self._free[host] += 1
                freed.add(host)
            for gate in self._schedule.opens[number]:
                self._awaited[gate] -= 1
                if not self._awaited[gate]:
                    candidates += [(follower, _READY) for follower in self._schedule.behind[gate]]
        candidates += [(self._waiting[host][0], host) for host in freed if self._waiting[host]]
        heapq.heapify(candidates)
        return candidates

    def _start(self, candidates: list[tuple[int, int]], now: float) -> None:
        while candidates:
            number, host = heapq.heappop(candidates)
            if host == _READY:
                self._start_or_wait(number, now)
            elif self._free[host]:
                waiting = self._waiting[host]
                heapq.heappop(waiting)
                self._start_or_wait(number, now)
                if waiting and self._free[host]:
                    heapq.heappush(candidates, (waiting[0], host))

    def _start_or_wait(self, number: int, now: float) -> None:
        uses = self._schedule.uses[number]
        for host in uses:
            if not self._free[host]:
                heapq.heappush(self._waiting[host], number)
                return
        for host in uses:
            self._free[host] -= 1
        self.begin[number] = now
        self.end[number] = end = now + self._seconds[number]
        heapq.heappush(self._under_way, (end, number))
