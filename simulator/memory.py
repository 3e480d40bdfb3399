"""Memory as xapi accounts for it, in bytes: what a VM needs and what a host has left.

Source: xapi 6.0.2, memory_check and xenops memory. All figures assume that guests balloon down when asked
("maximum compression"): a VM counts with its dynamic minimum.
"""

from dataclasses import dataclass
from typing import Final

from simulator.call import Ref
from simulator.database import Database, Row

MIB: Final = 1 << 20
GIB: Final = 1 << 30


@dataclass(frozen=True)
class _DomainKind:
    """What Xen needs for a domain besides the guest's own memory and the shadow, in MiB."""

    internal: int
    external: int = 1


_PV: Final = _DomainKind(internal=0)
_HVM: Final = _DomainKind(internal=1)
_PAGES_PER_MIB: Final = 256
_SHADOW_PAGES_PER_VCPU: Final = 256


def overhead(vm: Row) -> int:
    """Return what a VM costs a host besides its own memory: the value of VM.memory_overhead."""
    hvm = not vm["is_control_domain"] and vm["HVM__boot_policy"] != ""
    kind = _HVM if hvm else _PV
    static_max = _mib(vm["memory__static_max"])
    pages = _SHADOW_PAGES_PER_VCPU * vm["VCPUs__max"] + 2 * static_max
    shadow = int(-(-pages // _PAGES_PER_MIB) * (vm["HVM__shadow_multiplier"] if hvm else 1.0))
    return MIB * (kind.internal + kind.external + max(1, shadow))


def start_requirement(vm: Row) -> int:
    """Return what a host must have free to take the VM in: to start, resume or receive it."""
    return MIB * _mib(vm["memory__dynamic_min"]) + overhead(vm)


def free(db: Database, host: Ref, *, ignoring: Ref | None = None) -> int:
    """Return what `host.compute_free_memory` says; never below 0.

    A VM counts on the host it runs on and on the host where it is about to run: in a migration, on both.
    `ignoring` names a VM whose own reservation on this host does not count.
    """
    with db.lock:
        row = db.get("host", host)
        total: int = db.get("host_metrics", row["metrics"])["memory__total"]
        resident = db.find("VM", resident_on=host)
        scheduled = [vm for vm in db.find("VM", scheduled_to_be_resident_on=host) if vm != ignoring]
        used = sum(_used(db.get("VM", vm)) for vm in resident + scheduled)
    return max(0, total - int(row["memory__overhead"]) - used)


def _used(vm: Row) -> int:
    return int(vm["memory__dynamic_min"]) + int(vm["memory__overhead"])


def _mib(size: int) -> int:
    return -(-size // MIB)
