"""Whether a planned move is still sound when its moment has come, asked with few questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xenpatch.errors import XapiFailure
from xenpatch.plan.model import Move
from xenpatch.units import size
from xenpatch.xapi.inventory import PowerState
from xenpatch.xapi.objects import host_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import needed_memory
from xenpatch.xapi.types import HostRef, VmRef

Record = Mapping[str, Any]


def surprise(session: Session, move: Move, record: Record, vm: VmRef, dst: HostRef) -> str | None:
    """Why the move is not sound any more, or None if it is.

    ``record`` is the VM's own, just read; ``vm`` and ``dst`` are the references of this moment.

    The server is asked whether the target can run the VM (VM.assert_can_boot_here), but it counts guests as
    ballooned down; so memory is counted here, with what is on its way to the target.
    """
    if record["power_state"] != PowerState.RUNNING:
        return f"{move.vm_name} is {record['power_state'].lower()}, not running"
    if record["resident_on"] != host_ref(session, move.src):
        where = session.read("host.get_name_label", record["resident_on"])
        return f"{move.vm_name} is on {where}, not on {move.src_name}"
    target = session.read("host.get_record", dst)
    if not target["enabled"]:
        return f"{move.dst_name} is not in service"
    free = _free(session, dst, target, squeezed=move.memory < needed_memory(record))
    if free < move.memory:
        return f"{move.dst_name} has {size(max(free, 0))} free now, {move.vm_name} needs {size(move.memory)}"
    return _refusal(session, move, vm, dst)


def _free(session: Session, host: HostRef, record: Record, *, squeezed: bool) -> int:
    """Memory that VMs on the host, or on their way there, leave free (bytes)."""
    here = " or ".join(
        f'field "{name}" = "{host}"' for name in ("resident_on", "scheduled_to_be_resident_on")
    )
    total = int(session.read("host_metrics.get_memory_total", record["metrics"]))
    vms = session.read("VM.get_all_records_where", here).values()
    return (
        total
        - int(record["memory_overhead"])
        - sum(needed_memory(vm, squeezed=squeezed or vm["is_control_domain"]) for vm in vms)
    )


def _refusal(session: Session, move: Move, vm: VmRef, target: HostRef) -> str | None:
    try:
        session.read("VM.assert_can_boot_here", vm, target)
    except XapiFailure as refused:
        return f"{move.dst_name} cannot run {move.vm_name} now: {refused.code}"
    return None
