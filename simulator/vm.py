"""VM.*: what a VM can do and where it could run.

Source: xapi 6.0.2, xapi_vm and xapi_vm_helpers.
"""

from simulator import memory, placement, vm_operations
from simulator.call import Call, Ref, message
from simulator.database import Row
from simulator.vm_record import boot_record

_WORST_CASE_VCPUS = 64


@message("VM.get_possible_hosts")
def get_possible_hosts(call: Call, vm: Ref) -> list[Ref]:
    """Return the hosts that could run the VM now."""
    return placement.possible_hosts(call.db, vm)


@message("VM.assert_can_boot_here")
def assert_can_boot_here(call: Call, vm: Ref, host: Ref) -> None:
    """Raise why the VM could not start on the host now."""
    placement.assert_can_boot_here(call.db, vm, host, call.db.get("VM", vm))


@message("VM.assert_operation_valid")
def assert_operation_valid(call: Call, vm: Ref, operation: str) -> None:
    """Raise why the VM does not allow an operation now."""
    reason = vm_operations.why_not(call.db, vm, operation)
    if reason is not None:
        raise reason


@message("VM.update_allowed_operations")
def update_allowed_operations(call: Call, vm: Ref) -> None:
    """Bring VM.allowed_operations up to date, which it always is here."""
    vm_operations.refresh(call.db, vm)


@message("VM.compute_memory_overhead")
def compute_memory_overhead(call: Call, vm: Ref) -> int:
    """Return the bytes that running the VM costs besides its own memory."""
    row = call.db.get("VM", vm)
    return memory.overhead(row if row["power_state"] == "Halted" else boot_record(row))


@message("VM.maximise_memory")
def maximise_memory(call: Call, vm: Ref, total: int, approximate: bool) -> int:  # as on the wire
    """Return the most memory, in whole MiB, with which the VM would fit into `total` bytes of a host."""
    row = call.db.get("VM", vm)
    if approximate:
        row = {**row, "VCPUs__max": _WORST_CASE_VCPUS, "HVM__boot_policy": "BIOS order"}
    low, high = 0, total // memory.MIB
    while low < high:
        middle = (low + high + 1) // 2
        size = middle * memory.MIB
        if (
            memory.start_requirement({**row, "memory__static_max": size, "memory__dynamic_min": size})
            <= total
        ):
            low = middle
        else:
            high = middle - 1
    return low * memory.MIB


@message("VM.get_boot_record")
def get_boot_record(call: Call, vm: Ref) -> Row:
    """Return the VM as it last booted, where that differs in what it needs to run."""
    return boot_record(call.db.get("VM", vm))


@message("VM.get_cooperative")
def get_cooperative(call: Call, vm: Ref) -> bool:
    """Tell whether the VM balloons when asked: all do."""
    call.db.get("VM", vm)
    return True
