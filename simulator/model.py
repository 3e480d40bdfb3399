"""A made pool: counts in, names and sizes out."""

from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

GIB: Final = 1 << 30
DOM0_MEMORY: Final = 752 << 20
"""Bytes; so are all sizes."""
HOST_OVERHEAD: Final = 194_228_224
VM_OVERHEAD: Final = 10 << 20
_ROLES: Final = ("web", "db", "app")


@dataclass(frozen=True)
class User:
    """A user of the pool's directory: XenServer has only root of its own."""

    name: str
    password: str = field(repr=False)
    roles: tuple[str, ...]
    """Names of `simulator.data_model.ROLES`."""

    @property
    def sid(self) -> str:
        """What the directory knows the user by."""
        return f"S-1-5-21-{crc32(self.name.encode())}"


@dataclass(frozen=True)
class Model:
    """A pool to make: `hosts` hosts named xs1, xs2, ... (xs1 is the master) with `vms` running VMs.

    VMs are named vm-web-1, vm-db-1, vm-app-1, vm-web-2, ... and are spread evenly, the first on xs1. Beside
    them are halted VMs (vm-off-1, ...), templates and a snapshot, as in any pool. All disks are on NFS.
    """

    hosts: int = 3
    vms: int = 12
    halted_vms: int = 2
    templates: int = 2
    memory_gib: int = 0
    """Memory of each host in GiB; 0 chooses enough to empty any one host."""
    vm_memory_gib: int = 1
    seed: int = 602
    """Pools of one seed have the same uuids and references."""

    @property
    def host_memory(self) -> int:
        """Memory of each host in bytes."""
        if self.memory_gib:
            return self.memory_gib * GIB
        guests = -(-self.vms // max(1, self.hosts - 1)) + 1
        needed = guests * (self.vm_memory_gib * GIB + VM_OVERHEAD) + DOM0_MEMORY + HOST_OVERHEAD
        return (needed // (4 * GIB) + 1) * 4 * GIB

    def host_names(self) -> list[str]:
        """Return the names of the hosts, the master first."""
        return [f"xs{number}" for number in range(1, self.hosts + 1)]

    def vm_names(self) -> list[str]:
        """Return the names of the running VMs."""
        return [f"vm-{_ROLES[place % len(_ROLES)]}-{place // len(_ROLES) + 1}" for place in range(self.vms)]
