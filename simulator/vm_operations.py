"""Which operations a VM allows, and why not the others.

Source: xapi 6.0.2, xapi_vm_lifecycle. The order of the checks decides which error a client sees.
"""

from collections.abc import Callable, Mapping
from typing import Final

from simulator.call import Ref, XapiError
from simulator.database import Database, Row
from simulator.vm_record import lacks_migration_drivers

Check = Callable[[Database, Ref, Row, str], XapiError | None]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ANY: Final = ("Halted", "Paused", "Suspended", "Running")
_POWER_STATES: Final[Mapping[str, tuple[str, ...]]] = {
    operation: states
    for states, operations in {
        (): "import",
        ("Halted",): """
            changing_memory_limits changing_shadow_memory changing_static_range changing_VCPUs
            make_into_template provision start start_on
        """,
        ("Paused",): "unpause",
        ("Suspended",): "csvm resume resume_on",
        ("Running",): """
            awaiting_memory_live changing_memory_live changing_shadow_memory_live
            changing_VCPUs_live clean_reboot clean_shutdown data_source_op migrate pause
            pool_migrate send_sysrq send_trigger snapshot_with_quiesce suspend
        """,
        ("Halted", "Running"): "changing_dynamic_range",
        ("Halted", "Suspended"): "clone copy create_template destroy export",
        ("Paused", "Running"): "hard_reboot",
        ("Paused", "Suspended", "Running"): "checkpoint get_boot_record hard_shutdown",
        _ANY: """
            assert_operation_valid get_cooperative metadata_export power_state_reset revert
            reverting snapshot update_allowed_operations
        """,
    }.items()
    for operation in _words(operations)
}
"""Power states in which an operation may begin, in the order in which an error names them."""

_PUBLISHED: Final = _words("""
    changing_dynamic_range changing_static_range make_into_template pool_migrate changing_VCPUs_live
    provision destroy export resume_on resume suspend hard_reboot hard_shutdown clean_reboot
    clean_shutdown unpause pause start_on start snapshot_with_quiesce checkpoint revert clone copy
    snapshot
""")
"""What VM.allowed_operations can hold, in its order."""

_COMPATIBLE: Final = ({"clone", "copy", "export"}, {"snapshot", "checkpoint"}, {"get_boot_record"})
"""Operations that go on beside others of their kind."""

_ON_TEMPLATES: Final = _words("""
    changing_dynamic_range changing_static_range changing_memory_limits changing_VCPUs clone copy
    export metadata_export provision
""")
_ON_SNAPSHOTS: Final = _words("revert clone copy export destroy hard_shutdown metadata_export")
_ON_CONTROL_DOMAINS: Final = _words("""
    data_source_op changing_memory_live awaiting_memory_live metadata_export changing_dynamic_range
""")
_PAUSING_THE_GUEST: Final = {"pool_migrate", "suspend", "checkpoint"}
_SAVING_THE_DISKS: Final = {"checkpoint", "snapshot", "suspend", "snapshot_with_quiesce"}


def why_not(db: Database, vm: Ref, operation: str) -> XapiError | None:
    """Return the first reason for which the VM does not allow the operation now, or None."""
    with db.lock:
        row = db.get("VM", vm)
        reasons = (check(db, vm, row, operation) for check in _CHECKS)
        return next((reason for reason in reasons if reason is not None), None)


def refresh(db: Database, vm: Ref) -> None:
    """Bring VM.allowed_operations up to date."""
    with db.lock:
        allowed = [operation for operation in _PUBLISHED if why_not(db, vm, operation) is None]
        db.update("VM", vm, allowed_operations=allowed)


