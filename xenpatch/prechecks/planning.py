"""The plan of a run as far as prechecks can know it: what keeps VMs on their hosts, and what moves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from xenpatch.hotfix.bundle import Bundle
from xenpatch.plan.model import NoRoom, Plan, Policy, Turn
from xenpatch.plan.planner import plan_run
from xenpatch.prechecks.picture import Obstacle
from xenpatch.record import BEFORE, DISABLED, homes
from xenpatch.sleepers import sleepers
from xenpatch.xapi.inventory import Disk, Host, Inventory, PowerState, Vm
from xenpatch.xapi.session import Session
from xenpatch.xapi.types import HostUuid, VmRef, VmUuid

ROOM_CODES = frozenset({"HOST_NOT_ENOUGH_FREE_MEMORY"})
"""xapi places the largest VM on the emptiest host only and never makes room: our own plan is the judge."""


def hosts_to_do(pool: Inventory, bundle: Bundle) -> tuple[HostUuid, ...]:
    """The hosts that lack a hotfix, a restart since, or the proof of it; the master first."""
    return tuple(host.uuid for host in pool.hosts if bundle.to_do(host) or BEFORE in host.other_config)


def is_chosen(pool: Inventory, host: Host, only: Collection[str]) -> bool:
    """Whether the host is one of those to be rebooted now: all, or those named, and always the master."""
    return not only or host.uuid == pool.master or host.name in only or host.uuid in only


def read_obstacles(session: Session, pool: Inventory, hosts: tuple[HostUuid, ...]) -> dict[VmUuid, Obstacle]:
    """Ask the server which VMs keep it from emptying the hosts.

    On 6.x and 7.0 a VM may be named twice, its reason first and then a misleading HOST_NOT_ENOUGH_FREE_MEMORY
    (``host.get_vms_which_prevent_evacuation``); our transport keeps the first.
    """
    by_ref = {vm.ref: vm for vm in pool.vms}
    found = {vm.uuid: Obstacle(vm.pinned) for vm in pool.vms if vm.pinned and vm.resident_on in hosts}
    for host in map(pool.host, hosts):
        if not host.live:
            continue
        for ref, reason in session.read("host.get_vms_which_prevent_evacuation", host.ref).items():
            vm = by_ref.get(VmRef(ref))
            if vm is not None and vm.power_state is PowerState.RUNNING:
                code, *params = reason
                found.setdefault(vm.uuid, Obstacle(code, tuple(params)))
    known = {vm: each for vm, each in found.items() if not _passes(pool, pool.vm(vm), each)}
    return known | _hidden(pool, hosts, known)


def _passes(pool: Inventory, vm: Vm | None, obstacle: Obstacle) -> bool:
    """Whether only the hosts that a run has out of service, and will bring back, are in the VM's way."""
    return obstacle.code == "NO_HOSTS_AVAILABLE" and any(
        DISABLED in host.other_config for host in pool.hosts if vm is None or host.uuid != vm.resident_on
    )


def _hidden(
    pool: Inventory, hosts: Collection[HostUuid], told: Mapping[VmUuid, Obstacle]
) -> dict[VmUuid, Obstacle]:
    """VMs that no other host can run, though the server says nothing of them, or only that room is short.

    With HA on it says so of every VM that is not protected, whatever else keeps it there.
    """
    found = {}
    for vm in pool.vms:
        unexplained = vm.uuid not in told or told[vm.uuid].code in ROOM_CODES
        others = [host.after_boot() for host in pool.hosts if host.uuid != vm.resident_on]
        if vm.resident_on in hosts and unexplained and others:
            if not any(vm.srs <= host.attached_srs for host in others):
                found[vm.uuid] = Obstacle("VM_REQUIRES_SR")
            elif not any(pool.can_run(vm, host) for host in others):
                found[vm.uuid] = Obstacle("VM_REQUIRES_NETWORK")
    return found


