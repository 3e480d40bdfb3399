"""Keeping `allowed_operations` up to date wherever a change of one object lets or stops another.

Source: xapi 6.0.2, cancel_tasks (update_all_allowed_operations) and message_forwarding.
"""

from simulator import host_operations, vm_operations
from simulator.call import Ref
from simulator.database import Database
from simulator.device_operations import Drives, refresh_interface
from simulator.storage_operations import refresh_sr, refresh_vdi


def refresh_vm(db: Database, vm: Ref) -> None:
    """Bring a VM, its devices and its disks up to date."""
    with db.lock:
        vm_operations.refresh(db, vm)
        row = db.get("VM", vm)
        for vbd in row["VBDs"]:
            refresh_drive(db, vbd)
        for vif in row["VIFs"]:
            refresh_interface(db, vif)


def refresh_drive(db: Database, vbd: Ref) -> None:
    """Bring a drive and what is in it up to date."""
    with db.lock:
        Drives.refresh(db, vbd)
        image = db.get("VBD", vbd)["VDI"]
        if db.exists("VDI", image):
            refresh_vdi(db, image)


def refresh_all(db: Database) -> None:
    """Bring everything up to date, as the master does when its xapi starts."""
    with db.lock:
        for table, refresh in (
            ("VM", vm_operations.refresh),
            ("VBD", Drives.refresh),
            ("VIF", refresh_interface),
            ("VDI", refresh_vdi),
            ("SR", refresh_sr),
            ("host", host_operations.refresh),
        ):
            for ref in db.rows(table):
                refresh(db, ref)
