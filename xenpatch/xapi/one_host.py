"""Looks at one host with few and small questions, for steps and loops that need no whole inventory."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from xenpatch.errors import XapiFailure
from xenpatch.xapi.inventory import Host
from xenpatch.xapi.objects import host_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import host_of, is_alive, is_real
from xenpatch.xapi.types import HostRef, HostUuid, SrUuid, VmUuid

_SMALL: Final = ("host_metrics", "network", "PIF", "SR", "pool_patch")
_OF_THE_HOST: Final = {"VM": "resident_on", "PBD": "host", "host_patch": "host"}


def read_host(session: Session, uuid: HostUuid) -> Host:
    """The host as `read_inventory` shows it, without reading the pool's VMs and their disks.

    Raises XapiFailure UUID_INVALID when the pool has no such host.
    """
    ref = host_ref(session, uuid)
    record = session.read("host.get_record", ref)
    tables = {name: session.read(f"{name}.get_all_records") for name in _SMALL}
    for name, field in _OF_THE_HOST.items():
        tables[name] = session.read(f"{name}.get_all_records_where", f'field "{field}" = "{ref}"')
    return host_of(ref, record, tables)


def attached_srs(session: Session, host: HostRef) -> frozenset[SrUuid]:
    """The SRs attached to the host: `Host.attached_srs`."""
    pbds = session.read("PBD.get_all_records_where", f'field "host" = "{host}"').values()
    found = (_sr_uuid(session, pbd["SR"]) for pbd in pbds if pbd["currently_attached"])
    return frozenset(sr for sr in found if sr is not None)


def resident_names(session: Session, host: HostRef, but: Collection[VmUuid] = ()) -> tuple[str, ...]:
    """The names of the VMs that live on the host, running or paused: those of `Inventory.residents`."""
    vms = session.read("VM.get_all_records_where", f'field "resident_on" = "{host}"').values()
    here = (vm for vm in vms if is_real(vm) and is_alive(vm) and vm["uuid"] not in but)
    return tuple(sorted(vm["name_label"] for vm in here))


def _sr_uuid(session: Session, ref: str) -> SrUuid | None:
    """None for an SR that is gone: its PBD may outlive it for a moment."""
    try:
        return SrUuid(session.read("SR.get_uuid", ref))
    except XapiFailure as gone:
        if gone.code != "HANDLE_INVALID":
            raise
        return None
