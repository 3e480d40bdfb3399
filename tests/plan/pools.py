"""Small pools made by hand: names are uuids too, memory is in GiB."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from xenpatch.plan.model import Plan, Policy
from xenpatch.plan.planner import plan_run
from xenpatch.units import GIB
from xenpatch.xapi.inventory import Cpu, Disk, Host, Inventory, Pbd, PowerState, Sr, Vm
from xenpatch.xapi.types import HostRef, HostUuid, NetworkUuid, PoolRef, PoolUuid, SrUuid, VmRef, VmUuid

SHARED = SrUuid("shared")
LAN = NetworkUuid("lan")


def pool(
    hosts: Mapping[str, float],
    vms: Mapping[str, tuple[str, float]],
    *,
    local: Collection[str] = (),
    paused: Collection[str] = (),
) -> Inventory:
    """A pool whose first host is the master; VMs in `local` have a disk on local storage of their host."""
    return Inventory(
        uuid=PoolUuid("pool"),
        ref=PoolRef("OpaqueRef:pool"),
        name="pool",
        master=HostUuid(next(iter(hosts))),
        ha_enabled=False,
        wlb_enabled=False,
        other_config={},
        hosts=tuple(_host(name, size) for name, size in hosts.items()),
        vms=tuple(
            _vm(name, host, size, local=name in local, paused=name in paused)
            for name, (host, size) in vms.items()
        ),
        srs={sr.uuid: sr for sr in [Sr(SHARED, "shared", "nfs", shared=True), *map(_local_sr, hosts)]},
        network_names={LAN: "lan"},
        patches={},
    )


def host(name: str) -> HostUuid:
    return HostUuid(name)


def vm(name: str) -> VmUuid:
    return VmUuid(name)


def homes(picture: Inventory) -> dict[VmUuid, HostUuid]:
    """Everything is at home where it is."""
    return {vm.uuid: vm.resident_on for vm in picture.vms if vm.resident_on is not None}


def hosts_of(picture: Inventory) -> list[HostUuid]:
    """All hosts of the pool."""
    return [host.uuid for host in picture.hosts]


def planned(picture: Inventory, **policy: Any) -> Plan:
    """The plan of a run over the whole pool, which must have one; `policy` are fields of a Policy."""
    plan = plan_run(picture, hosts_of(picture), homes(picture), Policy(**policy))
    assert isinstance(plan, Plan), plan.sentence()
    return plan


def with_vms_at(picture: Inventory, places: Mapping[VmUuid, HostUuid] | Mapping[str, str]) -> Inventory:
    """The pool with some VMs elsewhere."""
    moved = {VmUuid(name): HostUuid(target) for name, target in places.items()}
    return replace(
        picture, vms=tuple(replace(vm, resident_on=moved.get(vm.uuid, vm.resident_on)) for vm in picture.vms)
    )


def with_host(
    picture: Inventory, name: str, *, enabled: bool = True, live: bool = True, attached: bool = True
) -> Inventory:
    """The pool with one host in another state."""

    def changed(host: Host) -> Host:
        pbds = tuple(replace(pbd, attached=attached) for pbd in host.pbds)
        return replace(host, enabled=enabled, live=live, pbds=pbds)

    return replace(
        picture, hosts=tuple(changed(host) if host.name == name else host for host in picture.hosts)
    )


def with_vm(picture: Inventory, name: str, **changes: Any) -> Inventory:
    """The pool with one VM changed; `changes` are fields of a Vm."""
    return replace(
        picture,
        vms=tuple(replace(each, **changes) if each.name == name else each for each in picture.vms),
    )


def with_affinity(picture: Inventory, *names: str) -> Inventory:
    """The pool with these VMs having the host they are on for their home server."""
    for each in picture.vms:
        if each.name in names:
            picture = with_vm(picture, each.name, affinity=each.resident_on)
    return picture


def with_apart(picture: Inventory, group: str, *names: str) -> Inventory:
    """The pool with these VMs in a group of which no two should share a host."""
    for each in picture.vms:
        if each.name in names:
            picture = with_vm(picture, each.name, apart=each.apart | {group})
    return picture


def with_ballooning(picture: Inventory, least: Mapping[str, float]) -> Inventory:
    """The pool with VMs that can be squeezed to so many GiB."""
    for name, size in least.items():
        picture = with_vm(picture, name, memory_min=int(size * GIB))
    return picture


def with_cpus(picture: Inventory, offered: Mapping[str, int], needed: Mapping[str, int]) -> Inventory:
    """The pool with hosts that offer, and VMs that have seen, these feature bits."""
    for name, features in needed.items():
        picture = with_vm(picture, name, cpu=Cpu("maker", features))
    return replace(
        picture,
        hosts=tuple(replace(each, cpu=Cpu("maker", offered.get(each.name, 0))) for each in picture.hosts),
    )


def halted(picture: Inventory, *names: str) -> Inventory:
    """The pool with these VMs stopped."""
    for name in names:
        picture = with_vm(picture, name, power_state=PowerState.HALTED, resident_on=None)
    return picture


def _local_sr(host: str) -> Sr:
    return Sr(SrUuid(f"local-{host}"), f"local storage of {host}", "lvm", shared=False)


def _host(name: str, size: float) -> Host:
    return Host(
        uuid=HostUuid(name),
        ref=HostRef(f"OpaqueRef:{name}"),
        name=name,
        address="192.0.2.1",
        enabled=True,
        live=True,
        memory_capacity=int(size * GIB),
        product_version="6.0.2",
        boot_time=0.0,
        pbds=(Pbd(SHARED, attached=True), Pbd(SrUuid(f"local-{name}"), attached=True)),
        networks=frozenset({LAN}),
    )


def _vm(name: str, host: str, size: float, *, local: bool, paused: bool) -> Vm:
    disk = Disk(f"{name} 0", SrUuid(f"local-{host}") if local else SHARED, is_cd=False)
    return Vm(
        uuid=VmUuid(name),
        ref=VmRef(f"OpaqueRef:{name}"),
        name=name,
        power_state=PowerState.PAUSED if paused else PowerState.RUNNING,
        resident_on=HostUuid(host),
        memory=int(size * GIB),
        disks=(disk,),
        networks=frozenset({LAN}),
    )
