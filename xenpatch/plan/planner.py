"""The plan of a rolling run: each host in turn is emptied, rebooted, and gets its VMs back.

The rules, all of them hard:
- memory: a host never holds more than it has, a VM under way counting on both sides;
- targets: hosts in service, that is live and enabled, which see the VM's storage and networks; a host of
  the run is in service again after its turn, whatever the picture says, because the run sees to that;
- home: after a host's turn the VMs that belong there are back, before the next host is touched.

Because of the last one every host starts from the same placement, so that no host's turn can spoil another's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from xenpatch.plan import shortage
from xenpatch.plan.model import HostPlan, Move, NoRoom, Plan, Room
from xenpatch.plan.placement import largest_first, place
from xenpatch.xapi.inventory import Host, Inventory, PowerState, Vm
from xenpatch.xapi.types import HostUuid, VmUuid


def plan_run(
    pool: Inventory,
    hosts: Sequence[HostUuid],
    homes: Mapping[VmUuid, HostUuid],
    *,
    ignore: Collection[VmUuid] = (),
) -> Plan | NoRoom:
    """Plan the turns of `hosts`, in the order given, from the pool as it is now; pure and deterministic.

    ``homes`` says where VMs belong; a VM that it does not name belongs where it is. The picture may be one
    of the middle of a run. Hosts whose turn is over are left out of `hosts`: they are not emptied again, and
    if VMs of theirs are still elsewhere they get them back as soon as they have room for all of them, by a
    turn that does not reboot. A VM whose home is out of service and not of the run stays where it is.
    VMs in `ignore`, and paused ones, do not move but keep their memory.
    """
    if len(set(hosts)) != len(hosts):
        raise ValueError("a host is given twice")
    run = _Run(pool, hosts, homes, ignore)
    turns = list(run.late_returns())
    for uuid in hosts:
        turn = run.turn(pool.host(uuid))
        if isinstance(turn, NoRoom):
            return turn
        turns += [turn, *run.late_returns()]
    return run.stranded() or Plan(tuple(turns))


def ordered(pool: Inventory) -> list[HostUuid]:
    """The hosts of a pool in the order of a run: the master first, the others by name."""
    by_name = sorted(pool.hosts, key=lambda host: (host.uuid != pool.master, host.name, host.uuid))
    return [host.uuid for host in by_name]


def check_move(pool: Inventory, move: Move, *, under_way: Collection[Move] = ()) -> str | None:
    """Why a planned move is not sound any more in a freshly read picture, or None if it is.

    ``under_way`` are the moves that have been started: those not yet arrived keep their memory on the
    target of this one.
    """
    vm, target = pool.vm(move.vm), _find(pool, move.dst)
    if vm is None:
        return f"{move.vm_name} is gone"
    if vm.power_state != PowerState.RUNNING:
        return f"{vm.name} is {vm.power_state.lower()}, not running"
    if vm.resident_on != move.src:
        where = _find(pool, vm.resident_on)
        return f"{vm.name} is on {where.name if where else 'no host'}, not on {move.src_name}"
    if target is None or not _in_service(target):
        return f"{move.dst_name} is not in service"
    if not pool.can_run(vm, target):
        return f"{target.name} does not see the storage or networks of {vm.name}"
    arriving = (pool.vm(other.vm) for other in under_way if other.dst == target.uuid and other != move)
    awaited = sum(other.memory for other in arriving if other and other.resident_on != target.uuid)
    free = _free(pool, target) - awaited
    return None if free >= vm.memory else shortage.no_room_now(vm, target, free)


class _Run:
    """The pool as the plan goes on: who is where, what is free, and which hosts are in service."""

    def __init__(
        self,
        pool: Inventory,
        hosts: Sequence[HostUuid],
        homes: Mapping[VmUuid, HostUuid],
        ignore: Collection[VmUuid],
    ) -> None:
        self.pool = pool
        running = [vm for vm in pool.vms if vm.power_state == PowerState.RUNNING and vm.uuid not in ignore]
        self.place = {vm.uuid: vm.resident_on for vm in running if vm.resident_on is not None}
        self.home = {vm: homes.get(vm, host) for vm, host in self.place.items()}
        self.vms = [vm for vm in running if vm.uuid in self.place]
        self.free = {host.uuid: _free(pool, host) for host in pool.hosts}
        self.serving = {host.uuid: host for host in pool.hosts if _in_service(host)}
        self.over = [host for host in pool.hosts if _in_service(host) and host.uuid not in hosts]

    def turn(self, host: Host) -> HostPlan | NoRoom:
        """Empty the host, let it reboot, bring its VMs home."""
        self.serving.pop(host.uuid, None)
        out = self._drain(host)
        if isinstance(out, NoRoom):
            return out
        self.serving[host.uuid] = _restored(host)
        if obstacle := self._cannot_return(host):
            return obstacle
        return HostPlan(host.uuid, host.name, out, self._bring_home(host))

    def late_returns(self) -> Iterator[HostPlan]:
        """Turns of hosts whose own is over and which have room for all of their VMs that are away."""
        for host in self.over:
            if self._away_from(host) and not self._cannot_return(host):
                yield HostPlan(host.uuid, host.name, (), self._bring_home(host), reboots=False)

    def stranded(self) -> NoRoom | None:
        """The first host that never got room for its VMs."""
        return next((obstacle for host in self.over if (obstacle := self._cannot_return(host))), None)

    def _drain(self, host: Host) -> tuple[Move, ...] | NoRoom:
        leaving = largest_first([vm for vm in self.vms if self.place[vm.uuid] == host.uuid])
        targets = self._targets()
        may_go = {vm.uuid: [t.uuid for t in targets if self.pool.can_run(vm, t)] for vm in leaving}
        rooms = [Room(t.uuid, t.name, max(self.free[t.uuid], 0)) for t in targets]
        found = place(leaving, {room.host: room.free for room in rooms}, may_go)
        if found.left:
            return shortage.of_drain(host, leaving, found.left, may_go, rooms)
        return tuple(self._move(vm, self.serving[target]) for vm, target in found.placed)

    def _away_from(self, host: Host) -> list[Vm]:
        away = [vm for vm in self.vms if self.home[vm.uuid] == host.uuid != self.place[vm.uuid]]
        return largest_first(away)

    def _cannot_return(self, host: Host) -> NoRoom | None:
        away, free = self._away_from(host), self.free[host.uuid]
        blind = [vm for vm in away if not self.pool.can_run(vm, self.serving[host.uuid])]
        if not away or (not blind and sum(vm.memory for vm in away) <= free):
            return None
        return shortage.of_return(host, away, blind, max(free, 0))

    def _bring_home(self, host: Host) -> tuple[Move, ...]:
        return tuple(self._move(vm, host) for vm in self._away_from(host))

    def _move(self, vm: Vm, target: Host) -> Move:
        source = self.pool.host(self.place[vm.uuid])
        self.place[vm.uuid] = target.uuid
        self.free[source.uuid] += vm.memory
        self.free[target.uuid] -= vm.memory
        return Move(
            vm=vm.uuid,
            vm_name=vm.name,
            src=source.uuid,
            src_name=source.name,
            dst=target.uuid,
            dst_name=target.name,
            memory=vm.memory,
            free_after=self.free[target.uuid],
        )

    def _targets(self) -> list[Host]:
        return [self.serving[host.uuid] for host in self.pool.hosts if host.uuid in self.serving]


def _in_service(host: Host) -> bool:
    return host.live and host.enabled


def _restored(host: Host) -> Host:
    """The host after its turn; booting attaches its storage again (xapi plugs all PBDs of a host)."""
    if _in_service(host):
        return host
    attached = tuple(replace(pbd, attached=True) for pbd in host.pbds)
    return replace(host, live=True, enabled=True, pbds=attached)


def _free(pool: Inventory, host: Host) -> int:
    return host.memory_capacity - sum(vm.memory for vm in pool.residents(host.uuid))


def _find(pool: Inventory, host: HostUuid | None) -> Host | None:
    return next((found for found in pool.hosts if found.uuid == host), None)
