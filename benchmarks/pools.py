"""Pools made by the dice: the same shape and seed give the same pool. Sizes are bytes."""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from xenpatch.units import GIB, MIB
from xenpatch.xapi.inventory import Host, Inventory, Pbd, PowerState, Sr, Vm
from xenpatch.xapi.types import HostRef, HostUuid, NetworkUuid, PoolRef, PoolUuid, SrUuid, VmRef, VmUuid

EQUAL: Final = 256 * GIB
MIXED: Final = tuple(size * GIB for size in (128, 192, 256, 384, 512))
GRAIN: Final = 64 * MIB  # VM sizes are multiples of it
SPREAD: Final = 0.8  # sigma of the logarithm of VM sizes: a few large ones, many small ones
LARGEST: Final = 8.0  # medians: no VM is larger

_TRIES: Final = 60  # draws for each pool that is wanted, before there seems to be none of its shape


@dataclass(frozen=True)
class Shape:
    """What a pool is to be like. ``load`` is the share of all memory that VMs take, 0 to 1."""

    hosts: int
    vms: int
    load: float
    mixed: bool = False

    def __str__(self) -> str:
        """As it is named where a pool must be found again."""
        return f"{self.hosts} hosts, {self.vms} VMs, load {self.load:.4g}{', mixed' * self.mixed}"


@dataclass(frozen=True)
class Made:
    """A pool and how to make it again: ``draw(shape, seed)``."""

    shape: Shape
    seed: int
    pool: Inventory


def pools(shape: Shape, number: int, *, seed: int = 0) -> Iterator[Made]:
    """Up to `number` pools of a shape that can do without their largest host."""
    draws = ((n, draw(shape, n)) for n in range(seed, seed + _TRIES * number))
    feasible = (Made(shape, n, pool) for n, pool in draws if pool and packs_without_largest(pool))
    return islice(feasible, number)


def draw(shape: Shape, seed: int) -> Inventory | None:
    """One pool, or None if the VMs of these dice do not fit where they come."""
    dice = random.Random(f"{shape} {seed}")
    hosts = [dice.choice(MIXED) if shape.mixed else EQUAL for _ in range(shape.hosts)]
    sizes = _sizes(dice, shape.vms, int(shape.load * sum(hosts)))
    places = _two_choices(dice, hosts, sizes)
    return inventory(hosts, list(zip(places, sizes, strict=True))) if places else None


def inventory(hosts: Sequence[int], vms: Sequence[tuple[int, int]]) -> Inventory:
    """A pool of hosts with that much memory, the master first, and VMs as (number of the host, memory)."""
    names = [f"xs{n + 1:02}" for n in range(len(hosts))]
    return Inventory(
        uuid=PoolUuid("pool"),
        ref=PoolRef("OpaqueRef:pool"),
        name="pool",
        master=HostUuid(names[0]),
        ha_enabled=False,
        wlb_enabled=False,
        other_config={},
        hosts=tuple(_host(name, size) for name, size in zip(names, hosts, strict=True)),
        vms=tuple(_vm(f"vm{n:04}", names[at], size) for n, (at, size) in enumerate(vms)),
        srs={_SHARED: Sr(_SHARED, "shared", "nfs", shared=True)},
        network_names={_LAN: "lan"},
        patches={},
    )


def homes(pool: Inventory) -> Mapping[VmUuid, HostUuid]:
    """Every VM belongs where it is."""
    return {vm.uuid: vm.resident_on for vm in pool.vms if vm.resident_on is not None}


def load(pool: Inventory) -> float:
    """The share of all memory that VMs take."""
    return sum(vm.memory for vm in pool.vms) / sum(host.memory_capacity for host in pool.hosts)


def packs_without_largest(pool: Inventory) -> bool:
    """Whether all VMs fit on all hosts but the largest: best fit, the largest VM first, finds it."""
    return _packs([vm.memory for vm in pool.vms], sorted(host.memory_capacity for host in pool.hosts)[:-1])


def needs_no_room_made(pool: Inventory) -> bool:
    """Whether each host's VMs fit into what the others have free: best fit, the largest first, finds it.

    Then every VM can be away and back with two moves, one host after another.
    """
    used = {host.uuid: [vm.memory for vm in pool.residents(host.uuid)] for host in pool.hosts}
    free = {host.uuid: host.memory_capacity - sum(used[host.uuid]) for host in pool.hosts}
    return all(
        _packs(sizes, [room for other, room in free.items() if other != host]) for host, sizes in used.items()
    )


def _packs(sizes: Iterable[int], rooms: Iterable[int]) -> bool:
    left = sorted(rooms)
    for size in sorted(sizes, reverse=True):
        tightest = bisect.bisect_left(left, size)
        if tightest == len(left):
            return False
        bisect.insort(left, left.pop(tightest) - size)
    return True


def _sizes(dice: random.Random, number: int, total: int) -> list[int]:
    """Log-normal sizes that add up to `total`, but for less than a grain each."""
    weights = [min(dice.lognormvariate(0, SPREAD), LARGEST) for _ in range(number)]
    scale = total / sum(weights)
    sizes, carried = [], 0.0
    for weight in weights:
        carried += weight * scale
        size = max(int(carried // GRAIN) * GRAIN, GRAIN)
        carried -= size
        sizes.append(size)
    return sizes


def _two_choices(dice: random.Random, hosts: Sequence[int], sizes: Sequence[int]) -> list[int] | None:
    """Hosts for VMs as they come: the emptier of two, or where most is free; None if one fits nowhere."""
    free = list(hosts)
    places = []
    for size in sizes:
        two = dice.sample(range(len(hosts)), 2)
        at = max(two, key=lambda n: free[n] / hosts[n])
        if free[at] < size:
            at = max(range(len(hosts)), key=free.__getitem__)
        if free[at] < size:
            return None
        free[at] -= size
        places.append(at)
    return places


_SHARED: Final = SrUuid("shared")
_LAN: Final = NetworkUuid("lan")


def _host(name: str, size: int) -> Host:
    return Host(
        uuid=HostUuid(name),
        ref=HostRef(f"OpaqueRef:{name}"),
        name=name,
        address="192.0.2.1",
        enabled=True,
        live=True,
        memory_capacity=size,
        product_version="6.0.2",
        boot_time=0.0,
        pbds=(Pbd(_SHARED, attached=True),),
        networks=frozenset({_LAN}),
    )


def _vm(name: str, host: str, size: int) -> Vm:
    return Vm(
        uuid=VmUuid(name),
        ref=VmRef(f"OpaqueRef:{name}"),
        name=name,
        power_state=PowerState.RUNNING,
        resident_on=HostUuid(host),
        memory=size,
        networks=frozenset({_LAN}),
    )
