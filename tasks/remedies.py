"""Put aside what stands in the way, and put all of it back at the end."""

from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import LAST_WORD, connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.errors import StepFailed
from xenpatch.prechecks.remedy import Remedy
from xenpatch.progress import Step
from xenpatch.record import RunId
from xenpatch.steps import asleep, remedies
from xenpatch.xapi.objects import pool_config
from xenpatch.xapi.session import open_session


@task(task_run_name="{remedy.kind.value} of {remedy.name}", cache_policy=NO_CACHE, **RETRIED)
def make_remedy(pool: XenServerPool, run: RunId, remedy: Remedy) -> None:
    """Make one remedy, written on the pool with its undo before."""
    what = f"{remedy.kind} of {remedy.name}"
    with telling(Step.PRECHECK, what) as told, connected(pool) as session:
        told.done(remedies.make(session, run, remedy))


@task(task_run_name="look what was put aside", cache_policy=NO_CACHE, **RETRIED)
def put_aside(pool: XenServerPool) -> dict[str, Remedy]:
    """The remedies that are to be undone, the last one first, by their keys on the pool."""
    with connected(pool) as session:
        return remedies.written(pool_config(session))


@task(task_run_name="undo {remedy.kind.value} of {remedy.name}", cache_policy=NO_CACHE, **RETRIED)
def undo_remedy(pool: XenServerPool, run: RunId, key: str, remedy: Remedy) -> None:
    """Put one back as it was."""
    what = f"undo: {remedy.kind} of {remedy.name}"
    with telling(Step.REPORT, what) as told, connected(pool) as session:
        told.done(remedies.undo(session, run, key, remedy))


def put_back_at_last(pool: XenServerPool, run: RunId) -> None:
    """The same for a run that has failed: in one session, and not for long with a pool that is silent.

    VMs that were stopped for the reboot of their host are woken before. Raises Unreachable when the pool does
    not answer, StepFailed with all that is not as it was, LockLost.
    """
    with open_session(pool.endpoint(), patience=LAST_WORD) as session:
        left = list(asleep.wake_at_last(session, run))
        found = remedies.written(pool_config(session))
        try:
            remedies.undo_each(found, partial(remedies.undo, session, run))
        except StepFailed as failed:
            left.append(str(failed))
    if left:
        raise StepFailed(" ".join(left))


def put_back(pool: XenServerPool, run: RunId) -> None:
    """Undo all, the last one first; raise StepFailed with those that failed, LockLost."""
    remedies.undo_each(put_aside(pool), partial(undo_remedy, pool, run))
