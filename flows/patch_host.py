"""One host: VMs away, maintenance mode, reboot, verify, VMs home."""

import time
from collections.abc import Callable

from prefect import flow
from prefect.futures import wait

from blocks import Dom0SSH, XenServerPool
from tasks.maintenance import enter_maintenance, leave_maintenance
from tasks.migrate import (
    migrate_vm,
    plan_departure,
    plan_return,
    put_back_into_service,
    take_out_of_service,
)
from tasks.reboot import reboot_host
from tasks.runner import workers
from tasks.verify import note_before, verify_host
from xenpatch.errors import DrainFailed, LockLost, PoolError, ReturnFailed
from xenpatch.hotfix.manifest import Manifest
from xenpatch.options import PatchOptions
from xenpatch.plan.model import HostPlan, Move
from xenpatch.record import RunId
from xenpatch.report import HostReport

ROUNDS = 3


@flow(name="patch-host", flow_run_name="{turn.name}", task_runner=workers(2))
def patch_host(
    pool: XenServerPool,
    ssh: Dom0SSH | None,
    run: RunId,
    turn: HostPlan,
    manifest: Manifest,
    options: PatchOptions,
) -> HostReport:
    """Patch one host, or only bring its VMs home if its turn was over; every step looks before it acts."""
    began = time.monotonic()
    moved, rebooted, verified = 0, None, None
    before = note_before(pool, run, ssh, turn)
    if turn.reboots:
        moved = empty(pool, run, turn, manifest)
    if before is not None:
        rebooted = reboot_host(pool, run, turn, manifest, options.reboot_limit)
        verified = verify_host(pool, ssh, turn, manifest, before)
    home = bring_home(pool, run, turn)
    leave_maintenance(pool, run, turn)
    return HostReport(
        host=turn.host,
        name=turn.name,
        rebooted=rebooted,
        moved_away=moved,
        brought_home=home,
        seconds=time.monotonic() - began,
        proved=verified.proved if verified else (),
        unchecked=verified.unchecked if verified else (),
    )


def empty(pool: XenServerPool, run: RunId, turn: HostPlan, manifest: Manifest) -> int:
    """Move the VMs away; a host that cannot be emptied goes back into service with its VMs."""
    take_out_of_service(pool, run, turn)
    try:
        moved = move_all(pool, run, lambda: plan_departure(pool, manifest, turn))
        enter_maintenance(pool, run, turn)
    except DrainFailed as failed:
        put_back_into_service(pool, run, turn)
        bring_home(pool, run, turn)
        leave_maintenance(pool, run, turn)
        raise DrainFailed(
            f"{turn.name} could not be emptied: {failed}. It is in service again with its VMs, was not "
            "rebooted, and no further host was touched. Cure the cause and start again to continue."
        ) from failed
    return moved


def bring_home(pool: XenServerPool, run: RunId, turn: HostPlan) -> int:
    """Move the host's own VMs back to it; raise ReturnFailed with those that are still elsewhere."""
    try:
        return move_all(pool, run, lambda: plan_return(pool, turn))
    except DrainFailed as failed:
        raise ReturnFailed(
            f"not every VM got home to {turn.name}: {failed}. No further host was touched. "
            "Start again to bring them home and continue."
        ) from failed


def move_all(pool: XenServerPool, run: RunId, plan: Callable[[], tuple[Move, ...]]) -> int:
    """Carry out the moves that `plan` finds in the pool until it finds none, and return how many VMs moved.

    It looks anew after every round, so that moves that failed are planned again from what is then; raise
    DrainFailed when that is of no avail.
    """
    moved = 0
    failures: list[str] = []
    for _ in range(ROUNDS):
        moves = plan()
        if not moves:
            return moved
        failures = _move_together(pool, run, moves)
        moved += len(moves) - len(failures)
    if moves := plan():
        raise DrainFailed("; ".join(failures) or f"{len(moves)} VMs are still to move")
    return moved


def _move_together(pool: XenServerPool, run: RunId, moves: tuple[Move, ...]) -> list[str]:
    """As many at once as the flow's task runner has workers; what could not be moved, and why."""
    futures = [migrate_vm.submit(pool, run, move) for move in moves]
    wait(futures)
    results: list[object] = [future.result(raise_on_failure=False) for future in futures]
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if isinstance(failure, LockLost) or not isinstance(failure, PoolError):
            raise failure
    return [
        f"{move.vm_name}: {result}"
        for move, result in zip(moves, results, strict=True)
        if isinstance(result, BaseException)
    ]
