"""VM.pool_migrate: a running VM goes from one host of the pool to another.

Source: xapi 6.0.2, message_forwarding and xapi_vm_migrate.
"""

from collections.abc import Mapping
from typing import Final

from simulator import guest, memory
from simulator.call import Call, Ref, XapiError, message
from simulator.database import Database
from simulator.forwarding import Agent, contact
from simulator.host_versions import assert_not_older
from simulator.operations import operation
from simulator.placement import assert_can_boot_here, assert_sees_storage
from simulator.processors import assert_compatible
from simulator.reservation import reserved
from simulator.vm_record import boot_record
from simulator.world import World

_SLICES: Final = 20
"""How often a move under way reports its progress and notices that it was cancelled or that a host died."""


@message("VM.pool_migrate")
def pool_migrate(call: Call, vm: Ref, host: Ref, options: Mapping[str, str]) -> None:
    """Move a VM; it stays Running, and on its host, until all its memory is on the other one.

    Its memory counts on both hosts until then. Until then too the task can be cancelled, and whatever fails
    leaves the VM where it was.
    """
    assert_not_older(call.db, call.db.get("VM", vm)["resident_on"], host)
    assert_sees_storage(call.db, vm, host)
    with (
        operation(call, "VM", vm, "pool_migrate"),
        reserved(call, vm, "vm_migrate", lambda: _checked_target(call.db, vm, host)),
    ):
        _move(call, vm, host, options)


def duration(world: World, vm: Ref) -> float:
    """Return how long the VM's move takes: by the memory it has when ballooned down."""
    size = int(world.db.get("VM", vm)["memory__dynamic_min"]) / memory.GIB
    return world.durations.migration_base + world.durations.migration_per_gib * size


def _checked_target(db: Database, vm: Ref, host: Ref) -> Ref:
    assert_can_boot_here(db, vm, host, boot_record(db.get("VM", vm)))
    return host


def _move(call: Call, vm: Ref, host: Ref, options: Mapping[str, str]) -> None:
    sender = contact(call.world, call.db.get("VM", vm)["resident_on"])
    if options.get("force") != "true":
        assert_compatible(call.db, vm, host)
    if not call.db.get("host", host)["enabled"]:
        raise XapiError("HOST_DISABLED", vm)  # the VM, where the error means a host: a slip of 6.x
    receiver = Agent.of(call.world, host)
    slice_length = duration(call.world, vm) / _SLICES
    for number in range(_SLICES):
        _assert_both_run(sender, receiver)
        call.task.set_progress(number / _SLICES)
        call.sleep(slice_length)
    with call.db.lock:
        _assert_both_run(sender, receiver)
        guest.appear(call.db, vm, host)
    call.task.set_progress(1.0)


def _assert_both_run(sender: Agent, receiver: Agent) -> None:
    sender.assert_running()
    if not receiver.running:
        raise XapiError("HOST_OFFLINE", receiver.runtime.ref)
