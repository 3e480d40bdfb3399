"""Which operations storage and disks allow: what their storage manager can, while nobody uses them.

Source: xapi 6.0.2, xapi_sr and xapi_vdi.
"""

from typing import Final

from simulator.call import Ref
from simulator.database import Database, Row

_SR_OPERATIONS: Final = {
    "forget": "",
    "vdi_introduce": "VDI_INTRODUCE",
    "vdi_create": "VDI_CREATE",
    "vdi_snapshot": "VDI_SNAPSHOT",
    "plug": "",
    "update": "SR_UPDATE",
    "destroy": "",
    "vdi_destroy": "VDI_DELETE",
    "scan": "",
    "vdi_clone": "",
    "vdi_resize": "VDI_RESIZE",
    "unplug": "",
}
"""What SR.allowed_operations can hold, in its order, and the capability that each needs."""

_VDI_OPERATIONS: Final = {
    "resize_online": "VDI_RESIZE_ONLINE",
    "generate_config": "VDI_GENERATE_CONFIG",
    "update": "VDI_UPDATE",
    "resize": "VDI_RESIZE",
    "destroy": "VDI_DELETE",
    "clone": "",
    "copy": "",
    "snapshot": "",
}
"""What VDI.allowed_operations can hold, in its order, and the capability that each needs."""

_WHILE_IN_USE: Final = {"snapshot", "resize_online", "clone"}
_HA_KEEPS: Final = {"destroy", "resize", "resize_online"}


def refresh_sr(db: Database, sr: Ref) -> None:
    """Bring SR.allowed_operations up to date."""
    with db.lock:
        row = db.get("SR", sr)
        able = _capabilities(db, row) - ({"VDI_CREATE", "VDI_DELETE"} if _holds_tools(row) else set())
        allowed = [operation for operation, needed in _SR_OPERATIONS.items() if not needed or needed in able]
        db.update("SR", sr, allowed_operations=[] if row["current_operations"] else allowed)


def refresh_vdi(db: Database, vdi: Ref) -> None:
    """Bring VDI.allowed_operations up to date."""
    with db.lock:
        row = db.get("VDI", vdi)
        if db.exists("SR", row["SR"]):
            allowed = [operation for operation in _VDI_OPERATIONS if _is_allowed(db, row, operation)]
            db.update("VDI", vdi, allowed_operations=allowed)


def _is_allowed(db: Database, vdi: Row, operation: str) -> bool:
    sr = db.get("SR", vdi["SR"])
    drives = [db.get("VBD", vbd) for vbd in vdi["VBDs"]]
    if vdi["current_operations"] or any(drive["current_operations"] for drive in drives):
        return False
    if operation not in _WHILE_IN_USE and any(_is_active(drive) for drive in drives):
        return False
    if operation == "destroy" and (sr["type"] == "udev" or _holds_tools(sr)):
        return False
    if operation == "snapshot" and (vdi["sharable"] or vdi["on_boot"] == "reset"):
        return False
    if operation in _HA_KEEPS and vdi["type"] in {"ha_statefile", "redo_log"} and _ha_is_on(db):
        return False
    needed = _VDI_OPERATIONS[operation]
    return not needed or needed in _capabilities(db, sr)


def _is_active(drive: Row) -> bool:
    return bool(drive["currently_attached"] or drive["reserved"])


def _capabilities(db: Database, sr: Row) -> set[str]:
    managers = (row for row in db.rows("SM").values() if row["type"] == sr["type"])
    return {capability for manager in managers for capability in manager["capabilities"]}


def _holds_tools(sr: Row) -> bool:
    return bool(sr["other_config"].get("xenserver_tools_sr") == "true")


def _ha_is_on(db: Database) -> bool:
    return any(pool["ha_enabled"] for pool in db.rows("pool").values())
