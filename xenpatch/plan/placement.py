"""Finding a host for each of some VMs: bin packing by a few cheap attempts, the best known first."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from xenpatch.xapi.inventory import Vm
from xenpatch.xapi.types import HostUuid, VmUuid

_SHUFFLES: Final = 40
ATTEMPTS: Final = 2 + _SHUFFLES
_SEED: Final = 602

Preference = Callable[[HostUuid, int], float]
"""How much a target with that many free bytes is liked: the lowest number is taken."""


@dataclass(frozen=True)
class Placement:
    """Targets of VMs, the largest VM first, and the VMs that are left over."""

    placed: tuple[tuple[Vm, HostUuid], ...]
    left: tuple[Vm, ...]


def place(
    vms: Sequence[Vm], room: Mapping[HostUuid, int], may_go: Mapping[VmUuid, Sequence[HostUuid]]
) -> Placement:
    """Give each VM a target among `may_go`, within the free bytes in `room`; deterministic.

    The first attempt that places all is the answer: worst fit, which spreads the VMs; best fit, which
    keeps large holes; then shuffles. If none does, it is the attempt that left the least memory over.
    """
    vms = largest_first(vms)
    best = Placement((), tuple(vms))
    for order, preference in _attempts(vms, list(room)):
        found = _fill(order, dict(room), may_go, preference)
        if not found.left:
            return found
        best = min(best, found, key=lambda attempt: _memory(attempt.left))
    return best


def largest_first(vms: Sequence[Vm]) -> list[Vm]:
    """The order in which VMs move; names settle ties."""
    return sorted(vms, key=lambda vm: (-vm.memory, vm.name, vm.uuid))


def _attempts(vms: Sequence[Vm], hosts: Sequence[HostUuid]) -> Iterator[tuple[Sequence[Vm], Preference]]:
    yield vms, lambda _host, free: -free
    yield vms, lambda _host, free: free
    dice = random.Random(_SEED)
    for _ in range(_SHUFFLES):
        yield sorted(vms, key=lambda vm: -vm.memory * dice.random()), _ranking(hosts, dice)


def _ranking(hosts: Sequence[HostUuid], dice: random.Random) -> Preference:
    """First fit over the hosts in a random order: some order of VMs and hosts leads to any placement."""
    rank = {host: dice.random() for host in hosts}
    return lambda host, _free: rank[host]


def _fill(
    order: Sequence[Vm],
    room: dict[HostUuid, int],
    may_go: Mapping[VmUuid, Sequence[HostUuid]],
    preference: Preference,
) -> Placement:
    targets: dict[VmUuid, HostUuid] = {}
    for vm in order:
        fitting = [host for host in may_go[vm.uuid] if room[host] >= vm.memory]
        if fitting:
            target = min(fitting, key=lambda host: preference(host, room[host]))
            targets[vm.uuid] = target
            room[target] -= vm.memory
    by_size = largest_first(order)
    return Placement(
        placed=tuple((vm, targets[vm.uuid]) for vm in by_size if vm.uuid in targets),
        left=tuple(vm for vm in by_size if vm.uuid not in targets),
    )


def _memory(vms: Sequence[Vm]) -> int:
    return sum(vm.memory for vm in vms)
