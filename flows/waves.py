"""The hosts of a run, wave after wave, each as a subflow."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger

from flows.job import Job
from flows.patch_host import patch_host
from flows.window import stop_if_too_late
from tasks.abandon import bring_back
from tasks.apply import apply_all
from tasks.migrate import who_is_not_home
from tasks.plan import look_who_is_there, plan_anew
from tasks.runner import SideBySide
from xenpatch.errors import Interrupted, LockLost, PoolError, StepFailed, Stopped, XapiFailure
from xenpatch.plan.model import Placement, Plan, Turn
from xenpatch.report import HostReport
from xenpatch.steps.conductor import conduct, conductor


def wave_after_wave(job: Job, plan: Plan) -> tuple[HostReport, ...]:
    """A subflow for each host; the next hosts are taken only when those before are verified.

    Their VMs may still be on the way home then, as the plan allows.
    """
    look = partial(look_who_is_there, job.pool)
    lead = conduct(plan, partial(_plan_anew, job), look, job.picture.pool.members)
    stopped: PoolError | None = None
    with SideBySide[HostReport]() as beside:
        try:
            while turns := lead.next_turns(partial(_gate, job)):
                for turn in turns:
                    beside.start(turn.host, _take_turn, job, turn)
        except PoolError as failed:
            stopped = failed
            if isinstance(failed, LockLost):
                lead.abort(failed)
        except Stopped as boundary:
            _rest(job, beside, boundary)
        except (KeyboardInterrupt, TerminationSignal) as asked:
            _stop_safely(beside, asked)
        except BaseException as ended:
            lead.abort(ended)
            raise
        reports = beside.results(lead.culprit)
    if stopped is not None:
        raise stopped
    return reports


def _gate(job: Job, ahead: Plan) -> None:
    """Before each wave; raise Stopped if it must not begin."""
    stop_if_too_late(job, ahead)
    job.gate.before_hosts(ahead.turns, taken=len(conductor().happened().turns))


def _rest(job: Job, beside: SideBySide[HostReport], boundary: Stopped) -> None:
    """Have the VMs that are on their way home arrive, then end the run. Raises Stopped, PoolError.

    Where some would only come home with a further host, as many as there is room for are brought there now.
    """
    lead = conductor()
    get_run_logger().info("no further host is taken: %s", boundary)
    lead.stop(boundary)
    try:
        beside.results()
    except LockLost:
        raise
    except PoolError as failed:
        get_run_logger().warning("not all went home as planned: %s", failed)
        if job.options.placement is Placement.HOME:
            with suppress(XapiFailure):  # whose it is, is told below
                bring_back(job.pool, job.run, job.bundle)
    except BaseException as ended:
        lead.abort(ended)
        raise
    away = who_is_not_home(job.pool, job.options.placement)
    if away:
        boundary.args = (f"{boundary} Not at home yet: {', '.join(away)}.",)
    raise boundary


def _plan_anew(job: Job) -> Plan:
    """Plan what is left, for the hosts that are there now: one that has joined gets the hotfixes, too."""
    apply_all(job.pool, job.run, job.bundle)
    return plan_anew(job.pool, job.bundle, job.options, conductor().out_of_service())


def _stop_safely(beside: SideBySide[HostReport], asked: BaseException) -> None:
    """Let the hosts in hand be finished, or put back into service with their VMs, then end the run.

    Who asks once more is heard at once. Raises Stopped for a person at a terminal, for a cancellation what
    Prefect sent.
    """
    lead = conductor()
    in_hand = lead.in_hand()
    lead.stop(Interrupted("the run was asked to stop"))
    get_run_logger().warning(
        "asked to stop: no further host is taken, and %s finished or put back; once more stops at once",
        f"{', '.join(in_hand.values())} is" if in_hand else "nothing has to be",
    )
    try:
        became = beside.ends()
    except BaseException as again:
        lead.abort(again)
        raise
    if not isinstance(asked, KeyboardInterrupt):
        raise asked
    told = [
        f"{name} {'was finished' if became[host] else 'is in service again'}"
        for host, name in in_hand.items()
    ]
    raise Stopped(
        f"the run was stopped by a person. {'; '.join(told) or 'No host was in hand'}. Its record stays on "
        "the pool: `xenpatch resume` continues it, `xenpatch abandon` gives it up."
    )


@contextmanager
def _said_if_it_left(turn: Turn) -> Iterator[None]:
    """A host that the pool does not know any more is told as such."""
    try:
        yield
    except XapiFailure as failed:
        if failed.code != "UUID_INVALID" or turn.host not in failed.params:
            raise
        raise StepFailed(
            f"{turn.name} is no host of this pool any more: somebody removed it during its turn. Its VMs run "
            "on the other hosts, and no further host was touched. Start again to finish the others."
        ) from failed


def _take_turn(job: Job, turn: Turn) -> HostReport:
    """Whatever ends a host's turn early lets no other one begin."""
    try:
        with _said_if_it_left(turn):
            return patch_host(job.pool, job.ssh, job.run, turn, job.bundle, job.options)
    except BaseException as failed:
        conductor().stop(failed, turn.host)
        raise
