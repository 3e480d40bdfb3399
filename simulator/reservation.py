"""Memory set aside on a host for a VM that is about to run there.

Source: xapi 6.0.2, message_forwarding (reserve_memory_for_vm, forward_to_suitable_host).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator import operations
from simulator.call import NULL, Call, Ref


@contextmanager
def reserved(call: Call, vm: Ref, host_operation: str, choose: Callable[[], Ref]) -> Iterator[Ref]:
    """Hold a VM's memory on a host, and the host in an operation, while the block runs.

    `choose` returns the host, or raises why there is none; no other call can take the memory in between.
    """
    with call.db.lock:
        host = choose()
        operations.claim(call.db, "host", host, call.task.ref, host_operation)
        call.db.update("VM", vm, scheduled_to_be_resident_on=host)
    try:
        yield host
    finally:
        with call.db.lock:
            operations.release(call.db, "host", host, call.task.ref)
            if call.db.exists("VM", vm) and call.db.get("VM", vm)["scheduled_to_be_resident_on"] == host:
                call.db.update("VM", vm, scheduled_to_be_resident_on=NULL)
