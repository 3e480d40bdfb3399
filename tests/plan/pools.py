"""Small pools made by hand: names are uuids too, memory is in GiB."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from xenpatch.plan.model import Plan
from xenpatch.plan.planner import ordered, plan_run
from xenpatch.units import GIB
from xenpatch.xapi.inventory import Disk, Host, Inventory, Pbd, PowerState, Sr, Vm
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


def planned(picture: Inventory) -> Plan:
    """The plan of a run over the whole pool, which must have one."""
    plan = plan_run(picture, ordered(picture), homes(picture))
    assert isinstance(plan, Plan)
    return plan


def with_vms_at(picture: Inventory, places: Mapping[str, str]) -> Inventory:
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
