"""Taking a host out of service and its VMs away from it."""

from __future__ import annotations

from xenpatch.errors import DrainFailed, ReplyLost, TaskLost, XapiFailure
from xenpatch.plan.model import Move
from xenpatch.plan.planner import check_move
from xenpatch.progress import MoveAdvanced, MoveDone, MoveStarted, publish
from xenpatch.record import DISABLED, RunId, add_once, assert_ours, homes, write_homes
from xenpatch.steps.health import await_healthy
from xenpatch.steps.passing import is_passing
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import PowerState
from xenpatch.xapi.objects import host_ref, vm_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid

MIGRATED = "MAINTENANCE_MODE_EVACUATED_VMS_MIGRATED"
MOVE_LIMIT = 3600.0


def disable(session: Session, run: RunId, host: HostUuid) -> None:
    """Have the host accept no more VMs, and its own VMs listed where XenCenter looks for them.

    Safe to call again: ``host.disable`` is idempotent, and the list of a host that is disabled already
    (ours, from before) is kept; that of an enabled one is a leftover of somebody's earlier maintenance.
    Raises PoolUnhealthy when another host is out of service.
    """
    assert_ours(session, run)
    here = await_healthy(session, but=host).host(host)
    if here.enabled:
        session.call("host.remove_from_other_config", here.ref, MIGRATED)
        add_once(session, "host", here.ref, DISABLED, "true")
        session.call("host.disable", here.ref)
    pool = read_inventory(session)
    write_homes(session, pool, host)
    vms = (vm for vm, home in homes(pool).items() if home == host)
    add_once(session, "host", host_ref(session, host), MIGRATED, ",".join(sorted(vms)))
    if pool.host(host).enabled:
        raise DrainFailed(f"{here.name} is still enabled after host.disable; no VM of it was moved")


def move_vm(session: Session, run: RunId, move: Move) -> str:
    """Have a VM on the host that the plan names, and return what proves it.

    Safe to call again: a VM that is there already is left alone, a migration under way is waited for, and
    after a lost answer the VM itself is asked. Raises XapiFailure as the server gives it, DrainFailed when
    the pool has changed so that the move is not sound any more.
    """
    assert_ours(session, run)
    if _is_moving(session, move):
        _await_end(session, move)
    pool = read_inventory(session)
    vm = pool.vm(move.vm)
    if vm is not None and vm.power_state is PowerState.RUNNING and vm.resident_on == move.dst:
        return f"{move.vm_name} runs on {move.dst_name} already"
    if (surprise := check_move(pool, move)) is not None:
        raise DrainFailed(f"{move.vm_name} was not moved: {surprise}")
    publish(MoveStarted(move))
    try:
        _migrate(session, move)
    except Exception as failed:
        publish(MoveDone(move, error=str(failed)))
        if isinstance(failed, XapiFailure) and not is_passing(failed):
            raise DrainFailed(
                f"{move.vm_name} did not get from {move.src_name} to {move.dst_name}: {failed}"
            ) from None
        raise
    publish(MoveDone(move))
    return f"{move.vm_name} runs on {move.dst_name}"


def _migrate(session: Session, move: Move) -> None:
    vm, dst = vm_ref(session, move.vm), host_ref(session, move.dst)
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
        )
    except (ReplyLost, TaskLost):
        _await_end(session, move)
    record = session.read("VM.get_record", vm_ref(session, move.vm))
    if record["resident_on"] != host_ref(session, move.dst):
        raise XapiFailure(
            "VM.pool_migrate", "VM_MIGRATE_FAILED", [move.vm_name, move.src_name, move.dst_name]
        )


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
    return "pool_migrate" in record["current_operations"].values()
