"""What the operator allows to be done with VMs that cannot be moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from xenpatch.options import How
from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Obstacle
from xenpatch.prechecks.planning import ROOM_CODES
from xenpatch.xapi.inventory import Inventory, PowerState, Vm
from xenpatch.xapi.types import VmUuid

ANY: Final = "any"
PAUSED: Final = "paused"
_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    "storage": ("VM_REQUIRES_SR", "VM_LACKS_SHARED_STORAGE"),
    "network": ("VM_REQUIRES_NETWORK", "HOST_CANNOT_ATTACH_NETWORK"),
    "drivers": ("VM_MISSING_PV_DRIVERS", "VM_OLD_PV_DRIVERS", "VM_LACKS_FEATURE", "VM_LACKS_FEATURE_SUSPEND"),
    "pci": ("VM_HAS_PCI_ATTACHED", "VM_HAS_SRIOV_VIF"),
    "gpu": ("VM_HAS_VGPU", "VM_REQUIRES_GPU", "VM_REQUIRES_VGPU", "VM_REQUIRES_IOMMU"),
    "blocked": ("OPERATION_BLOCKED",),
    "processor": ("VM_HVM_REQUIRED", "VM_INCOMPATIBLE_WITH_THIS_HOST"),
    "alone": ("NO_HOSTS_AVAILABLE",),
}
REASONS: Final = (*_REASONS, PAUSED, ANY)
"""Why VMs cannot move, in the words of `--stop`."""

_BY_CODE: Final = {code: reason for reason, codes in _REASONS.items() for code in codes}


def stops(
    pool: Inventory, obstacles: Mapping[VmUuid, Obstacle], consents: Mapping[str, How]
) -> dict[VmUuid, How]:
    """How each VM may be stopped: as its uuid says, or its name, or the reason that keeps it on its host.

    A VM that is named is stopped whether it could move or not. Hard is only what was asked for by name.
    """
    found: dict[VmUuid, How] = {}
    reasons = _reasons(pool, obstacles)
    for vm in pool.vms:
        if vm.resident_on is None:
            continue
        how = consents.get(vm.uuid) or consents.get(vm.name)
        if how is None and vm.uuid in reasons:
            how = consents.get(reasons[vm.uuid]) or consents.get(ANY)
            how = How.REFUSE if how is How.HARD else how
        if how is not None and how is not How.REFUSE:
            found[vm.uuid] = how
    return found


def _reasons(pool: Inventory, obstacles: Mapping[VmUuid, Obstacle]) -> dict[VmUuid, str]:
    """Why VMs cannot move, in the words of `--stop`; room is no reason, as the plan of the run finds it."""
    told = {
        uuid: _BY_CODE.get(obstacle.code, ANY)
        for uuid, obstacle in obstacles.items()
        if obstacle.code not in ROOM_CODES
    }
    return told | {vm.uuid: PAUSED for vm in pool.vms if vm.power_state is PowerState.PAUSED}


def misnamed(pool: Inventory, consents: Mapping[str, How]) -> Iterator[Finding]:
    """Consents that are about no VM of the pool, or about several of the same name."""
    for who, how in consents.items():
        named = [vm for vm in pool.vms if who in (vm.uuid, vm.name)]
        if len(named) > 1:
            uuids = ", ".join(vm.uuid for vm in named)
            yield _unclear(who, f"is the name of {len(named)} VMs: {uuids}", "name the one by its uuid")
        elif not named and who not in REASONS:
            yield _unclear(who, "is no VM of this pool", f"name a VM, or one of {', '.join(REASONS)}")
        elif not named and how is How.HARD:
            yield _unclear(who, f"names no VM, and {how} is for VMs by name only", "name each VM")


def unable(vm: Vm, how: How) -> str | None:
    """Why a VM cannot be stopped so, or None."""
    if vm.power_state is PowerState.PAUSED and how is not How.SUSPEND:
        return "a paused VM can only be suspended, or its memory is lost"
    if how is How.SUSPEND and vm.cannot_suspend is not None:
        return f"it cannot be suspended: {vm.cannot_suspend}"
    return None


def _unclear(who: str, message: str, advice: str) -> Finding:
    return Finding(Severity.BLOCKS, "consent", who, message, advice)
