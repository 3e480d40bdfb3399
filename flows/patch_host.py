"""One host: VMs away, maintenance mode, reboot, verify, VMs home; others may have their turn beside it."""

import time
from functools import partial

from prefect import flow
from prefect.futures import PrefectFuture, wait

from blocks import Dom0SSH, XenServerPool
from tasks.asleep import stop_vm, wake_vms, who_has_to_stop
from tasks.maintenance import enter_maintenance, leave_maintenance
from tasks.migrate import (
    migrate_vm,
    plan_turning_back,
    put_back_into_service,
    take_out_of_service,
    who_is_away,
    who_is_left,
)
from tasks.reboot import reboot_host
from tasks.runner import begun, workers
from tasks.verify import note_before, verify_host
from xenpatch.errors import (
    DrainFailed,
    Interrupted,
    LockLost,
    PoolError,
    RebootRefused,
    ReturnFailed,
    in_words,
)
from xenpatch.hotfix.bundle import Bundle
from xenpatch.options import How, PatchOptions
from xenpatch.plan.model import Move, Placement, Turn
from xenpatch.record import RunId
from xenpatch.report import HostReport
from xenpatch.steps.conductor import TRIES, Conductor, conductor
from xenpatch.steps.reboot import Rebooted
from xenpatch.xapi.inventory import Vm
from xenpatch.xapi.types import VmUuid


@flow(name="patch-host", flow_run_name="{turn.name}", task_runner=workers())
def patch_host(
    pool: XenServerPool,
    ssh: Dom0SSH | None,
    run: RunId,
    turn: Turn,
    bundle: Bundle,
    options: PatchOptions,
) -> HostReport:
    """Patch one host, or only bring its VMs home if its turn was over; every step looks before it acts."""
    begun()
    began = time.monotonic()
    moved, rebooted, verified = 0, None, None
    before = note_before(pool, run, ssh, turn)
    if turn.reboots:
        moved = empty(pool, run, turn, bundle, options)
    if before is not None:
        rebooted = restart(pool, run, turn, bundle, options)
        beside = conductor().out_of_service()
        verified = verify_host(pool, ssh, turn, bundle, before, rebooted, beside)
    woken = wake_vms(pool, run, turn)
    conductor().updated(turn.host)
    home = bring_home(pool, run, turn)
    leave_maintenance(pool, run, turn, options.placement)
    return HostReport(
        host=turn.host,
        name=turn.name,
        rebooted=rebooted,
        moved_away=moved,
        brought_home=home,
        seconds=time.monotonic() - began,
        proved=verified.proved if verified else (),
        unchecked=verified.unchecked if verified else (),
        stopped=woken,
    )


def empty(pool: XenServerPool, run: RunId, turn: Turn, bundle: Bundle, options: PatchOptions) -> int:
    """Move the VMs away, and stop those that cannot; a host that cannot be emptied goes back into service."""
    take_out_of_service(pool, run, turn, conductor().out_of_service())
    try:
        staying = who_has_to_stop(pool, turn, options)
        moved = move_away(pool, run, turn, frozenset(vm.uuid for vm, _ in staying))
        _stop(pool, run, turn, staying)
        enter_maintenance(pool, run, turn)
    except PoolError as failed:
        if isinstance(failed, LockLost | Interrupted):
            raise
        conductor().stop(failed, turn.host)
        became = undo_emptying(pool, run, turn, bundle)
        raise DrainFailed(
            f"{turn.name} could not be emptied: {in_words(failed)}. {became}. It was not rebooted, and no "
            "further host was touched. Cure the cause and start again to continue."
        ) from failed
    return moved


def restart(pool: XenServerPool, run: RunId, turn: Turn, bundle: Bundle, options: PatchOptions) -> Rebooted:
    """Reboot the host; one that cannot be told to goes back into service."""
    try:
        return reboot_host(pool, run, turn, bundle, options.reboot_limit)
    except (RebootRefused, DrainFailed) as failed:
        conductor().stop(failed, turn.host)
        became = undo_emptying(pool, run, turn, bundle)
        raise RebootRefused(
            f"{failed}. {became}. No further host was touched. Cure the cause and start again to continue."
        ) from failed


def undo_emptying(pool: XenServerPool, run: RunId, turn: Turn, bundle: Bundle) -> str:
    """Put the host back into service with its VMs, and say what became of that; raise LockLost."""
    try:
        put_back_into_service(pool, run, turn)
        wake_vms(pool, run, turn)
        away = turn_back(pool, run, turn, bundle)
        leave_maintenance(pool, run, turn, Placement.HOME)
    except LockLost:
        raise
    except PoolError as also:
        return f"Nor could it be put back into service with all its VMs: {in_words(also)}"
    but = f", but for {', '.join(away)}, which run on other hosts" if away else ""
    return f"It is in service again with its VMs{but}"


def move_away(pool: XenServerPool, run: RunId, turn: Turn, staying: frozenset[VmUuid]) -> int:
    """Make the moves that empty the host but for the VMs `staying`; others that are left are planned anew."""
    moved = make_moves(pool, run, turn, leaving=True)
    for _ in range(TRIES):
        left = who_is_left(pool, turn, staying)
        if not left:
            break
        conductor().surprised(f"{', '.join(left)} came to {turn.name} or cannot leave it")
        moved += make_moves(pool, run, turn, leaving=True)
    return moved


def _stop(pool: XenServerPool, run: RunId, turn: Turn, staying: tuple[tuple[Vm, How], ...]) -> None:
    """Stop VMs at once, each as allowed; raise the first failure when all are over."""
    stops = [stop_vm.submit(pool, run, turn, vm, how) for vm, how in staying]
    wait(stops)
    for stop in stops:
        stop.result()


def bring_home(pool: XenServerPool, run: RunId, turn: Turn) -> int:
    """Make the moves that bring VMs home to the host; raise ReturnFailed when some stay elsewhere."""
    try:
        return make_moves(pool, run, turn, leaving=False)
    except ReturnFailed as failed:
        conductor().stop(failed, turn.host)
        raise ReturnFailed(
            f"not every VM got home to {turn.name}: {failed}. No further host was rebooted. "
            "Start again to bring them home and continue."
        ) from failed


def make_moves(pool: XenServerPool, run: RunId, turn: Turn, *, leaving: bool) -> int:
    """Start each move of the host's turn when its time has come, and return how many VMs have moved."""
    moves: list[PrefectFuture[str]] = []
    try:
        while (move := conductor().next_move(turn.host, leaving=leaving)) is not None:
            future = migrate_vm.submit(pool, run, move)
            moves.append(future)
            future.add_done_callback(partial(report, conductor(), move))
    finally:
        wait(moves)
    return sum(_failure(future) is None for future in moves)


def report(lead: Conductor, move: Move, ended: PrefectFuture[str]) -> None:
    """Tell the conductor how a move has ended; what is no matter of the pool ends the run."""
    failure = _failure(ended)
    if failure is None:
        lead.done(move)
    elif isinstance(failure, LockLost) or not isinstance(failure, PoolError):
        lead.abort(failure)
    else:
        lead.failed(move, str(failure))


def turn_back(pool: XenServerPool, run: RunId, turn: Turn, bundle: Bundle) -> tuple[str, ...]:
    """Bring back what left the host in vain; the names of VMs that stay where they run all the same."""
    moves = plan_turning_back(pool, bundle, turn)
    wait([migrate_vm.submit(pool, run, move) for move in moves])
    return who_is_away(pool, turn)


def _failure(ended: PrefectFuture[str]) -> BaseException | None:
    result: object = ended.result(raise_on_failure=False)
    return result if isinstance(result, BaseException) else None
