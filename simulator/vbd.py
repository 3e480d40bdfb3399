"""VBD.insert, VBD.eject and their kin: CDs and disks of VMs that come and go.

Source: xapi 6.0.2, xapi_vbd.
"""

from simulator.allowed_operations import refresh_drive
from simulator.call import NULL, Call, Ref, XapiError, message
from simulator.device_operations import Drives
from simulator.operations import operation
from simulator.storage_operations import refresh_vdi


@message("VBD.eject")
def eject(call: Call, vbd: Ref) -> None:
    """Take the CD out of a drive."""
    with operation(call, "VBD", vbd, "eject"):
        _assert_not_suspended(call, vbd)
        disc = call.db.get("VBD", vbd)["VDI"]
        call.db.update("VBD", vbd, empty=True, VDI=NULL)
    if call.db.exists("VDI", disc):
        refresh_vdi(call.db, disc)
    refresh_drive(call.db, vbd)


@message("VBD.insert")
def insert(call: Call, vbd: Ref, vdi: Ref) -> None:
    """Put a CD into an empty drive; VDI_IS_NOT_ISO [VDI, content type] if it is none."""
    with operation(call, "VBD", vbd, "insert"):
        _assert_not_suspended(call, vbd)
        disc = call.db.get("VDI", vdi)
        content = call.db.get("SR", disc["SR"])["content_type"]
        if content != "iso":
            raise XapiError("VDI_IS_NOT_ISO", vdi, content)
        if not disc["managed"]:
            raise XapiError("VDI_NOT_MANAGED", vdi)
        call.db.update("VBD", vbd, empty=False, VDI=vdi)
    refresh_drive(call.db, vbd)


@message("VBD.plug")
def plug(call: Call, vbd: Ref) -> None:
    """Attach a drive to a running VM."""
    with operation(call, "VBD", vbd, "plug"):
        call.db.update("VBD", vbd, currently_attached=True)
    refresh_drive(call.db, vbd)


@message("VBD.unplug")
def unplug(call: Call, vbd: Ref) -> None:
    """Detach a drive from a running VM."""
    with operation(call, "VBD", vbd, "unplug"):
        call.db.update("VBD", vbd, currently_attached=False)
    refresh_drive(call.db, vbd)


@message("VBD.assert_attachable")
def assert_attachable(call: Call, vbd: Ref) -> None:
    """Raise why the drive could not be attached now."""
    reason = Drives.why_not(call.db, vbd, "attach")
    if reason is not None:
        raise reason


def _assert_not_suspended(call: Call, vbd: Ref) -> None:
    vm = call.db.get("VBD", vbd)["VM"]
    if call.db.get("VM", vm)["power_state"] == "Suspended":
        raise XapiError("VM_BAD_POWER_STATE", vm, "running", "suspended")
