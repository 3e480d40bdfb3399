"""What each step of a plan has to wait for, so that any order that heeds it is safe.

A plan is made as one sequence. Most of its moves do not need all that stands before them:

- a VM's moves follow one another;
- a move needs its target rebooted, if it has its turn before, and memory there: of the VMs that leave the
  target before, as many must be gone as make the room, counting every arrival that the sequence has had;
- VMs that are to be apart do not meet: one comes when the other has gone;
- a host reboots when all that was to leave it has left, and all that had to be moved for its sake;
- a host is emptied when the wave before is updated;
- the master reboots alone, since nothing can be told to the pool meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from xenpatch.plan.layout import Boot, Draft, Hop
from xenpatch.plan.problem import Problem


def dependencies(problem: Problem, draft: Draft) -> list[tuple[int, ...]]:
    """For each step, the numbers of the steps (from 1) that must be over before it begins."""
    books = _Books(problem)
    return [
        books.move(number, step) if isinstance(step, Hop) else books.boot(number, step)
        for number, step in enumerate(draft, 1)
    ]


@dataclass
class _Account:
    """The memory of a host since its reboot. ``free`` counts all arrivals, but only `gone` departures."""

    free: int
    leaving: list[tuple[int, int]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    booted: int | None = None

    def arrive(self, size: int) -> list[int]:
        """The departures that an arrival must wait for: those of the ones before it, and what it needs."""
        self.free -= size
        while self.free < 0 and self.leaving:
            number, freed = self.leaving.pop(0)
            self.free += freed
            self.gone.append(number)
        return self.gone


class _Books:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.accounts = [_Account(free) for free in problem.free]
        self.last_of: dict[int, int] = {}
        self.left: dict[tuple[int, int], int] = {}
        self.strangers: dict[int, set[int]] = {}
        for group in problem.apart:
            for vm in group:
                self.strangers.setdefault(vm, set()).update(group - {vm})
        self.barrier: set[int] = set()
        self.booting: dict[int, set[int]] = {}
        self.before: dict[int, set[int]] = {}
        self.updated = set(problem.updated)

    def move(self, number: int, hop: Hop) -> tuple[int, ...]:
        size = self.problem.size[hop.vm]
        target, source = self.accounts[hop.dst], self.accounts[hop.src]
        after = set(target.arrive(size))
        if hop.vm in self.last_of:
            after.add(self.last_of[hop.vm])
        if hop.vm in self.strangers:
            gone = ((each, hop.dst) for each in self.strangers[hop.vm])
            after.update(self.left[each] for each in gone if each in self.left)
        after |= self._boots(hop) or self.barrier
        source.leaving.append((number, size))
        self.last_of[hop.vm] = self.left[hop.vm, hop.src] = number
        for host in {hop.src, hop.turn}:
            self.before.setdefault(host, set()).add(number)
        return tuple(sorted(after))

    def _boots(self, hop: Hop) -> set[int]:
        """The reboots that a move waits for; each of them came after the master's."""
        homeward = hop.turn in self.updated
        before = set() if homeward else set(self.booting.get(hop.wave - 1, ()))
        for host in (hop.dst, hop.turn) if homeward else (hop.dst,):
            if (booted := self.accounts[host].booted) is not None:
                before.add(booted)
        return before

    def boot(self, number: int, boot: Boot) -> tuple[int, ...]:
        alone = boot.host == self.problem.master
        after = set(range(1, number)) if alone else self.before.get(boot.host, set()) | self.barrier
        after |= self.booting.get(boot.wave - 1, set())
        self.updated.add(boot.host)
        self.booting.setdefault(boot.wave, set()).add(number)
        if alone:
            self.barrier = {number}
        self.accounts[boot.host] = _Account(self.problem.room[boot.host], booted=number)
        return tuple(sorted(after))
