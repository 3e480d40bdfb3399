"""Make the pool this run's own, keep a copy of its database, and give it back at the end."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks import XenServerPool
from tasks.connection import LAST_WORD, connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch import record
from xenpatch.errors import XapiFailure
from xenpatch.hotfix.bundle import Bundle
from xenpatch.options import PatchOptions
from xenpatch.progress import Step
from xenpatch.record import RunId
from xenpatch.steps import backup, lifecycle
from xenpatch.updates.mechanism import mechanism_for
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import read_inventory


@task(task_run_name="back up the pool database", cache_policy=NO_CACHE)
def back_up(pool: XenServerPool, folder: Path | None) -> Path:
    """Save the database; it holds secrets."""
    with telling(Step.BACKUP, "back up the pool database") as told, connected(pool) as session:
        path = backup.back_up(session, read_inventory(session), folder or backup.default_folder())
        told.done(f"{path} (it holds secrets; readable by its owner alone)")
    return path


@task(task_run_name="write the run record", cache_policy=NO_CACHE, **RETRIED)
def begin(pool: XenServerPool, run: RunId, bundle: Bundle, options: PatchOptions) -> None:
    """Claim the pool."""
    with telling(Step.RECORD, "write the run record") as told, connected(pool) as session:
        lifecycle.begin(session, run, bundle, options)
        told.done(f"run {run}")


@task(task_run_name="write the run record", cache_policy=NO_CACHE, **RETRIED)
def claim(pool: XenServerPool, run: RunId, bundle: Bundle, options: PatchOptions) -> None:
    """Claim the pool for a run that touches no host."""
    with telling(Step.RECORD, "write the run record") as told, connected(pool) as session:
        lifecycle.claim(session, run, bundle, options)
        told.done(f"run {run}")


@task(task_run_name="read the run record", cache_policy=NO_CACHE)
def read_record(pool: XenServerPool) -> tuple[Bundle, PatchOptions]:
    """What the run on the pool is about, and how it goes about it; raise Refused when there is none.

    The master may be rebooting, as a run has it do, so that it is waited for.
    """
    with connected(pool) as session:
        return lifecycle.recorded(session)


@task(task_run_name="take the run record away again", cache_policy=NO_CACHE, **RETRIED)
def withdraw(pool: XenServerPool, run: RunId, bundle: Bundle) -> bool:
    """Give the pool back as it was, if no host was touched; say whether."""
    with connected(pool) as session:
        return lifecycle.withdraw(session, run, bundle)


@task(task_run_name="prove that {bundle.name} is fully applied", cache_policy=NO_CACHE, **RETRIED)
def finish(pool: XenServerPool, run: RunId, bundle: Bundle, options: PatchOptions) -> tuple[str, ...]:
    """Prove the end, remove the run record, and return the names of the pool's hosts."""
    with telling(Step.REPORT, "fully applied") as told, connected(pool) as session:
        hosts = lifecycle.end(session, run, bundle, options).hosts
        told.done(f"{bundle.name} is fully applied: {', '.join(host.name for host in hosts)}")
    return tuple(host.name for host in hosts)


@task(task_run_name="remove the files of {bundle.name}", cache_policy=NO_CACHE, **RETRIED)
def clean(pool: XenServerPool, bundle: Bundle) -> None:
    """Free the space that the hotfix's files take; a failure is only told, as the pool is patched."""
    with connected(pool) as session:
        for manifest in bundle.manifests:
            try:
                mechanism_for(read_inventory(session)).clean(session, manifest)
            except XapiFailure as refused:
                get_run_logger().warning("the files of %s were not removed: %s", manifest.name, refused)


def give_up(pool: XenServerPool, run: RunId, reason: str) -> None:
    """Leave the record with the mark that this run acts no more, so that another may continue it."""
    with open_session(pool.endpoint(), patience=LAST_WORD) as session:
        record.mark_stopped(session, run, reason)
