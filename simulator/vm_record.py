"""What a VM's record says of how it runs: as it would boot now, and as it last booted.

Source: xapi 6.0.2, helpers (get_boot_record, has_booted_hvm) and xapi_pv_driver_version.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from simulator import sexpr
from simulator.call import Ref
from simulator.database import Database, Row
from simulator.sexpr import SExpr

_NUMBERS: Final[Mapping[str, tuple[str, type]]] = {
    "memory_static_max": ("memory__static_max", int),
    "VCPUs_max": ("VCPUs__max", int),
    "HVM_shadow_multiplier": ("HVM__shadow_multiplier", float),
}
"""Fields of VM.last_booted_record that decide how much memory a VM needs: wire name to row name and type."""

_DATE: Final = re.compile(r"\d{8}T\d{2}:\d{2}:\d{2}Z")


def will_boot_hvm(vm: Row) -> bool:
    """Tell whether the VM, started now, would be fully virtualised."""
    return bool(vm["HVM__boot_policy"] != "")


def has_booted_hvm(vm: Row) -> bool:
    """Tell whether the VM runs, or last ran, fully virtualised."""
    return not vm["is_control_domain"] and will_boot_hvm(boot_record(vm))


def boot_record(vm: Row) -> Row:
    """Return the VM as it last booted, with the dynamic memory range it has now.

    A record that cannot be read, as that of a VM that never ran, is taken to be the VM as it is.
    """
    try:
        booted = _members(sexpr.parse(vm["last_booted_record"]))
        policy = {"HVM__boot_policy": str(booted["HVM_boot_policy"])}
        numbers = {row: kind(_scalar(booted[wire])) for wire, (row, kind) in _NUMBERS.items()}
    except (ValueError, KeyError):
        return vm
    return {**vm, **policy, **numbers}


def remember_boot(db: Database, vm: Ref) -> None:
    """Keep the VM as it is about to boot, as VM.last_booted_record."""
    with db.lock:
        row = {**db.get("VM", vm), "last_booted_record": ""}
        members = [[field.replace("__", "_"), _expression(value)] for field, value in row.items()]
        db.update("VM", vm, last_booted_record=sexpr.render(["struct", *members]))


def has_pv_drivers(db: Database, vm: Row) -> bool:
    """Tell whether the guest reports a version of its drivers, which migration and suspension need."""
    if not db.exists("VM_guest_metrics", vm["guest_metrics"]):
        return False
    version: Mapping[str, str] = db.get("VM_guest_metrics", vm["guest_metrics"])["PV_drivers_version"]
    return all(version.get(part, "").isdigit() for part in ("major", "minor"))


def lacks_migration_drivers(db: Database, vm: Ref) -> bool:
    """Tell whether the VM is fully virtualised and has no drivers that could pause it for a move."""
    row = db.get("VM", vm)
    return has_booted_hvm(row) and not has_pv_drivers(db, row)


def _members(record: SExpr) -> dict[str, SExpr]:
    if isinstance(record, str) or record[:1] != ["struct"]:
        raise ValueError("not a struct")
    return {str(member[0]): member[1] for member in record[1:]}


def _scalar(value: SExpr) -> Any:
    """Integers stand bare, as on the wire; a float is ``('double' '1')``."""
    return value if isinstance(value, str) else value[1]


def _expression(value: Any) -> SExpr:
    match value:
        case bool():
            return ["boolean", str(int(value))]
        case float():
            return ["double", f"{value:.16g}"]
        case str() if _DATE.fullmatch(value):
            return ["dateTime.iso8601", value]
        case list():
            return ["array", *map(_expression, value)]
        case Mapping():
            return ["struct", *([str(key), _expression(member)] for key, member in value.items())]
        case _:
            return str(value)
