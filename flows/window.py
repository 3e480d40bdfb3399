"""What a run with a maintenance window does at its beginning, and before each wave."""

from datetime import UTC, datetime

from prefect.runtime import flow_run

from flows.job import Job
from tasks.upload import take_back
from xenpatch.errors import Refused, Stopped
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import Mode
from xenpatch.plan.ahead import next_wave
from xenpatch.plan.model import Plan
from xenpatch.steps.boundary import too_late
from xenpatch.steps.conductor import conductor
from xenpatch.window import Occurrence, Window, enter


def occurrence(window: Window | None) -> Occurrence | None:
    """The one in which this run may work, told by when it was scheduled; raise Refused outside of it."""
    if window is None:
        return None
    scheduled = flow_run.scheduled_start_time
    return enter(window, datetime.fromtimestamp(scheduled.timestamp(), UTC))


def refuse_if_too_late(job: Job, uploaded: tuple[Hotfix, ...] = ()) -> None:
    """Raise Refused, without our uploads, if not even the first hosts would be done in time."""
    plan = job.picture.plan
    if job.within is None or job.options.mode is Mode.MANUAL or not isinstance(plan, Plan):
        return
    ahead = next_wave(plan)
    if not ahead.turns or (reason := too_late(ahead, job.within)) is None:
        return
    if uploaded:
        take_back(job.pool, uploaded)
    raise Refused(
        f"too late for this window: {reason}. Nothing was changed. The next run that starts in a window "
        "does the work."
    )


def stop_if_too_late(job: Job, ahead: Plan) -> None:
    """Raise Stopped before hosts that would not be done in time."""
    if job.within is None or (reason := too_late(ahead, job.within)) is None:
        return
    done, hosts = _count(job)
    raise Stopped(
        f"{done} of {hosts} hosts done, continues in the next window: {reason}. No host is out of service, "
        "and the record stays on the pool. The next run that starts in a window continues, so does "
        "`xenpatch resume`; `xenpatch abandon` gives it up."
    )


def _count(job: Job) -> tuple[int, int]:
    """How many hosts of the run are done, by this or an earlier part of it, and how many there are."""
    waiting = {turn.host for turn in conductor().waiting()}
    begun = {turn.host for turn in conductor().happened().turns}
    earlier = {host.uuid for host in job.picture.pool.hosts} - {*job.picture.todo}
    return len((begun | earlier) - waiting), len(begun | earlier | waiting)
