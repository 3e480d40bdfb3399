"""All orders of a plan's steps at once: what `after` must rule out, shown without trying any order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from ortools.graph.python.max_flow import SimpleMaxFlow

from tests.plan.checker import Run, World
from xenpatch.plan.model import Move, Plan, Reboot
from xenpatch.xapi.types import HostUuid, VmUuid


@dataclass(frozen=True)
class Stay:
    """A VM on a host, from the step that takes it there to the one that takes it away; 0 for none."""

    vm: VmUuid
    host: HostUuid
    comes: int
    goes: int


class Orders:
    """Which steps must be over before others begin, directly or by way of others."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run, self.plan = run, plan
        self.world = World(run, plan)
        self.moves = list(plan)
        self.reboots = {step.host: step for step in plan.steps if isinstance(step, Reboot)}
        self.before: dict[int, set[int]] = {}
        for step in plan.steps:
            self.before[step.no] = set(step.after).union(*(self.before[no] for no in step.after))

    def precedes(self, one: int, other: int) -> bool:
        return one in self.before[other]

    def check(self) -> None:
        self.each_vm_moves_in_one_order()
        self.reboots_are_between_what_leaves_and_what_comes()
        self.nothing_comes_once_a_wave_may_begin()
        self.the_master_reboots_alone()
        self.no_host_is_ever_too_full()
        self.strangers_never_meet()

    def each_vm_moves_in_one_order(self) -> None:
        last: dict[VmUuid, int] = {}
        for move in self.moves:
            if move.vm in last:
                assert self.precedes(last[move.vm], move.no), f"{move.vm_name}: {last[move.vm]}, {move.no}"
            last[move.vm] = move.no

    def reboots_are_between_what_leaves_and_what_comes(self) -> None:
        for move, reboot in product(self.moves, self.reboots.values()):
            if reboot.host in (move.src, move.dst):
                first, second = sorted([move.no, reboot.no])
                assert self.precedes(first, second), f"{reboot.name}: {move.no} may overlap its reboot"
        for one, other in product(self.reboots.values(), repeat=2):
            if one.wave < other.wave:
                assert self.precedes(one.no, other.no), f"{other.name} may reboot before {one.name} has"

    def nothing_comes_once_a_wave_may_begin(self) -> None:
        for move in self.moves:
            reboot = self.reboots.get(move.dst)
            if reboot is None or move.no > reboot.no:
                continue
            earlier = [each.no for each in self.reboots.values() if each.wave < reboot.wave]
            assert any(self.precedes(move.no, no) for no in earlier), (
                f"{move.vm_name} may come to {move.dst_name} when it is disabled"
            )

    def the_master_reboots_alone(self) -> None:
        reboot = self.reboots.get(self.run.pool.master)
        for step in self.plan.steps if reboot else ():
            if reboot and step != reboot:
                first, second = sorted([step.no, reboot.no])
                assert self.precedes(first, second), f"{step.no} may overlap the reboot of the master"

    def no_host_is_ever_too_full(self) -> None:
        for host in self.run.pool.hosts:
            arrivals = [move for move in self.moves if move.dst == host.uuid]
            free = self.world.free(host.uuid)
            if free < 0:
                for move in arrivals:
                    assert self.most(host.uuid, move) <= free, f"{host.name} may be too full for {move.no}"
            elif sum(move.memory for move in arrivals) > free:
                assert self.most(host.uuid) <= free, f"{host.name} may get too full"

    def most(self, host: HostUuid, begun: Move | None = None) -> int:
        """The most memory by which the host can get fuller than it is at the start, in any order.

        A step that has begun needs those before it to be over, a step that is over has begun: the most is a
        closure of greatest weight, that is a minimal cut. With `begun`, that move has begun.
        """
        flow, source, sink = SimpleMaxFlow(), 0, 1
        everything = 1 + sum(move.memory for move in self.moves)
        total = 0
        for step in self.plan.steps:
            started, over = 2 * step.no, 2 * step.no + 1
            flow.add_arc_with_capacity(over, started, 4 * everything)
            for no in step.after:
                flow.add_arc_with_capacity(started, 2 * no + 1, 4 * everything)
            if not isinstance(step, Move):
                continue
            if step.dst == host:
                total += step.memory
                flow.add_arc_with_capacity(source, started, step.memory)
            if step.src == host:
                flow.add_arc_with_capacity(over, sink, step.memory)
        if begun is not None:
            flow.add_arc_with_capacity(source, 2 * begun.no, everything)
            total += everything
        assert flow.solve(source, sink) == flow.OPTIMAL
        return int(total - flow.optimal_flow()) - (everything if begun is not None else 0)

    def strangers_never_meet(self) -> None:
        stays = self.stays()
        for one, other in sorted(map(sorted, self.world.strangers)):
            for here, there in product(stays[one], stays[other]):
                assert here.host != there.host or self.apart(here, there) or self.apart(there, here), (
                    f"{one} and {other} may meet on {here.host}"
                )

    def apart(self, first: Stay, second: Stay) -> bool:
        return bool(first.goes and second.comes) and self.precedes(first.goes, second.comes)

    def stays(self) -> dict[VmUuid, list[Stay]]:
        found = {}
        for vm, start in self.run.start.items():
            moves = [move for move in self.moves if move.vm == vm]
            hosts = [start, *(move.dst for move in moves)]
            comes = [0, *(move.no for move in moves)]
            found[vm] = [Stay(vm, *stay) for stay in zip(hosts, comes, [*comes[1:], 0], strict=True)]
        return found
