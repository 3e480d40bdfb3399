"""What starting, moving and stopping a guest changes in the database, each as one step.

Source: xapi 6.0.2, xapi_vm_lifecycle (force_state_reset) and vmops.
"""

from typing import Any, Final

from simulator.allowed_operations import refresh_vm
from simulator.call import NULL, Ref
from simulator.database import Database, Row
from simulator.dates import iso8601
from simulator.processors import flags
from simulator.vm_record import has_booted_hvm, remember_boot, will_boot_hvm

_NO_DOMAIN: Final = -1


def boot(db: Database, vm: Ref, host: Ref, now: float, *, paused: bool) -> None:
    """Let a halted VM run on a host, whose clock says `now`."""
    with db.lock:
        remember_boot(db, vm)
        row = db.get("VM", vm)
        hvm = will_boot_hvm(row)
        for vbd in row["VBDs"]:
            db.update("VBD", vbd, currently_attached=hvm or not db.get("VBD", vbd)["empty"])
        for vif in row["VIFs"]:
            db.update("VIF", vif, currently_attached=True)
        _set_metrics(db, vm, start_time=iso8601(now), VCPUs__number=row["VCPUs__at_startup"])
        appear(db, vm, host, power_state="Paused" if paused else "Running")


def appear(db: Database, vm: Ref, host: Ref, *, power_state: str = "Running") -> None:
    """Let a VM run on a host, wherever it was; the memory reserved for it there is now used."""
    with db.lock:
        _give_memory_back(db, vm)
        row = db.get("VM", vm)
        db.update(
            "VM",
            vm,
            resident_on=host,
            scheduled_to_be_resident_on=NULL,
            power_state=power_state,
            domid=_new_domid(db),
            last_boot_CPU_flags={**row["last_boot_CPU_flags"], **flags(db, host)},
        )
        _use_memory(db, host, _footprint(row))
        _follow(db, vm)


def suspend(db: Database, vm: Ref, image: Ref) -> None:
    """Let a VM exist only as its suspend image."""
    with db.lock:
        _give_memory_back(db, vm)
        db.update("VM", vm, power_state="Suspended", suspend_VDI=image, resident_on=NULL, domid=_NO_DOMAIN)
        _follow(db, vm)


def halt(db: Database, vm: Ref) -> None:
    """Let a VM be off, whatever it was doing."""
    with db.lock:
        _give_memory_back(db, vm)
        row = db.get("VM", vm)
        for vbd in row["VBDs"]:
            db.update("VBD", vbd, currently_attached=False, reserved=False)
        for vif in row["VIFs"]:
            db.update("VIF", vif, currently_attached=False)
        db.update(
            "VM",
            vm,
            power_state="Halted",
            current_operations={},
            resident_on=NULL,
            scheduled_to_be_resident_on=NULL,
            domid=_NO_DOMAIN,
        )
        _follow(db, vm)


def measure(db: Database, vm: Ref) -> None:
    """Write down the memory that the VM has now, which the database does not keep over a restart."""
    with db.lock:
        row = db.get("VM", vm)
        _set_metrics(db, vm, memory__actual=row["memory__dynamic_max"] if is_running(row) else 0)


def is_running(vm: Row) -> bool:
    """Tell whether a VM has a domain, with its processors going on or paused."""
    return vm["power_state"] in {"Running", "Paused"}


def _new_domid(db: Database) -> int:
    return 1 + max(int(row["domid"]) for row in db.rows("VM").values())


def _set_metrics(db: Database, vm: Ref, **fields: Any) -> None:
    metrics = db.get("VM", vm)["metrics"]
    if db.exists("VM_metrics", metrics):
        db.update("VM_metrics", metrics, **fields)


def _follow(db: Database, vm: Ref) -> None:
    """Bring up to date what depends on whether and where the VM runs."""
    measure(db, vm)
    _renew_consoles(db, vm)
    refresh_vm(db, vm)


def _renew_consoles(db: Database, vm: Ref) -> None:
    row = db.get("VM", vm)
    for console in row["consoles"]:
        db.destroy("console", console)
    if is_running(row):
        ref, address = db.new_ref(), db.get("host", row["resident_on"])["address"]
        protocol = "rfb" if has_booted_hvm(row) else "vt100"
        location = f"https://{address}/console?ref={ref}"
        db.create("console", ref=ref, VM=vm, protocol=protocol, location=location)


def _footprint(vm: Row) -> int:
    return int(vm["memory__dynamic_max"]) + int(vm["memory__overhead"])


def _give_memory_back(db: Database, vm: Ref) -> None:
    row = db.get("VM", vm)
    if db.exists("host", row["resident_on"]):
        _use_memory(db, row["resident_on"], -_footprint(row))


def _use_memory(db: Database, host: Ref, size: int) -> None:
    """Change host_metrics.memory_free, which is what Xen measures and not what xapi plans with."""
    metrics = db.get("host", host)["metrics"]
    free = int(db.get("host_metrics", metrics)["memory__free"])
    db.update("host_metrics", metrics, memory__free=max(0, free - size))
