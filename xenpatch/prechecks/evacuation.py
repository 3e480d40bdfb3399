"""VMs: each one that runs can leave its host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenpatch.options import How
from xenpatch.plan.model import NoRoom
from xenpatch.prechecks import consent
from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Obstacle, Picture
from xenpatch.prechecks.planning import ROOM_CODES, foreign_cds, stuck_disks
from xenpatch.prechecks.remedies import cd
from xenpatch.xapi.inventory import Inventory, PowerState, Vm

_STOP = "stop it for the time of the run, or let the run do it (--stop)"

_OTHERWISE = "allow it in another way, or stop it yourself"
_DONE = {
    How.SUSPEND: "is suspended",
    How.SHUTDOWN: "is shut down cleanly",
    How.HARD: "is switched off hard, as asked for",
}
_BACK = "is as before on"

_EXPLAINED_ELSEWHERE = frozenset({"HOST_NOT_LIVE", "HOST_DISABLED"}) | ROOM_CODES


def can_leave(picture: Picture) -> Iterator[Finding]:
    """Nothing but room keeps a VM on its host (room is judged by the plan of the whole run)."""
    if len(picture.pool.hosts) == 1:
        return
    for vm in picture.pool.vms:
        obstacle = picture.obstacles.get(vm.uuid)
        if obstacle is None or obstacle.code in _EXPLAINED_ELSEWHERE or vm.uuid in picture.stops:
            continue
        if obstacle.code == "VM_REQUIRES_SR" and _only_cds(picture.pool, vm):
            continue
        reason, advice = _explain(picture.pool, vm, obstacle)
        yield Finding(
            Severity.BLOCKS, "evacuation", vm.name, f"cannot leave {_home(picture, vm)}: {reason}", advice
        )


def not_paused(picture: Picture) -> Iterator[Finding]:
    """A paused VM cannot move, and a reboot of its host would kill it."""
    for vm in picture.pool.vms:
        paused = vm.power_state is PowerState.PAUSED and vm.resident_on in picture.todo
        if paused and vm.uuid not in picture.stops:
            yield Finding(
                Severity.BLOCKS,
                "evacuation",
                vm.name,
                f"is paused on {_home(picture, vm)}: a paused VM cannot be moved",
                "unpause it, or let the run suspend it (--stop paused=suspend)",
            )


def stopped_with_consent(picture: Picture) -> Iterator[Finding]:
    """VMs that the operator allows to be stopped while their host reboots, and whether that can be done."""
    yield from consent.misnamed(picture.pool, picture.options.stop)
    for vm in picture.pool.vms:
        if vm.uuid not in picture.stops or vm.resident_on not in picture.todo:
            continue
        how = picture.stops[vm.uuid]
        if (reason := consent.unable(vm, how)) is not None:
            yield Finding(
                Severity.BLOCKS, "consent", vm.name, f"was to be stopped by {how}, but {reason}", _OTHERWISE
            )
        else:
            home = _home(picture, vm)
            what = f"{_DONE[how]} while {home} reboots, then {_BACK} {home}"
            yield Finding(Severity.INFORMS, "consent", vm.name, what)


def drives(picture: Picture) -> Iterator[Finding]:
    """No running VM has a CD in its drive that another host does not have."""
    for vm in picture.pool.vms:
        if vm.resident_on not in picture.todo or vm.uuid in picture.stops:
            continue
        foreign = foreign_cds(picture.pool, vm)
        for disk in vm.disks:
            sr = picture.pool.srs[disk.sr]
            if disk.is_cd and (disk in foreign or sr.tools):
                yield Finding(
                    Severity.BLOCKS if disk in foreign else Severity.WARNS,
                    "CD",
                    vm.name,
                    f"has the CD {disk.name!r} of SR {sr.name!r} in its drive"
                    + (", which another host does not have" if disk in foreign else ""),
                    "eject it",
                    cd.remedy(vm, disk),
                )


def room(picture: Picture) -> Iterator[Finding]:
    """The whole run has a plan by which every VM always has a place."""
    if isinstance(picture.plan, NoRoom):
        yield Finding(
            Severity.BLOCKS,
            "room",
            picture.plan.host_name,
            picture.plan.reason,
            picture.plan.remedy,
        )


def _home(picture: Picture, vm: Vm) -> str:
    return picture.pool.host(vm.resident_on).name if vm.resident_on else "its host"


def _explain(pool: Inventory, vm: Vm, obstacle: Obstacle) -> tuple[str, str]:
    """The server's reason in words, and the storage beside it: the server names one reason alone."""
    explain = _REASONS.get(obstacle.code)
    if explain is None:
        return f"the server says {obstacle.code} ({', '.join(obstacle.params)})", _STOP
    reason, advice = explain(pool, vm)
    if explain is not _storage and any(stuck_disks(pool, vm)):
        reason, advice = f"{reason}; {_storage(pool, vm)[0]}", _STOP
    return reason, advice


def _only_cds(pool: Inventory, vm: Vm) -> bool:
    stuck = list(stuck_disks(pool, vm))
    return bool(stuck) and all(disk.is_cd for disk in stuck)


def _storage(pool: Inventory, vm: Vm) -> tuple[str, str]:
    stuck = list(stuck_disks(pool, vm))
    if not stuck:
        return "another host does not see its storage", "repair the storage of the other hosts"
    kinds = {True: "CD", False: "disk"}
    what = ", ".join(f"{kinds[disk.is_cd]} {disk.name!r} on SR {pool.srs[disk.sr].name!r}" for disk in stuck)
    shared = any(pool.srs[disk.sr].shared for disk in stuck)
    advice = "eject the CD" if all(disk.is_cd for disk in stuck) else _STOP
    return f"{what}, which {'another host does not see' if shared else 'is local to its host'}", advice


def _network(pool: Inventory, vm: Vm) -> tuple[str, str]:
    elsewhere = [host for host in pool.hosts if host.uuid != vm.resident_on]
    missing = [n for n in vm.networks if not all(n in host.networks for host in elsewhere)]
    names = ", ".join(sorted(repr(pool.network_names.get(n, n)) for n in missing)) or "one of its networks"
    return f"another host does not have the network {names}", _STOP


def _said(reason: str, advice: str = _STOP) -> Callable[[Inventory, Vm], tuple[str, str]]:
    return lambda _pool, _vm: (reason, advice)


_REASONS: dict[str, Callable[[Inventory, Vm], tuple[str, str]]] = {
    "VM_REQUIRES_SR": _storage,
    "VM_REQUIRES_NETWORK": _network,
    "HOST_CANNOT_ATTACH_NETWORK": _network,
    "VM_MISSING_PV_DRIVERS": _said("it has no PV drivers", "install XenServer Tools in it, or stop it"),
    "VM_OLD_PV_DRIVERS": _said("its PV drivers are too old", "update XenServer Tools in it, or stop it"),
    "VM_HAS_PCI_ATTACHED": _said("it uses a PCI device of its host"),
    "VM_HAS_VGPU": _said("it uses a virtual GPU of its host"),
    "VM_REQUIRES_GPU": _said("it needs a GPU that another host does not have"),
    "VM_REQUIRES_IOMMU": _said("it needs an IOMMU that another host does not have"),
    "VM_HVM_REQUIRED": _said("it needs hardware virtualisation that another host does not have"),
    "NO_HOSTS_AVAILABLE": _said(
        "no other host is in service", "put another host into service, or stop the VM"
    ),
    "OPERATION_BLOCKED": _said("its migration is blocked by its owner (blocked_operations)"),
    "OTHER_OPERATION_IN_PROGRESS": _said("another operation on it is under way", "wait for it to end"),
}
