"""Which operations a host allows, and why not the others.

Source: xapi 6.0.2, xapi_host_helpers.
"""

from typing import Final

from simulator.call import Ref, XapiError
from simulator.database import Database, Row
from simulator.placement import is_live

_PUBLISHED: Final = (
    *("vm_migrate", "evacuate", "provision", "vm_resume", "vm_start"),
    *("shutdown", "reboot", "power_on"),
)
"""What host.allowed_operations can hold, in its order."""

_BRINGING: Final = {"vm_migrate", "provision", "vm_resume"}
_REMOVING: Final = {"evacuate", "shutdown", "reboot"}
_NAMES: Final = {"vm_start": "VM.start", "vm_resume": "VM.resume", "vm_migrate": "VM.migrate"}
_RIVALS: Final = {"reboot": "shutdown", "shutdown": "reboot", "provision": "provision"}
"""What must not be under way for an operation to begin."""


def why_not(db: Database, host: Ref, operation: str) -> XapiError | None:
    """Return the first reason for which the host does not allow the operation now, or None."""
    with db.lock:
        row = db.get("host", host)
        return (
            _conflict(host, list(row["current_operations"].values()), operation)
            or _must_be_disabled(row, operation)
            or _must_be_dead(db, host, operation)
        )


def refresh(db: Database, host: Ref) -> None:
    """Bring host.allowed_operations up to date."""
    with db.lock:
        allowed = [operation for operation in _PUBLISHED if why_not(db, host, operation) is None]
        db.update("host", host, allowed_operations=allowed)


def _conflict(host: Ref, current: list[str], operation: str) -> XapiError | None:
    for kind, opposite in ((_BRINGING, _REMOVING), (_REMOVING, _BRINGING)):
        if operation in kind and any(other in opposite for other in current):
            return _in_progress(host, current[0])
    rival = _RIVALS.get(operation)
    return _in_progress(host, rival) if rival in current else None


def _in_progress(host: Ref, operation: str) -> XapiError:
    return XapiError("OTHER_OPERATION_IN_PROGRESS", "host", host, _NAMES.get(operation, operation))


def _must_be_disabled(row: Row, operation: str) -> XapiError | None:
    return XapiError("HOST_NOT_DISABLED") if row["enabled"] and operation in {"reboot", "shutdown"} else None


def _must_be_dead(db: Database, host: Ref, operation: str) -> XapiError | None:
    return XapiError("HOST_IS_LIVE", host) if operation == "power_on" and is_live(db, host) else None