def make_plan(
    pool: Inventory,
    bundle: Bundle,
    obstacles: Mapping[VmUuid, Obstacle],
    policy: Policy,
    stops: Collection[VmUuid] = (),
    only: Collection[str] = (),
    in_hand: Collection[HostUuid] = (),
) -> Plan | NoRoom:
    """The plan for the hosts to do, without the VMs that cannot move for another reason than room.

    Nor does it move those that are to be stopped; their memory, and that of VMs that a run has stopped
    already, is kept for them on their host. ``only`` are names or uuids of the hosts that reboot now, beside
    the master; ``in_hand`` are those whose turn has begun, which come first. Hosts that were rebooted
    already and only wait for their verification get a turn without a reboot.
    """
    unmovable = {uuid for uuid, obstacle in obstacles.items() if obstacle.code not in ROOM_CODES}
    paused = {vm.uuid for vm in pool.vms if vm.power_state is PowerState.PAUSED}
    todo = hosts_to_do(pool, bundle)
    reboots = [
        uuid for uuid in todo if bundle.to_reboot(host := pool.host(uuid)) and is_chosen(pool, host, only)
    ]
    ignore = unmovable | paused | set(stops)
    picture = _with_hosts_in_hand(with_sleepers(pool), in_hand, reboots)
    plan = plan_run(picture, reboots, homes(pool), policy, ignore=ignore)
    if isinstance(plan, NoRoom):
        return plan
    noted = [uuid for uuid in todo if BEFORE in pool.host(uuid).other_config]
    waiting = [uuid for uuid in noted if uuid not in reboots and plan.host(uuid) is None]
    verified = tuple(Turn(uuid, pool.host(uuid).name, wave=0, reboots=False) for uuid in waiting)
    return replace(plan, turns=verified + plan.turns)


def _with_hosts_in_hand(
    pool: Inventory, in_hand: Collection[HostUuid], reboots: Collection[HostUuid]
) -> Inventory:
    """The pool as hosts in hand make it: out of service until they reboot, in service with all after it."""

    def soon(host: Host) -> Host:
        if host.uuid in reboots:
            return replace(host, enabled=False)
        return replace(host.after_boot(), enabled=True, live=True)

    return replace(pool, hosts=tuple(soon(host) if host.uuid in in_hand else host for host in pool.hosts))


def with_sleepers(pool: Inventory) -> Inventory:
    """The pool with the VMs that a run has stopped counted on their hosts, like VMs that do not move."""
    beds = {sleeper.vm: host.uuid for host in pool.hosts for sleeper in sleepers(host.other_config)}
    return replace(
        pool,
        vms=tuple(
            replace(vm, resident_on=beds[vm.uuid], power_state=PowerState.PAUSED)
            if vm.uuid in beds and vm.resident_on is None
            else vm
            for vm in pool.vms
        ),
    )


def as_cured(
    pool: Inventory, obstacles: Mapping[VmUuid, Obstacle], stops: Collection[VmUuid]
) -> tuple[Inventory, dict[VmUuid, Obstacle]]:
    """The pool, and what keeps VMs on their hosts, as both will be once every remedy was made."""
    out = {vm.uuid: {cd.vbd for cd in foreign_cds(pool, vm)} for vm in pool.vms if vm.uuid not in stops}
    used = {disk.sr for vm in pool.vms if vm.resident_on is not None for disk in vm.disks}
    cured = replace(
        pool,
        ha_enabled=False,
        wlb_enabled=False,
        vms=tuple(
            replace(vm, disks=tuple(disk for disk in vm.disks if disk.vbd not in out.get(vm.uuid, ())))
            for vm in pool.vms
        ),
        hosts=tuple(_attached(host, used) for host in pool.hosts),
    )
    return cured, {
        uuid: obstacle
        for uuid, obstacle in obstacles.items()
        if obstacle.code != "VM_REQUIRES_SR" or (vm := cured.vm(uuid)) is None or list(stuck_disks(cured, vm))
    }


def foreign_cds(pool: Inventory, vm: Vm) -> tuple[Disk, ...]:
    """The CDs in the VM's drives that another host does not have."""
    return tuple(disk for disk in stuck_disks(pool, vm) if disk.is_cd)


def stuck_disks(pool: Inventory, vm: Vm) -> Iterator[Disk]:
    """The disks and CDs of a VM on storage that another host, alive, does not see."""
    elsewhere = [host for host in pool.hosts if host.uuid != vm.resident_on and host.live]
    return (disk for disk in vm.disks if not all(disk.sr in host.attached_srs for host in elsewhere))


def _attached(host: Host, used: Collection[object]) -> Host:
    return replace(
        host, pbds=tuple(replace(pbd, attached=pbd.attached or pbd.sr in used) for pbd in host.pbds)
    )
