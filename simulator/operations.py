"""Claiming an object for an operation, as xapi's message forwarding does under its global lock.

Source: xapi 6.0.2, message_forwarding (with_vm_operation, with_host_operation, retry).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from simulator import host_operations, vm_operations
from simulator.call import Call, Ref, XapiError
from simulator.database import Database
from simulator.device_operations import Drives

LONGEST_WAIT: Final = 2 * 3600.0
"""Simulated seconds after which xapi gives up and reports OTHER_OPERATION_IN_PROGRESS."""

_RETRY: Final = 10.0
"""xapi draws between 1 and 20, and is woken early too."""


class _Rules(Protocol):
    """The two functions that each class's rules offer."""

    def why_not(self, db: Database, ref: Ref, operation: str, /) -> XapiError | None: ...
    def refresh(self, db: Database, ref: Ref, /) -> None: ...


_RULES: Final[dict[str, _Rules]] = {"VM": vm_operations, "host": host_operations, "VBD": Drives}


@contextmanager
def operation(call: Call, table: str, ref: Ref, name: str) -> Iterator[None]:
    """Hold a VM, host or VBD in `current_operations` while the block runs.

    Waits, up to two hours and until the task is cancelled, for an operation in the way to end. Raises at once
    whatever else forbids the operation.
    """
    _claim_when_free(call, table, ref, name)
    try:
        yield
    finally:
        release(call.db, table, ref, call.task.ref)


def claim(db: Database, table: str, ref: Ref, key: Ref, name: str) -> None:
    """Enter an operation into `current_operations`; raise the reason if it is not allowed now."""
    rules = _RULES[table]
    with db.lock:
        reason = rules.why_not(db, ref, name)
        if reason is not None:
            raise reason
        db.set_in_map(table, ref, "current_operations", key, name)
        rules.refresh(db, ref)


def release(db: Database, table: str, ref: Ref, key: Ref) -> None:
    """Take an operation out of `current_operations`, unless the object or its operations are gone."""
    with db.lock:
        if db.exists(table, ref):
            db.remove_from_map(table, ref, "current_operations", key)
            _RULES[table].refresh(db, ref)


def forget_operations(db: Database, table: str, ref: Ref) -> None:
    """Drop everything under way on an object, as a restart of the xapi that did it does."""
    with db.lock:
        db.update(table, ref, current_operations={})
        _RULES[table].refresh(db, ref)


def _claim_when_free(call: Call, table: str, ref: Ref, name: str) -> None:
    give_up = call.clock.now() + LONGEST_WAIT
    while True:
        call.task.check_cancelled()
        generation = call.db.generation
        try:
            claim(call.db, table, ref, call.task.ref, name)
        except XapiError as reason:
            if reason.code != "OTHER_OPERATION_IN_PROGRESS" or call.clock.now() >= give_up:
                raise
            call.db.wait_change(generation, _RETRY)
        else:
            return
