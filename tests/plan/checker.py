"""A plan carried out on a pool, and every rule checked at every moment; shares no code with the planner."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

from xenpatch.plan.model import Move, Placement, Plan, Policy, Reboot, Step
from xenpatch.xapi.inventory import Host, Inventory, Vm
from xenpatch.xapi.types import HostUuid, VmUuid


class Run:
    """What is to be done, and what holds the whole time."""

    def __init__(
        self,
        pool: Inventory,
        hosts: Collection[HostUuid],
        homes: Mapping[VmUuid, HostUuid],
        policy: Policy,
        ignore: Collection[VmUuid] = (),
    ) -> None:
        self.pool = pool
        self.hosts = frozenset(hosts)
        self.policy = policy
        self.vms = {vm.uuid: vm for vm in pool.vms}
        self.start = {vm.uuid: vm.resident_on for vm in pool.vms if vm.resident_on is not None}
        self.movable = {vm for vm in self.start if self.vms[vm].power_state == "Running"} - set(ignore)
        self.serving = {host.uuid for host in pool.hosts if host.live and host.enabled}
        self.required = {vm: home for vm in self.movable if (home := self._home(vm, homes))}

    def _home(self, vm: VmUuid, homes: Mapping[VmUuid, HostUuid]) -> HostUuid | None:
        here = self.start[vm]
        home = homes.get(vm, here)
        if home not in {host.uuid for host in self.pool.hosts}:
            home = here
        match self.policy.placement:
            case Placement.FREE:
                return None
            case Placement.AFFINITY if self.vms[vm].affinity is None:
                return None
        return home if home == here or home in self.serving | self.hosts else None

    def size(self, vm: VmUuid, plan: Plan) -> int:
        squeezed = self.vms[vm].name in plan.squeezed and vm in self.movable
        return self.vms[vm].memory_min if squeezed else self.vms[vm].memory

    def can_run(self, vm: Vm, host: Host, *, rebooted: bool) -> bool:
        here = self.pool.host(self.start[vm.uuid])
        return (
            {disk.sr for disk in vm.disks} <= {pbd.sr for pbd in host.pbds if pbd.attached or rebooted}
            and all(network in host.networks for network in vm.networks)
            and (not vm.cpu.vendor or vm.cpu.vendor == host.cpu.vendor)
            and vm.cpu.features & host.cpu.features == vm.cpu.features
            and host.release >= here.release
        )

    def strangers(self) -> set[frozenset[VmUuid]]:
        """Pairs of VMs that share no host, and may not: a group that is broken at the start does not bind."""
        members: dict[str, list[VmUuid]] = {}
        for vm in self.start:
            for group in self.vms[vm].apart:
                members.setdefault(group, []).append(vm)
        kept = [group for group in members.values() if len({self.start[vm] for vm in group}) == len(group)]
        return {frozenset(pair) for group in kept for pair in combinations(group, 2)}


class World:
    """The pool while steps begin and end; a rule that is broken is an AssertionError."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run, self.plan = run, plan
        self.size = {vm: run.size(vm, plan) for vm in run.start}
        self.strangers = {
            pair for pair in run.strangers() if not all(run.vms[vm].name in plan.together for vm in pair)
        }
        self.wave = {turn.host: turn.wave for turn in plan.turns if turn.reboots}
        self.at = dict(run.start)
        self.under_way: list[Step] = []
        self.rebooted: list[HostUuid] = []

    def disabled(self) -> set[HostUuid]:
        """Hosts that take nobody: as soon as their wave may begin, until their own reboot is over."""
        waiting = {host: wave for host, wave in self.wave.items() if host not in self.rebooted}
        current = min(waiting.values(), default=None)
        down = {host.uuid for host in self.run.pool.hosts} - self.run.serving - set(self.rebooted)
        return down | {host for host, wave in waiting.items() if wave == current}

    def old(self, host: HostUuid) -> bool:
        return host in self.run.hosts and host not in self.rebooted

    def present(self, host: HostUuid) -> set[VmUuid]:
        """The VMs that have memory on the host: those that live there and those on their way there."""
        arriving = {step.vm for step in self.under_way if isinstance(step, Move) and step.dst == host}
        return arriving | {vm for vm, at in self.at.items() if at == host}

    def free(self, host: HostUuid) -> int:
        held = sum(self.size[vm] for vm in self.present(host))
        return self.run.pool.host(host).memory_capacity - held

    def begin(self, step: Step) -> None:
        master = self.run.pool.master
        down = [other.host for other in self.under_way if isinstance(other, Reboot)]
        assert master not in down, f"step {step.no} while the master reboots"
        if isinstance(step, Move):
            self._begin_move(step)
        else:
            self._begin_reboot(step)
        self.under_way.append(step)

    def _begin_move(self, move: Move) -> None:
        vm, source, target = self.run.vms[move.vm], move.src, self.run.pool.host(move.dst)
        assert vm.uuid in self.run.movable, f"{vm.name} is not to move"
        assert all(vm.uuid != other.vm for other in self.under_way if isinstance(other, Move)), "moves twice"
        assert self.at[vm.uuid] == source, f"{vm.name} is not on {move.src_name}"
        assert source != target.uuid, f"{vm.name} stays"
        assert target.uuid not in self.disabled(), f"{target.name} is out of service"
        assert self.old(source) or not self.old(target.uuid), f"{vm.name} goes back to an old host"
        rebooted = target.uuid in self.rebooted
        assert self.run.can_run(vm, target, rebooted=rebooted), f"{target.name} cannot run {vm.name}"
        assert move.memory == self.size[vm.uuid], f"{vm.name} has another size"
        assert self.free(target.uuid) >= move.memory, f"{target.name} is too full for {vm.name}"
        for other in self.present(target.uuid):
            assert {vm.uuid, other} not in self.strangers, f"{vm.name} and {other} share {target.name}"

    def _begin_reboot(self, reboot: Reboot) -> None:
        host, master = reboot.host, self.run.pool.master
        assert host in self.run.hosts, f"{reboot.name} is not to reboot"
        assert host not in self.rebooted, f"{reboot.name} reboots again"
        assert host in self.disabled(), f"{reboot.name} reboots before its wave"
        staying = self.present(host) & self.run.movable
        assert not staying, f"{reboot.name} reboots under {staying}"
        assert self.run.pool.master in self.rebooted or not self.old(master) or host == master, "master first"
        assert host != master or not self.under_way, "the master reboots while something is under way"

    def end(self, step: Step) -> None:
        self.under_way.remove(step)
        if isinstance(step, Move):
            self.at[step.vm] = step.dst
            return
        self.rebooted.append(step.host)
        disabled = self.disabled()
        for move in self.under_way:
            assert not isinstance(move, Move) or move.dst not in disabled, f"{move.vm_name} comes too late"

    def over(self) -> None:
        assert not self.under_way
        assert sorted(self.rebooted) == sorted(self.run.hosts), "not every host has been rebooted"
        away = {vm: self.at[vm] for vm, home in self.run.required.items() if self.at[vm] != home}
        assert not away, f"not at home: {away}"
        assert self.at.keys() == self.run.start.keys()
