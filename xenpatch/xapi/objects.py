"""From a uuid to the reference of the moment: references change when the master restarts."""

from typing import Any

from xenpatch.errors import XapiFailure
from xenpatch.xapi.session import Session
from xenpatch.xapi.types import HostRef, HostUuid, PoolRef, VmRef, VmUuid


def pool_ref(session: Session) -> PoolRef:
    """The pool that the session talks to."""
    return PoolRef(session.read("pool.get_all")[0])


def pool_record(session: Session) -> dict[str, Any]:
    """The record of the pool that the session talks to."""
    record: dict[str, Any] = next(iter(session.read("pool.get_all_records").values()))
    return record


def pool_config(session: Session) -> dict[str, str]:
    """The other_config of the pool, where a run writes what it does."""
    found: dict[str, str] = session.read("pool.get_other_config", pool_ref(session))
    return found


def host_ref(session: Session, host: HostUuid) -> HostRef:
    """The host of that uuid; XapiFailure UUID_INVALID when the pool has none."""
    return HostRef(session.read("host.get_by_uuid", host))


def vm_ref(session: Session, vm: VmUuid) -> VmRef:
    """The VM of that uuid; XapiFailure UUID_INVALID when it is gone."""
    return VmRef(session.read("VM.get_by_uuid", vm))


def find(session: Session, kind: str, uuid: str) -> str | None:
    """The reference of an object of that class; None when it is gone."""
    try:
        return str(session.read(f"{kind}.get_by_uuid", uuid))
    except XapiFailure as gone:
        if gone.code != "UUID_INVALID":
            raise
        return None
