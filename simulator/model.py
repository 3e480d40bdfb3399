"""A made pool: counts in, rows out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A pool to make: `hosts` hosts named xs1, xs2, ... (xs1 is the master) with `vms` running VMs.

    VM names are vm-web-1, vm-db-1, vm-app-1, vm-web-2, ...; any one host can be emptied.
    """

    hosts: int = 3
    vms: int = 12
    halted_vms: int = 2
    templates: int = 2
    memory_gib: int = 0
    """Memory of each host in GiB; 0 chooses enough to empty any one host."""
    vm_memory_gib: int = 1
    seed: int = 602
