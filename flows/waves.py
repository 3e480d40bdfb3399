"""The hosts of a run, wave after wave, each as a subflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger

from flows.job import Job
from flows.patch_host import patch_host
from tasks import artifacts
from tasks.apply import apply_all
from tasks.plan import look_who_is_there, plan_anew
from tasks.runner import SideBySide
from xenpatch.errors import Interrupted, LockLost, PoolError, StepFailed, Stopped, XapiFailure
from xenpatch.plan.model import Plan, Turn
from xenpatch.report import HostReport
from xenpatch.steps.conductor import Conductor, conduct, conductor


def wave_after_wave(job: Job, plan: Plan) -> tuple[HostReport, ...]:
    """A subflow for each host; the next hosts are taken only when those before are verified.

    Their VMs may still be on the way home then, as the plan allows.
    """
    look = partial(look_who_is_there, job.pool)
    lead = conduct(plan, partial(_plan_anew, job), look, job.picture.pool.members)
    bar, taken = artifacts.progress(len(plan.turns)), 0
    stopped: PoolError | None = None
    with SideBySide[HostReport]() as beside:
        try:
            while turns := _next_turns(job, lead, beside, taken):
                artifacts.advance(bar, taken, taken + len(turns) + len(lead.waiting()))
                taken += len(turns)
                for turn in turns:
                    beside.start(turn.host, _take_turn, job, turn)
        except PoolError as failed:
            stopped = failed
            if isinstance(failed, LockLost):
                lead.abort(failed)
        except (KeyboardInterrupt, TerminationSignal) as asked:
            _stop_safely(beside, asked)
        except BaseException as ended:
            lead.abort(ended)
            raise
        reports = beside.results(lead.culprit)
    if stopped is not None:
        raise stopped
    artifacts.advance(bar, len(reports), len(reports))
    return reports


def _next_turns(job: Job, lead: Conductor, beside: SideBySide[HostReport], taken: int) -> tuple[Turn, ...]:
    """The next hosts, once they may be taken; a run that may not go on first ends the turns in hand."""
    if soon := lead.upcoming():
        try:
            job.gate.before_hosts(soon, taken)
        except Stopped as held:
            beside.ends()
            lead.stop(held)
    return lead.next_turns()


def _plan_anew(job: Job) -> Plan:
    """Plan what is left, for the hosts that are there now: one that has joined gets the hotfixes, too."""
    apply_all(job.pool, job.run, job.bundle)
    return plan_anew(job.pool, job.bundle, job.options)


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