def _blocked(_db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    reason = row["blocked_operations"].get(operation)
    return None if reason is None else XapiError("OPERATION_BLOCKED", vm, reason)


def _power_state(_db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    expected = _POWER_STATES[operation]
    if row["power_state"] in expected:
        return None
    return XapiError("VM_BAD_POWER_STATE", vm, ", ".join(expected).lower(), row["power_state"].lower())


def _concurrent(_db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    current = list(row["current_operations"].values())
    if not current or any({operation, *current} <= together for together in _COMPATIBLE):
        return None
    name = current[0] if len(current) == 1 else "{" + ",".join(current) + "}"
    return XapiError("OTHER_OPERATION_IN_PROGRESS", f"VM.{name}", vm)


def _template(_db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    if not row["is_a_template"] or row["is_a_snapshot"] or operation in _ON_TEMPLATES:
        return None
    if operation == "destroy" and row["other_config"].get("default_template") != "true":
        return None
    return XapiError("VM_IS_TEMPLATE", vm, operation)


def _snapshot(_db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    if row["is_a_snapshot"] and operation not in _ON_SNAPSHOTS:
        return XapiError("VM_IS_SNAPSHOT", vm, operation)
    return None


def _neither(_db: Database, _vm: Ref, row: Row, operation: str) -> XapiError | None:
    if operation == "provision" and not row["is_a_template"]:
        return XapiError("PROVISION_ONLY_ALLOWED_ON_TEMPLATE")
    if operation == "revert" and not row["is_a_snapshot"]:
        return XapiError("REVERT_ONLY_ALLOWED_ON_SNAPSHOT")
    return None


def _control_domain(_db: Database, _vm: Ref, row: Row, operation: str) -> XapiError | None:
    if row["is_control_domain"] and operation not in _ON_CONTROL_DOMAINS:
        return XapiError("OPERATION_NOT_ALLOWED", "Operations on domain 0 are not allowed")
    return None


def _pv_drivers(db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    if (
        operation in _PAUSING_THE_GUEST
        and row["power_state"] == "Running"
        and lacks_migration_drivers(db, vm)
    ):
        return XapiError("VM_MISSING_PV_DRIVERS", vm)
    return None


def _suspended_clone(_db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    if row["power_state"] == "Suspended" and operation in {"clone", "copy"} and not row["is_a_snapshot"]:
        return XapiError("VM_BAD_POWER_STATE", vm, "halted", "suspended")
    return None


def _quiesce(db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    if operation != "snapshot_with_quiesce":
        return None
    metrics = row["guest_metrics"]
    features = db.get("VM_guest_metrics", metrics)["other"] if db.exists("VM_guest_metrics", metrics) else {}
    if features.keys() & {"feature-quiesce", "feature-snapshot"}:
        return None
    return XapiError("VM_SNAPSHOT_WITH_QUIESCE_NOT_SUPPORTED", vm)


def _disks(db: Database, _vm: Ref, row: Row, operation: str) -> XapiError | None:
    images = (db.get("VBD", vbd)["VDI"] for vbd in row["VBDs"])
    configs = [db.get("VDI", image)["sm_config"] for image in images if db.exists("VDI", image)]
    resetting = [config for config in configs if config.get("on_boot") == "reset"]
    caching = [config for config in resetting if config.get("caching", "").lower() == "true"]
    if (operation in _SAVING_THE_DISKS and resetting) or (operation == "pool_migrate" and caching):
        return XapiError("VDI_ON_BOOT_MODE_INCOMPATABLE_WITH_OPERATION")
    return None


def _devices(_db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    if row["attached_PCIs"] and operation in _PAUSING_THE_GUEST:
        return XapiError("VM_HAS_PCI_ATTACHED", vm)
    return None


def _appliance(db: Database, vm: Ref, row: Row, operation: str) -> XapiError | None:
    if operation == "make_into_template" and db.exists("VM_appliance", row["appliance"]):
        return XapiError("VM_IS_PART_OF_AN_APPLIANCE", vm, row["appliance"])
    return None


_CHECKS: Final[tuple[Check, ...]] = (
    _blocked,
    _power_state,
    _concurrent,
    _template,
    _snapshot,
    _neither,
    _control_domain,
    _pv_drivers,
    _suspended_clone,
    _quiesce,
    _disks,
    _devices,
    _appliance,
)
