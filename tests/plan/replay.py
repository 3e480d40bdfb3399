"""A plan played on a pool, and the rules checked on the way; shares no code with the planner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xenpatch.plan.model import Move, Plan
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid, VmUuid


class Replay:
    """Who is where while a plan is carried out; every rule that is broken is an AssertionError."""

    def __init__(self, pool: Inventory) -> None:
        self.size = {vm.uuid: vm.memory for vm in pool.vms}
        self.running = {vm.uuid for vm in pool.vms if vm.power_state == "Running"}
        self.needs = {vm.uuid: {disk.sr for disk in vm.disks} for vm in pool.vms}
        self.sees = {host.uuid: {pbd.sr for pbd in host.pbds} for host in pool.hosts}
        self.capacity = {host.uuid: host.memory_capacity for host in pool.hosts}
        self.at: dict[VmUuid, HostUuid | None] = {vm.uuid: vm.resident_on for vm in pool.vms}
        self.in_service = {host.uuid for host in pool.hosts if host.live and host.enabled}
        self.rebooted: list[HostUuid] = []

    def play(self, plan: Plan, *, left_alone: frozenset[VmUuid] = frozenset()) -> None:
        for turn in plan.hosts:
            if turn.reboots:
                self.in_service.discard(turn.host)
            assert all(move.src == turn.host for move in turn.out)
            self.phase(turn.out)
            if turn.reboots:
                staying = {vm for vm in self.running - left_alone if self.at[vm] == turn.host}
                assert not staying, f"{turn.name} reboots under {staying}"
                self.rebooted.append(turn.host)
                self.in_service.add(turn.host)
            assert all(move.dst == turn.host for move in turn.back)
            self.phase(turn.back)

    def phase(self, moves: Sequence[Move]) -> None:
        """All moves under way at once: each VM takes memory on both sides until the last has arrived."""
        assert len({move.vm for move in moves}) == len(moves), "a VM moves twice at the same time"
        held = {host: self.held(host) for host in self.capacity}
        for move in moves:
            assert move.vm in self.running
            assert self.at[move.vm] == move.src != move.dst
            assert move.dst in self.in_service, f"{move.dst_name} is not in service"
            assert self.needs[move.vm] <= self.sees[move.dst], f"{move.vm_name} has no storage there"
            assert move.memory == self.size[move.vm]
            held[move.dst] += move.memory
            assert held[move.dst] <= self.capacity[move.dst], (
                f"{move.dst_name} is too full for {move.vm_name}"
            )
            assert move.free_after == self.capacity[move.dst] - held[move.dst]
        self.at.update({move.vm: move.dst for move in moves})

    def held(self, host: HostUuid) -> int:
        return sum(self.size[vm] for vm, at in self.at.items() if at == host)

    def all_home(self, homes: Mapping[VmUuid, HostUuid]) -> None:
        away = {vm: at for vm, at in self.at.items() if vm in self.running and at != homes.get(vm, at)}
        assert not away, f"not at home: {away}"


def assert_sound(
    pool: Inventory, plan: Plan, hosts: Sequence[HostUuid], homes: Mapping[VmUuid, HostUuid]
) -> None:
    """Play the whole plan: each host rebooted once, empty, in order, and every VM home at the end."""
    replay = Replay(pool)
    replay.play(plan)
    assert replay.rebooted == list(hosts)
    assert len({turn.host for turn in plan.hosts}) == len(plan.hosts)
    replay.all_home(homes)
