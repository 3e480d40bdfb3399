"""From a draft in numbers to a plan with names, reasons, and what each step waits for."""

from __future__ import annotations

from dataclasses import replace

from xenpatch.plan.bound import bound
from xenpatch.plan.dependencies import dependencies
from xenpatch.plan.layout import Boot, Draft, Hop
from xenpatch.plan.model import Fullest, Kind, Move, Plan, Reboot, Turn
from xenpatch.plan.problem import ANYWHERE, Problem


def assemble(problem: Problem, draft: Draft) -> Plan:
    """The plan that a draft stands for."""
    squeezed = _squeezed(problem, draft) if problem.squeezed else frozenset()
    problem = replace(
        problem,
        size=tuple(
            size if vm in squeezed else whole.memory
            for vm, (size, whole) in enumerate(zip(problem.size, problem.vms, strict=True))
        ),
    )
    after = dependencies(problem, draft)
    replay = _Replay(problem)
    steps = tuple(
        replay.move(number, step, needs) if isinstance(step, Hop) else replay.reboot(number, step, needs)
        for number, (step, needs) in enumerate(zip(draft, after, strict=True), 1)
    )
    order = tuple(step.host for step in draft if isinstance(step, Boot))
    return Plan(
        turns=_turns(problem, draft),
        steps=steps,
        bound=bound(replace(problem, order=order)),
        fullest=replay.fullest(),
        squeezed=tuple(sorted(problem.vms[vm].name for vm in squeezed)),
        together=tuple(sorted(replay.together)),
        policy=problem.policy,
        pool=problem.pool,
        master=problem.hosts[problem.master].uuid,
    )


class _Replay:
    """Memory as the steps are made one after another."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.at = list(problem.at)
        self.free = list(problem.free)
        self.least = list(self.free)
        self.together: set[str] = set()
        self.updated = set(problem.updated)

    def move(self, number: int, hop: Hop, after: tuple[int, ...]) -> Move:
        problem, size = self.problem, self.problem.size[hop.vm]
        vm, src, dst = problem.vms[hop.vm], problem.hosts[hop.src], problem.hosts[hop.dst]
        self.at[hop.vm] = hop.dst
        self.free[hop.dst] -= size
        self.least[hop.dst] = min(self.least[hop.dst], self.free[hop.dst])
        self.free[hop.src] += size
        if vm.apart:
            self._meet(hop)
        return Move(
            vm=vm.uuid,
            vm_name=vm.name,
            src=src.uuid,
            src_name=src.name,
            dst=dst.uuid,
            dst_name=dst.name,
            memory=size,
            free_after=self.free[hop.dst],
            no=number,
            wave=hop.wave,
            turn=problem.hosts[hop.turn].uuid,
            kind=hop.kind,
            why=self._why(hop),
            after=after,
            homeward=hop.turn in self.updated,
        )

    def reboot(self, number: int, boot: Boot, after: tuple[int, ...]) -> Reboot:
        host = self.problem.hosts[boot.host]
        self.updated.add(boot.host)
        return Reboot(host.uuid, host.name, number, boot.wave, after)

    def fullest(self) -> Fullest | None:
        """Of what VMs can have of a host, with those that do not move."""
        shares = [
            (1.0 - self.least[n] / host.memory_capacity, host.name)
            for n, host in enumerate(self.problem.hosts)
            if host.memory_capacity > 0
        ]
        share, name = max(shares, key=lambda pair: pair[0], default=(0.0, ""))
        return Fullest(name, share) if name else None

    def _meet(self, hop: Hop) -> None:
        """Note the VMs of a group that should be apart, and were, but are not any more."""
        vms, start = self.problem.vms, self.problem.at
        for other, host in enumerate(self.at):
            shared = vms[other].apart & vms[hop.vm].apart
            if other != hop.vm and host == hop.dst and shared and start[other] != start[hop.vm]:
                self.together |= {vms[other].name, vms[hop.vm].name}
        for fixed, host in self.problem.fixed:
            if host == hop.dst != start[hop.vm] and fixed.apart & vms[hop.vm].apart:
                self.together |= {fixed.name, vms[hop.vm].name}

    def _why(self, hop: Hop) -> str:
        turn = self.problem.hosts[hop.turn].name
        if hop.kind is Kind.RETURN:
            return f"{self.problem.hosts[hop.dst].name} is its home"
        if hop.kind is Kind.MAKE_ROOM:
            purpose = "can get its VMs back" if hop.turn in self.updated else "can be emptied"
            return f"makes room so that {turn} {purpose}"
        if hop.kind is Kind.PARK:
            return f"{turn} is to reboot; no updated host has room"
        stays = self.problem.home[hop.vm] == ANYWHERE
        return f"{turn} is to reboot; it stays there" if stays else f"{turn} is to reboot"


def _squeezed(problem: Problem, draft: Draft) -> frozenset[int]:
    """VMs with something to give that come to a host which could not hold all that come there whole."""
    visits = {*enumerate(problem.at), *((step.vm, step.dst) for step in draft if isinstance(step, Hop))}
    whole = [0] * len(problem.hosts)
    for vm, host in visits:
        whole[host] += problem.vms[vm].memory
    crowded = {host for host, memory in enumerate(whole) if memory > problem.room[host]}
    return frozenset(
        vm for vm, host in visits if host in crowded and problem.size[vm] < problem.vms[vm].memory
    )


def _turns(problem: Problem, draft: Draft) -> tuple[Turn, ...]:
    """Hosts in the order of their first step; those that only get VMs back when that begins."""
    waves = {step.host: step.wave for step in draft if isinstance(step, Boot)}
    rebooting = set(waves)
    for step in draft:
        if isinstance(step, Hop) and step.turn not in waves:
            waves[step.turn] = step.wave
    order = [step.host if isinstance(step, Boot) else step.turn for step in draft]
    turns = [
        Turn(problem.hosts[host].uuid, problem.hosts[host].name, waves[host], host in rebooting)
        for host in dict.fromkeys(order)
    ]
    return tuple(sorted(turns, key=lambda turn: turn.wave))
