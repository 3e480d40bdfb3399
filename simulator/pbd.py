"""PBD.plug and PBD.unplug: storage within and out of a host's reach.

Source: xapi 6.0.2, xapi_pbd.
"""

from simulator.call import Call, Ref, XapiError, message
from simulator.database import Database
from simulator.forwarding import contact
from simulator.guest import is_running


@message("PBD.plug")
def plug(call: Call, pbd: Ref) -> None:
    """Attach an SR to a host; raise SR_NOT_SHARABLE [SR, host] if it is another's and not shared."""
    contact(call.world, call.db.get("PBD", pbd)["host"])
    attach(call.db, pbd)


@message("PBD.unplug")
def unplug(call: Call, pbd: Ref) -> None:
    """Detach an SR from a host; raise VDI_IN_USE [VDIs] while VMs there use its disks."""
    contact(call.world, call.db.get("PBD", pbd)["host"])
    with call.db.lock:
        row = call.db.get("PBD", pbd)
        in_use = _images_in_use(call.db, row["SR"], row["host"]) if row["currently_attached"] else []
        if in_use:
            raise XapiError("VDI_IN_USE", *in_use)
        call.db.update("PBD", pbd, currently_attached=False)


@message("PBD.destroy")
def destroy(call: Call, pbd: Ref) -> None:
    """Forget how a host reaches an SR; refused while it does."""
    with call.db.lock:
        if call.db.get("PBD", pbd)["currently_attached"]:
            raise XapiError("OPERATION_NOT_ALLOWED", "PBD is currently attached")
        call.db.destroy("PBD", pbd)


def attach(db: Database, pbd: Ref) -> None:
    """Attach an SR to a host, if it is not; raise SR_NOT_SHARABLE [SR, host]."""
    with db.lock:
        row = db.get("PBD", pbd)
        if not row["currently_attached"]:
            _assert_sharable(db, row["SR"], row["host"])
            db.update("PBD", pbd, currently_attached=True)


def _assert_sharable(db: Database, sr: Ref, host: Ref) -> None:
    if db.get("SR", sr)["shared"]:
        return
    for other in (db.get("PBD", pbd) for pbd in db.find("PBD", SR=sr)):
        if other["currently_attached"] and other["host"] != host:
            raise XapiError("SR_NOT_SHARABLE", sr, other["host"])


def _images_in_use(db: Database, sr: Ref, host: Ref) -> list[Ref]:
    in_use = []
    for drive in db.rows("VBD").values():
        vm = db.get("VM", drive["VM"])
        here = vm["resident_on"] == host and is_running(vm)
        if here and not drive["empty"] and drive["currently_attached"]:
            image = drive["VDI"]
            if db.exists("VDI", image) and db.get("VDI", image)["SR"] == sr:
                in_use.append(image)
    return in_use
