"""What is possible at all, by exhaustive search: the run as a constraint problem, for small pools.

One host is emptied at a time, in a given order. Before each reboot, and after the last one, come some rounds
of moves. Those of one round are made in any order, so that what arrives fits beside all that was there. More
than that many rounds could do more: an answer "impossible" is as good as the number of rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from tests.plan.checker import Run
from xenpatch.xapi.types import HostUuid, VmUuid

ROUNDS = 3

State = dict[tuple[VmUuid, HostUuid], cp_model.IntVar]


@dataclass
class Oracle:
    """A run with width 1 in which the hosts reboot in the given order; none of the pool's is too full."""

    run: Run
    order: Sequence[HostUuid]
    rounds: int = ROUNDS
    model: cp_model.CpModel = field(default_factory=cp_model.CpModel)

    def __post_init__(self) -> None:
        self.vms = sorted(self.run.movable)
        self.hosts = [host.uuid for host in self.run.pool.hosts]
        self.stopped = {vm: self.model.new_bool_var(f"stopped {vm}") for vm in self.vms}
        self.moves: list[cp_model.IntVar] = []
        state = self._state()
        for vm in self.vms:
            self.model.add(state[vm, self.run.start[vm]] + self.stopped[vm] == 1)
        for count, host in enumerate([*self.order, None]):
            for _ in range(self.rounds if host or self.run.required else 0):
                state = self._round(state, self.order[:count], host)
            if host:
                self.model.add(sum(state[vm, host] for vm in self.vms) == 0)
        for vm, home in self.run.required.items():
            self.model.add(state[vm, home] + self.stopped[vm] == 1)

    def possible(self, *, moves: int | None = None, stopped: int = 0, effort: float = 5.0) -> bool | None:
        """Whether that few moves do, with so many VMs stopped; None if it takes too long to know."""
        model = self.model.clone()
        model.add(sum(self.stopped.values()) <= stopped)
        if moves is not None:
            model.add(sum(self.moves) <= moves)
        status = _solver(effort).solve(model)
        return {cp_model.OPTIMAL: True, cp_model.FEASIBLE: True, cp_model.INFEASIBLE: False}.get(status)

    def _state(self) -> State:
        """Where everybody is; a VM that is stopped is nowhere."""
        state = {
            (vm, host): self.model.new_bool_var(f"{vm} on {host}") for vm in self.vms for host in self.hosts
        }
        for vm in self.vms:
            self.model.add_exactly_one([*(state[vm, host] for host in self.hosts), self.stopped[vm]])
        return state

    def _round(self, before: State, rebooted: Sequence[HostUuid], leaving: HostUuid | None) -> State:
        after = self._state()
        serving = {*self.run.serving, *rebooted} - {leaving}
        updated = [host for host in self.hosts if host not in self.run.hosts or host in rebooted]
        for vm in self.vms:
            moves = self.model.new_bool_var(f"{vm} moves")
            self.moves.append(moves)
            for host in self.hosts:
                was, is_ = before[vm, host], after[vm, host]
                self.model.add(moves >= was - is_)
                if host not in serving or not self._can_run(vm, host, rebooted):
                    self.model.add(is_ <= was)
            self.model.add(
                sum(before[vm, host] for host in updated) <= sum(after[vm, host] for host in updated)
            )
        for host in self.hosts:
            self._fits(host, before, after)
        return after

    def _can_run(self, vm: VmUuid, host: HostUuid, rebooted: Sequence[HostUuid]) -> bool:
        return self.run.can_run(self.run.vms[vm], self.run.pool.host(host), rebooted=host in rebooted)

    def _fits(self, host: HostUuid, before: State, after: State) -> None:
        present = {}
        for vm in self.vms:
            present[vm] = self.model.new_bool_var(f"{vm} has memory on {host}")
            self.model.add_implication(before[vm, host], present[vm])
            self.model.add_implication(after[vm, host], present[vm])
        held = sum(vm.memory for vm in self.run.pool.vms if vm.resident_on == host and vm.uuid not in present)
        size = {vm: self.run.vms[vm].memory for vm in self.vms}
        room = self.run.pool.host(host).memory_capacity - held
        self.model.add(sum(size[vm] * present[vm] for vm in self.vms) <= room)
        for one, other in sorted(map(sorted, self.run.strangers())):
            if one in present and other in present:
                self.model.add_at_most_one(present[one], present[other])


def _solver(effort: float) -> cp_model.CpSolver:
    """The same answer on every machine, however fast it is."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 602
    solver.parameters.max_deterministic_time = effort
    return solver
