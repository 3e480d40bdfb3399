"""Give up a run: one task for each kind of thing that it has changed."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.hotfix.bundle import Bundle
from xenpatch.progress import Step
from xenpatch.record import RunId
from xenpatch.steps import abandon


@task(task_run_name="take the run record over", cache_policy=NO_CACHE)
def take_up(pool: XenServerPool, run: RunId, *, take_over: bool) -> Bundle:
    """Own the record of the run that is given up; raise Refused when there is none, RunInProgress."""
    with telling(Step.RECORD, "take the run record over") as told, connected(pool) as session:
        bundle = abandon.take_up(session, run, take_over=take_over)
        told.done(f"run {run}")
    return bundle


@task(task_run_name="put hosts back into service", cache_policy=NO_CACHE, **RETRIED)
def hosts_back(pool: XenServerPool, run: RunId) -> None:
    """Those that the run has disabled, with the VMs that it has stopped there."""
    with telling(Step.MAINTENANCE, "put hosts back into service") as told, connected(pool) as session:
        told.done(", ".join(abandon.hosts_back(session, run)) or "none was out of it")


@task(task_run_name="bring VMs home", cache_policy=NO_CACHE, **RETRIED)
def bring_back(pool: XenServerPool, run: RunId, bundle: Bundle) -> None:
    """Those that can go; the others stay where they run, and are told at the end."""
    with telling(Step.MIGRATE, "bring VMs home") as told, connected(pool) as session:
        told.done(", ".join(abandon.bring_home(session, run, bundle)) or "none was away")


@task(task_run_name="remove the run record", cache_policy=NO_CACHE, **RETRIED)
def forget(pool: XenServerPool, run: RunId, bundle: Bundle) -> tuple[str, ...]:
    """Remove every mark of the run; what stays half-done, as sentences."""
    with telling(Step.REPORT, "remove the run record") as told, connected(pool) as session:
        left = abandon.forget(session, run, bundle)
        told.done(" ".join(left))
    return left
