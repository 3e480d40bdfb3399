"""Which operations the drives and network interfaces of VMs allow, and why not the others.

Source: xapi 6.0.2, xapi_vbd_helpers and xapi_vif_helpers.
"""

from collections.abc import Callable
from typing import Final

from simulator.call import Ref, XapiError
from simulator.database import Database, Row
from simulator.vm_record import has_booted_hvm, has_pv_drivers

Check = Callable[[Database, Ref, Row, str], XapiError | None]

_DRIVE_OPERATIONS: Final = (
    *("insert", "pause", "unpause", "plug"),
    *("attach", "eject", "unplug_force", "unplug"),
)
"""What VBD.allowed_operations can hold, in its order."""

_INTERFACE_OPERATIONS: Final = ("attach", "plug", "unplug")
"""What VIF.allowed_operations can hold, in its order."""

_HOTPLUG: Final = {"plug", "unplug", "unplug_force"}
_SIDE_BY_SIDE: Final = {"pause", "unpause"}


class Drives:
    """The rules of VBDs."""

    @staticmethod
    def why_not(db: Database, vbd: Ref, operation: str) -> XapiError | None:
        """Return the first reason for which the drive does not allow the operation now, or None."""
        with db.lock:
            row = db.get("VBD", vbd)
            reasons = (check(db, vbd, row, operation) for check in (*_DRIVE_CHECKS, _shared))
            return next((reason for reason in reasons if reason is not None), None)

    @staticmethod
    def refresh(db: Database, vbd: Ref) -> None:
        """Bring VBD.allowed_operations up to date. It does not tell of disks that others use."""
        _refresh(db, "VBD", vbd, _DRIVE_OPERATIONS, _DRIVE_CHECKS)


def refresh_interface(db: Database, vif: Ref) -> None:
    """Bring VIF.allowed_operations up to date."""
    _refresh(db, "VIF", vif, _INTERFACE_OPERATIONS, (_power_state, _drivers))


def assert_attachable(db: Database, vm: Ref) -> None:
    """Raise VDI_IN_USE [VDI], VDI_READONLY [VDI] or another reason why a VM cannot have one of its disks."""
    with db.lock:
        for vbd in db.get("VM", vm)["VBDs"]:
            reason = Drives.why_not(db, vbd, "attach")
            if reason is not None:
                raise reason


def _refresh(
    db: Database, table: str, ref: Ref, operations: tuple[str, ...], checks: tuple[Check, ...]
) -> None:
    with db.lock:
        row = db.get(table, ref)
        if db.exists("VM", row["VM"]):
            allowed = [
                operation
                for operation in operations
                if all(check(db, ref, row, operation) is None for check in checks)
            ]
            db.update(table, ref, allowed_operations=allowed)


def _concurrent(_db: Database, vbd: Ref, row: Row, operation: str) -> XapiError | None:
    current = list(row["current_operations"].values())
    if not current or (operation in _SIDE_BY_SIDE and _SIDE_BY_SIDE.issuperset(current)):
        return None
    return XapiError("OTHER_OPERATION_IN_PROGRESS", "VBD", vbd, current[0])


def _removable(_db: Database, vbd: Ref, row: Row, operation: str) -> XapiError | None:
    if operation in {"unplug", "unplug_force"} and not row["unpluggable"]:
        return XapiError("VBD_NOT_UNPLUGGABLE", vbd)
    if operation in {"insert", "eject"} and row["type"] != "CD":
        return XapiError("VBD_NOT_REMOVABLE_MEDIA", vbd)
    return None


def _content(_db: Database, vbd: Ref, row: Row, operation: str) -> XapiError | None:
    if operation == "eject" and row["empty"]:
        return XapiError("VBD_IS_EMPTY", vbd)
    if operation == "insert" and not row["empty"]:
        return XapiError("VBD_NOT_EMPTY", vbd)
    return None


def _power_state(db: Database, ref: Ref, row: Row, operation: str) -> XapiError | None:
    """Only a running VM's devices come and go, each from where it is."""
    state = db.get("VM", row["VM"])["power_state"]
    if state == "Running":
        plugged = row["currently_attached"] or row["reserved"]
        if operation == "plug" and plugged:
            return XapiError("DEVICE_ALREADY_ATTACHED", ref)
        if operation in {"unplug", "unplug_force"} and not plugged:
            return XapiError("DEVICE_ALREADY_DETACHED", ref)
    elif operation in _HOTPLUG or (operation in _SIDE_BY_SIDE and state != "Paused"):
        return XapiError("VM_BAD_POWER_STATE", row["VM"], "running", state.lower())
    return None


def _drivers(db: Database, _ref: Ref, row: Row, operation: str) -> XapiError | None:
    """Fully virtualised guests need up to date drivers to notice a device."""
    vm = db.get("VM", row["VM"])
    if operation not in _HOTPLUG or vm["power_state"] != "Running" or not has_booted_hvm(vm):
        return None
    if not has_pv_drivers(db, vm):
        return XapiError("VM_MISSING_PV_DRIVERS", row["VM"])
    metrics = db.get("VM_guest_metrics", vm["guest_metrics"])
    if not metrics["PV_drivers_up_to_date"]:
        version = metrics["PV_drivers_version"]
        parts = (version.get(part, "-1") for part in ("major", "minor", "micro"))
        return XapiError("VM_OLD_PV_DRIVERS", row["VM"], *parts)
    return None


def _emulated(db: Database, _ref: Ref, row: Row, operation: str) -> XapiError | None:
    vm = db.get("VM", row["VM"])
    running_hvm = vm["power_state"] == "Running" and has_booted_hvm(vm)
    if operation in _HOTPLUG and row["type"] == "CD" and running_hvm:
        reason = "HVM CDROMs cannot be hotplugged/unplugged, only inserted or ejected"
        return XapiError("OPERATION_NOT_ALLOWED", reason)
    return None


def _image(db: Database, vbd: Ref, row: Row, operation: str) -> XapiError | None:
    if row["empty"] or not db.exists("VDI", row["VDI"]):
        return None
    image = db.get("VDI", row["VDI"])
    if not image["managed"]:
        return XapiError("VDI_NOT_MANAGED", vbd)
    if image["current_operations"] and operation in {"attach", "plug", "insert"}:
        busy = next(iter(image["current_operations"].values()))
        return XapiError("OTHER_OPERATION_IN_PROGRESS", "VDI", row["VDI"], busy)
    return None


def _shared(db: Database, vbd: Ref, row: Row, operation: str) -> XapiError | None:
    """A disk that somebody may write to is nobody else's."""
    if operation not in {"attach", "insert", "plug"} or row["currently_attached"]:
        return None
    if row["empty"] or not db.exists("VDI", row["VDI"]):
        return None
    image = db.get("VDI", row["VDI"])
    others = [db.get("VBD", other) for other in image["VBDs"] if other != vbd]
    if not image["sharable"] and any(other["mode"] == "RW" and _holds(db, other) for other in others):
        return XapiError("VDI_IN_USE", row["VDI"])
    if row["mode"] == "RW" and image["read_only"]:
        return XapiError("VDI_READONLY", row["VDI"])
    return None


def _holds(db: Database, vbd: Row) -> bool:
    in_use = vbd["currently_attached"] or vbd["reserved"] or vbd["current_operations"]
    return bool(in_use) and db.get("VM", vbd["VM"])["power_state"] != "Suspended"


_DRIVE_CHECKS: Final[tuple[Check, ...]] = (
    _concurrent,
    _removable,
    _content,
    _power_state,
    _drivers,
    _emulated,
    _image,
)
