"""The pool in numbers, for the planner: hosts and VMs are positions in tuples, sizes are bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from xenpatch.plan.model import Placement, Policy
from xenpatch.xapi.inventory import Host, Inventory, PowerState, Vm
from xenpatch.xapi.types import HostUuid, PoolUuid, VmUuid

ANYWHERE = -1
"""The home of a VM that may stay wherever it is."""

NOWHERE = HostUuid("")


@dataclass(frozen=True)
class Problem:
    """What is to be planned. VMs that cannot move are none of `vms`, but their memory counts.

    ``size``, ``at`` and ``home`` are by VM, ``room`` (what VMs that move can have of its memory in all) and
    ``serving`` by host. ``order`` are the hosts to reboot, in the order of their turns. ``may`` are the hosts
    that can run a VM, None for all. ``apart`` are groups of VMs of which no two share a host at the start,
    ``shunned`` the hosts where one that cannot move is of the same group, by VM, and ``fixed`` those that
    cannot move, with their hosts. ``squeezed`` says that VMs count with their dynamic minimum.
    """

    pool: PoolUuid
    hosts: tuple[Host, ...]
    vms: tuple[Vm, ...]
    master: int
    policy: Policy
    size: tuple[int, ...]
    at: tuple[int, ...]
    home: tuple[int, ...]
    room: tuple[int, ...]
    serving: tuple[bool, ...]
    order: tuple[int, ...]
    may: tuple[frozenset[int] | None, ...]
    apart: tuple[frozenset[int], ...] = ()
    shunned: Mapping[int, frozenset[int]] = field(default_factory=dict)
    fixed: tuple[tuple[Vm, int], ...] = ()
    ha: bool = False
    squeezed: bool = False

    @cached_property
    def residents(self) -> tuple[tuple[int, ...], ...]:
        """The VMs that can move, by the host where they are at the start."""
        found: list[list[int]] = [[] for _ in self.hosts]
        for vm, host in enumerate(self.at):
            found[host].append(vm)
        return tuple(map(tuple, found))

    @cached_property
    def loads(self) -> tuple[int, ...]:
        """Memory of the VMs that can move, by the host where they are at the start."""
        return tuple(sum(self.size[vm] for vm in vms) for vms in self.residents)

    @cached_property
    def free(self) -> tuple[int, ...]:
        """What these leave free, by host; below 0 where they have been ballooned down."""
        return tuple(room - load for room, load in zip(self.room, self.loads, strict=True))

    @cached_property
    def updated(self) -> frozenset[int]:
        """The hosts that need no reboot."""
        return frozenset(range(len(self.hosts))) - frozenset(self.order)

    def allows(self, vm: int, host: int) -> bool:
        """Whether the host can run the VM, memory and being in service aside."""
        may = self.may[vm]
        return may is None or host in may

    def without(self, stopped: Collection[int]) -> Problem:
        """The same with some VMs stopped, which frees their memory."""
        kept = [vm for vm in range(len(self.vms)) if vm not in stopped]

        def pick(values: Sequence[int]) -> tuple[int, ...]:
            return tuple(values[vm] for vm in kept)

        vms, at = tuple(self.vms[vm] for vm in kept), pick(self.at)
        rest = replace(
            self,
            vms=vms,
            size=pick(self.size),
            at=at,
            home=pick(self.home),
            may=tuple(self.may[vm] for vm in kept),
            apart=(),
            shunned={},
        )
        rest = replace(rest, order=_order(rest, self.order))
        return rest.kept_apart() if self.apart or self.shunned else rest

    def kept_apart(self) -> Problem:
        """With the groups that are kept now; one that is broken already binds nobody."""
        members: dict[str, list[tuple[int, int]]] = {}
        for vm, at in enumerate(self.at):
            for name in self.vms[vm].apart:
                members.setdefault(name, []).append((vm, at))
        fixed = {name: [at for vm, at in self.fixed if name in vm.apart] for name in members}
        kept = [
            name
            for name, group in sorted(members.items())
            if len({*(at for _, at in group), *fixed[name]}) == len(group) + len(fixed[name])
        ]
        shunned: dict[int, frozenset[int]] = {}
        for name in kept:
            for vm, _ in members[name]:
                shunned[vm] = shunned.get(vm, frozenset()) | frozenset(fixed[name])
        groups = tuple(frozenset(vm for vm, _ in members[name]) for name in kept)
        return replace(self, apart=groups, shunned={vm: hosts for vm, hosts in shunned.items() if hosts})


def pose(
    pool: Inventory,
    hosts: Sequence[HostUuid],
    homes: Mapping[VmUuid, HostUuid],
    policy: Policy,
    *,
    ignore: Collection[VmUuid] = (),
    squeezed: bool = False,
) -> Problem:
    """The problem of rebooting `hosts`; see `planner.plan_run`."""
    number = {host.uuid: position for position, host in enumerate(pool.hosts)}
    movable = sorted(
        (vm for vm in pool.vms if _moves(vm, ignore)),
        key=lambda vm: (-_size(vm, squeezed=squeezed), vm.name, vm.uuid),
    )
    at = tuple(number[vm.resident_on] for vm in movable if vm.resident_on is not None)
    serving = tuple(host.in_service for host in pool.hosts)
    reboots = frozenset(number[host] for host in hosts)
    held = [0] * len(pool.hosts)
    for vm in pool.vms:
        if vm.resident_on is not None and not _moves(vm, ignore):
            held[number[vm.resident_on]] += vm.memory
    problem = Problem(
        pool=pool.uuid,
        hosts=pool.hosts,
        vms=tuple(movable),
        master=number[pool.master],
        policy=policy,
        size=tuple(_size(vm, squeezed=squeezed) for vm in movable),
        at=at,
        home=tuple(
            _home(vm, number.get(homes.get(vm.uuid, NOWHERE), here), here, policy, serving, reboots)
            for vm, here in zip(movable, at, strict=True)
        ),
        room=tuple(host.memory_capacity - held[number[host.uuid]] for host in pool.hosts),
        serving=serving,
        order=(),
        may=_may(pool, movable, at, reboots),
        fixed=tuple(
            (vm, number[vm.resident_on])
            for vm in pool.vms
            if vm.resident_on is not None and vm.apart and not _moves(vm, ignore)
        ),
        ha=pool.ha_enabled,
        squeezed=squeezed,
    )
    return replace(problem, order=_order(problem, reboots)).kept_apart()


def must_return(vm: Vm, placement: Placement) -> bool:
    """Whether a VM has to be at home when the run is over."""
    return placement is Placement.HOME or (placement is Placement.AFFINITY and vm.affinity is not None)


def _moves(vm: Vm, ignore: Collection[VmUuid]) -> bool:
    return vm.resident_on is not None and vm.power_state is PowerState.RUNNING and vm.uuid not in ignore


def _size(vm: Vm, *, squeezed: bool) -> int:
    return min(vm.memory_min or vm.memory, vm.memory) if squeezed else vm.memory


def _home(
    vm: Vm, home: int, here: int, policy: Policy, serving: Sequence[bool], reboots: Collection[int]
) -> int:
    """A home that is out of service, and no part of the run, takes nobody back."""
    wanted = must_return(vm, policy.placement)
    reachable = serving[home] or home in reboots or home == here
    return home if wanted and reachable else ANYWHERE


def _order(problem: Problem, reboots: Collection[int]) -> tuple[int, ...]:
    """The master first, then a host that is out of service already, then the least loaded.

    With the least loaded first, the fewest VMs find no room on updated hosts.
    """
    loads = problem.loads
    by_load = sorted(
        reboots,
        key=lambda host: (host != problem.master, problem.serving[host], loads[host], host),
    )
    return tuple(by_load)


def _may(
    pool: Inventory, vms: Sequence[Vm], at: Sequence[int], reboots: Collection[int]
) -> tuple[frozenset[int] | None, ...]:
    """By VM, the hosts that can run it; VMs that need the same are looked at once.

    A host that reboots has its storage attached afterwards.
    """
    hosts = [host.after_boot() if n in reboots else host for n, host in enumerate(pool.hosts)]
    releases = [host.release for host in hosts]
    known: dict[object, frozenset[int] | None] = {}
    answers = []
    for vm, here in zip(vms, at, strict=True):
        need = (tuple([disk.sr for disk in vm.disks]), vm.networks, vm.cpu, releases[here])
        if need not in known:
            able = [pool.can_run(vm, host) and releases[n] >= releases[here] for n, host in enumerate(hosts)]
            known[need] = None if all(able) else frozenset(n for n, is_able in enumerate(able) if is_able)
        answers.append(known[need])
    return tuple(answers)
