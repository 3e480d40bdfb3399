"""Why VMs cannot be placed, found out and put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from xenpatch.plan.model import NoRoom, Room, Shortage
from xenpatch.plan.placement import ATTEMPTS
from xenpatch.units import size
from xenpatch.xapi.inventory import Host, Vm
from xenpatch.xapi.types import HostUuid, VmUuid

_NAMED: Final = 5

MayGo = Mapping[VmUuid, Sequence[HostUuid]]


def of_drain(
    host: Host, leaving: Sequence[Vm], left: Sequence[Vm], may_go: MayGo, rooms: Sequence[Room]
) -> NoRoom:
    """Why not all VMs that are to leave the host have a place; `left` are those that found none."""
    free = {room.host: room.free for room in rooms}
    nowhere = [vm for vm in left if not may_go[vm.uuid]]
    too_large = [
        vm for vm in left if vm.memory > max((free[target] for target in may_go[vm.uuid]), default=0)
    ]
    if not rooms:
        return _alone(host, leaving)
    if nowhere:
        return _no_host(host, nowhere, rooms)
    if too_large:
        return _too_large(host, too_large, may_go, rooms)
    if _memory(leaving) > sum(free.values()):
        return _total(host, leaving, rooms)
    everywhere = all(len(may_go[vm.uuid]) == len(rooms) for vm in leaving)
    return _fragmented(host, leaving, left, rooms, "" if everywhere else " (and not for every VM)")


def of_return(host: Host, returning: Sequence[Vm], blind: Sequence[Vm], free: int) -> NoRoom:
    """Why a host cannot take back its VMs: it is `blind` to what some need, or has too little free."""
    rooms = (Room(host.uuid, host.name, free),)
    if blind:
        return _answer(
            host,
            Shortage.HOME,
            blind,
            rooms,
            f"{host.name} does not see the storage or networks of {_names(blind)}, whose home it is",
            f"attach the storage there, or stop or suspend {_them(blind)}",
        )
    needed = _memory(returning)
    return _answer(
        host,
        Shortage.HOME,
        returning,
        rooms,
        f"{host.name} cannot take back {_names(returning)}, whose home it is: {size(needed)} needed, "
        f"{size(free)} free there",
        f"stop or suspend VMs of at least {size(needed - free)}",
    )


def no_room_now(vm: Vm, target: Host, free: int) -> str:
    """What `check_move` says of a target that has filled up."""
    return f"{target.name} has {size(free)} free now, {vm.name} needs {size(vm.memory)}"


def _alone(host: Host, leaving: Sequence[Vm]) -> NoRoom:
    return _answer(
        host,
        Shortage.NO_HOST,
        leaving,
        (),
        f"with {host.name} down, no other host is in service to take {_names(leaving)}",
        f"bring another host into service, or stop or suspend {_them(leaving)}",
    )


def _no_host(host: Host, vms: Sequence[Vm], rooms: Sequence[Room]) -> NoRoom:
    return _answer(
        host,
        Shortage.NO_HOST,
        vms,
        rooms,
        f"with {host.name} down, no other host in service sees the storage and networks of {_names(vms)}",
        f"stop or suspend {_them(vms)}, or use storage and networks that other hosts have too",
    )


def _too_large(host: Host, vms: Sequence[Vm], may_go: MayGo, rooms: Sequence[Room]) -> NoRoom:
    first, *others = vms
    usable = [room for room in rooms if room.host in may_go[first.uuid]]
    widest = max(usable, key=lambda room: room.free)
    also = f" (nor does {_names(others)})" if others else ""
    return _answer(
        host,
        Shortage.TOO_LARGE,
        vms,
        rooms,
        f"with {host.name} down, {_named(first)} fits on no other host{also}: {_frees(usable)}",
        f"stop or suspend {first.name}, or free {size(first.memory - widest.free)} more on {widest.name}",
    )


def _total(host: Host, leaving: Sequence[Vm], rooms: Sequence[Room]) -> NoRoom:
    needed, free = _memory(leaving), sum(room.free for room in rooms)
    return _answer(
        host,
        Shortage.TOTAL,
        leaving,
        rooms,
        f"with {host.name} down, its {len(leaving)} VMs need {size(needed)}, and the other hosts have "
        f"{size(free)} free in all: {_frees(rooms)}",
        f"stop or suspend VMs of at least {size(needed - free)}",
    )


def _fragmented(
    host: Host, leaving: Sequence[Vm], left: Sequence[Vm], rooms: Sequence[Room], restricted: str
) -> NoRoom:
    return _answer(
        host,
        Shortage.FRAGMENTED,
        left,
        rooms,
        f"with {host.name} down, its {len(leaving)} VMs need {size(_memory(leaving))}, which is free in "
        f"pieces only{restricted}: {_frees(rooms)}; of {ATTEMPTS} ways to place them the best left over "
        f"{_names(left)}",
        f"stop or suspend {_names(left)}, or move other VMs so that more is free in one piece",
    )


def _answer(
    host: Host, shortage: Shortage, vms: Sequence[Vm], rooms: Sequence[Room], reason: str, remedy: str
) -> NoRoom:
    return NoRoom(
        host=host.uuid,
        host_name=host.name,
        shortage=shortage,
        vms=tuple((vm.uuid, vm.name) for vm in vms),
        needed=_memory(vms),
        rooms=tuple(rooms),
        reason=reason,
        remedy=remedy,
    )


def _memory(vms: Sequence[Vm]) -> int:
    return sum(vm.memory for vm in vms)


def _named(vm: Vm) -> str:
    return f"{vm.name} ({size(vm.memory)})"


def _names(vms: Sequence[Vm]) -> str:
    return _listed([_named(vm) for vm in vms], "more")


def _frees(rooms: Sequence[Room]) -> str:
    """The rooms in words, the largest first."""
    by_size = sorted(rooms, key=lambda room: -room.free)
    first, *others = by_size
    return _listed(
        [f"{first.name} has {size(first.free)} free", *(f"{room.name} {size(room.free)}" for room in others)],
        "hosts with no more",
    )


def _them(vms: Sequence[Vm]) -> str:
    return "it" if len(vms) == 1 else "these VMs"


def _listed(parts: Sequence[str], rest: str) -> str:
    shown = ", ".join(parts[:_NAMED])
    return shown if len(parts) <= _NAMED else f"{shown} and {len(parts) - _NAMED} {rest}"
