"""Taking a host out of service and its VMs away from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from xenpatch.errors import DrainFailed, ReplyLost, TaskLost, XapiFailure
from xenpatch.plan import history
from xenpatch.plan.history import MoveRecord
from xenpatch.plan.model import Move
from xenpatch.progress import MoveAdvanced, MoveDone, MoveStarted, publish
from xenpatch.record import DISABLED, RunId, add_once, assert_ours, homes, write_homes
from xenpatch.steps.health import await_healthy
from xenpatch.steps.passing import is_passing
from xenpatch.steps.sounding import surprise
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import PowerState
from xenpatch.xapi.moments import moment
from xenpatch.xapi.objects import host_ref, pool_record, vm_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_places
from xenpatch.xapi.types import HostRef, HostUuid, PoolUuid, VmRef

MIGRATED = "MAINTENANCE_MODE_EVACUATED_VMS_MIGRATED"
MOVE_LIMIT = 3600.0
DISABLE_LIMIT = 300.0


def disable(session: Session, run: RunId, host: HostUuid, beside: Collection[HostUuid] = ()) -> None:
    """Have the host accept no more VMs, and its own VMs listed where XenCenter looks for them.

    Safe to call again: ``host.disable`` is idempotent, and the list of a host that is disabled already
    (ours, from before) is kept; that of an enabled one is a leftover of somebody's earlier maintenance.
    Raises PoolUnhealthy when another host is out of service, those `beside` it aside.
    """
    assert_ours(session, run)
    await_healthy(session, but={host, *beside})
    ref = host_ref(session, host)
    if session.read("host.get_enabled", ref):
        session.call("host.remove_from_other_config", ref, MIGRATED)
        add_once(session, "host", ref, DISABLED, "true")
        what = f"{session.read('host.get_name_label', ref)} to be out of service"
        tasks.run(session, "host.disable", ref, what=what, limit=DISABLE_LIMIT)
    pool = read_places(session)
    write_homes(session, pool, host)
    vms = (vm for vm, home in homes(pool).items() if home == host)
    add_once(session, "host", host_ref(session, host), MIGRATED, ",".join(sorted(vms)))
    here = pool.host(host)
    if here.enabled:
        raise DrainFailed(f"{here.name} is still enabled after host.disable; no VM of it was moved")


def move_vm(session: Session, run: RunId, move: Move) -> str:
    """Have a VM on the host that the plan names, and return what proves it.

    Safe to call again: a VM that is there already is left alone, a migration under way is waited for, and
    after a lost answer the VM itself is asked. Raises XapiFailure as the server gives it, DrainFailed when
    the pool has changed so that the move is not sound any more.
    """
    assert_ours(session, run)
    vm, record = _vm(session, move)
    if _migrates(record):
        _await_end(session, move)
        vm, record = _vm(session, move)
    dst = host_ref(session, move.dst)
    if record["power_state"] == PowerState.RUNNING and record["resident_on"] == dst:
        return f"{move.vm_name} runs on {move.dst_name} already"
    if (reason := surprise(session, move, record, vm, dst)) is not None:
        raise DrainFailed(f"{move.vm_name} was not moved: {reason}")
    publish(MoveStarted(move))
    try:
        _migrate(session, move, vm, dst)
    except Exception as failed:
        publish(MoveDone(move, error=str(failed)))
        if isinstance(failed, XapiFailure) and not is_passing(failed):
            raise DrainFailed(
                f"{move.vm_name} did not get from {move.src_name} to {move.dst_name}: {failed}"
            ) from None
        raise
    publish(MoveDone(move))
    return f"{move.vm_name} runs on {move.dst_name}"


def _migrate(session: Session, move: Move, vm: VmRef, dst: HostRef) -> None:
    """A move that takes too long is called off: it must not come about when nobody expects it any more."""
    try:
        tasks.run(
            session,
            "VM.pool_migrate",
            vm,
            dst,
            {"live": "true"},
            what=f"{move.vm_name} to move from {move.src_name} to {move.dst_name}",
            limit=MOVE_LIMIT,
            on_progress=lambda fraction: publish(MoveAdvanced(move, fraction)),
            on_end=lambda task: _remember(session, move, task),
            call_off=True,
        )
    except (ReplyLost, TaskLost):
        _await_end(session, move)
    now_on = session.read("VM.get_resident_on", vm_ref(session, move.vm))
    if now_on != host_ref(session, move.dst):
        raise XapiFailure(
            "VM.pool_migrate", "VM_MIGRATE_FAILED", [move.vm_name, move.src_name, move.dst_name]
        )


def _vm(session: Session, move: Move) -> tuple[VmRef, dict[str, Any]]:
    try:
        vm = vm_ref(session, move.vm)
        return vm, session.read("VM.get_record", vm)
    except XapiFailure as gone:
        if gone.code != "UUID_INVALID":
            raise
        raise DrainFailed(f"{move.vm_name} was not moved: it is gone") from None


def _remember(session: Session, move: Move, task: dict[str, Any]) -> None:
    """Keep how long a move took, by the pool's own clock, for the estimates of later runs."""
    seconds = (moment(task["finished"]) - moment(task["created"])).total_seconds()
    well = task["status"] == "success"
    record = MoveRecord(move.vm, move.memory, move.src, move.dst, seconds, well)
    history.append(PoolUuid(pool_record(session)["uuid"]), record)


def _await_end(session: Session, move: Move) -> None:
    """Wait until nothing migrates the VM any more: its own record tells, whatever became of the task."""

    def look() -> bool | NotYet:
        return NotYet("it is still moving") if _is_moving(session, move) else True

    wait_for(f"the migration of {move.vm_name} that is under way", look, MOVE_LIMIT)


def _is_moving(session: Session, move: Move) -> bool:
    try:
        record = session.read("VM.get_record", vm_ref(session, move.vm))
    except XapiFailure as gone:
        if gone.code == "UUID_INVALID":
            return False
        raise
    return _migrates(record)


def _migrates(record: Mapping[str, Any]) -> bool:
    return "pool_migrate" in record["current_operations"].values()
