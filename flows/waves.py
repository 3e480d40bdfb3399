"""The hosts of a run, wave after wave, each as a subflow."""

from flows.job import Job
from flows.patch_host import patch_host
from tasks import artifacts
from tasks.plan import plan_anew
from tasks.runner import SideBySide
from xenpatch.errors import LockLost, PoolError
from xenpatch.plan.model import Plan, Turn
from xenpatch.report import HostReport
from xenpatch.steps.conductor import conduct, conductor


def wave_after_wave(job: Job, plan: Plan) -> tuple[HostReport, ...]:
    """A subflow for each host; the next hosts are taken only when those before are verified.

    Their VMs may still be on the way home then, as the plan allows.
    """
    lead = conduct(plan, lambda: plan_anew(job.pool, job.bundle, job.options))
    bar, taken = artifacts.progress(len(plan.turns)), 0
    with SideBySide[HostReport]() as beside:
        try:
            while turns := lead.next_turns():
                artifacts.advance(bar, taken, taken + len(turns) + len(lead.waiting()))
                taken += len(turns)
                for turn in turns:
                    beside.start(turn.host, _take_turn, job, turn)
        except PoolError as failed:
            if isinstance(failed, LockLost):
                lead.abort(failed)
        except BaseException as ended:
            lead.abort(ended)
            raise
        reports = beside.results(lead.culprit)
    artifacts.advance(bar, len(reports), len(reports))
    return reports


def _take_turn(job: Job, turn: Turn) -> HostReport:
    """Whatever ends a host's turn early lets no other one begin."""
    try:
        return patch_host(job.pool, job.ssh, job.run, turn, job.bundle, job.options)
    except BaseException as failed:
        conductor().stop(failed, turn.host)
        raise
