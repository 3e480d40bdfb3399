"""What a VM comes to depend on of the processors it booted on.

Source: xapi 6.0.2, xapi_vm_helpers (populate_cpu_flags, assert_vm_is_compatible).
"""

from collections.abc import Mapping

from simulator.call import Ref, XapiError
from simulator.database import Database


def flags(db: Database, host: Ref) -> dict[str, str]:
    """Return the vendor and the features of a host's processors, as VM.last_boot_CPU_flags keeps them."""
    info: Mapping[str, str] = db.get("host", host)["cpu_info"]
    return {key: info[key] for key in ("vendor", "features") if key in info}


def assert_compatible(db: Database, vm: Ref, host: Ref) -> None:
    """Raise VM_INCOMPATIBLE_WITH_THIS_HOST [VM, host, reason] if a VM that has booted cannot go on there."""
    needed: Mapping[str, str] = db.get("VM", vm)["last_boot_CPU_flags"]
    offered = flags(db, host)
    reason = ""
    if _features(needed) & ~_features(offered):
        reason = "VM was last booted on a CPU with features this host's CPU does not have."
    if "vendor" in needed and needed["vendor"] != offered.get("vendor"):
        reason = "VM was last booted on a host which had a CPU from a different vendor."
    if reason:
        raise XapiError("VM_INCOMPATIBLE_WITH_THIS_HOST", vm, host, reason)


def _features(processor: Mapping[str, str]) -> int:
    return int(processor.get("features", "").replace("-", "") or "0", 16)
