"""VMs that cannot leave their host by live migration: a plan leaves them out, a person has to stop them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from xenpatch.xapi.inventory import Host, Inventory, PowerState, Vm
from xenpatch.xapi.types import HostUuid, VmUuid

_PINNED: Final = {
    "OPERATION_BLOCKED": "its migration is blocked by its owner (blocked_operations)",
    "VM_HAS_PCI_ATTACHED": "it uses a PCI device of its host",
}


@dataclass(frozen=True)
class Staying:
    """A VM that has to be stopped or suspended for the reboot of its host; ``reason`` is a clause."""

    vm: VmUuid
    name: str
    host: HostUuid
    host_name: str
    reason: str

    def sentence(self) -> str:
        """For a person."""
        return f"{self.name} has to be stopped or suspended for the reboot of {self.host_name}: {self.reason}"


def staying(pool: Inventory, refused: Mapping[VmUuid, str] | None = None) -> tuple[Staying, ...]:
    """All VMs of the pool that cannot move, whichever hosts reboot.

    ``refused`` are the VMs that the server would not move, with its error codes. Whether a host is in service
    does not matter here, nor does memory: that is for the plan.
    """
    told = refused or {}
    return tuple(
        Staying(vm.uuid, vm.name, here.uuid, here.name, reason)
        for vm in pool.vms
        if vm.resident_on is not None
        and (reason := _reason(pool, vm, here := pool.host(vm.resident_on), told.get(vm.uuid)))
    )


def on(hosts: Collection[HostUuid], found: Collection[Staying]) -> Iterator[Staying]:
    """Those that matter, since their host reboots."""
    return (one for one in found if one.host in hosts)


def _reason(pool: Inventory, vm: Vm, here: Host, refused: str | None) -> str | None:
    if vm.power_state is PowerState.PAUSED:
        return "it is paused, and a paused VM cannot be moved"
    if vm.pinned:
        return _PINNED.get(vm.pinned, f"the server would say {vm.pinned}")
    others = [host.after_boot() for host in pool.hosts if host is not here]
    if not others:
        return "the pool has no other host"
    if not any(pool.can_run(vm, host) and host.release >= here.release for host in others):
        return f"no other host can run it{_missing(pool, vm, others)}"
    return f"the server would not move it ({refused})" if refused else None


def _missing(pool: Inventory, vm: Vm, others: Collection[Host]) -> str:
    """What none of the other hosts has, if it is a single thing."""
    srs = [pool.srs[sr].name for sr in vm.srs if not any(sr in host.attached_srs for host in others)]
    networks = [
        pool.network_names.get(network, network)
        for network in vm.networks
        if not any(network in host.networks for host in others)
    ]
    parts = [f"SR {name!r}" for name in sorted(srs)] + [f"network {name!r}" for name in sorted(networks)]
    return f" (none has {', '.join(parts)})" if parts else ""
