"""VBD.insert and VBD.eject: CDs in the drives of VMs.

Source: xapi 6.0.2, xapi_vbd and xapi_vbd_helpers.
"""

from simulator.call import NULL, Call, Ref, XapiError, message
from simulator.database import Row


@message("VBD.eject")
def eject(call: Call, vbd: Ref) -> None:
    """Take the CD out of a drive."""
    with call.db.lock:
        drive = _removable(call, vbd)
        if drive["empty"]:
            raise XapiError("VBD_IS_EMPTY", vbd)
        call.db.update("VBD", vbd, empty=True, VDI=NULL)


@message("VBD.insert")
def insert(call: Call, vbd: Ref, vdi: Ref) -> None:
    """Put a CD into an empty drive."""
    with call.db.lock:
        drive = _removable(call, vbd)
        if not drive["empty"]:
            raise XapiError("VBD_NOT_EMPTY", vbd)
        library = call.db.get("SR", call.db.get("VDI", vdi)["SR"])
        if library["content_type"] != "iso":
            raise XapiError("VDI_IS_NOT_ISO", vdi, library["content_type"])
        call.db.update("VBD", vbd, empty=False, VDI=vdi)


def _removable(call: Call, vbd: Ref) -> Row:
    drive = call.db.get("VBD", vbd)
    if drive["type"] != "CD":
        raise XapiError("VBD_NOT_REMOVABLE_MEDIA", vbd)
    if call.db.get("VM", drive["VM"])["power_state"] == "Suspended":
        raise XapiError("VM_BAD_POWER_STATE", drive["VM"], "running", "suspended")
    return drive
