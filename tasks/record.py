"""Make the pool this run's own, keep a copy of its database, and give it back at the end."""

import os
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks import artifacts
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch import record
from xenpatch.hotfix.manifest import Manifest
from xenpatch.options import PatchOptions
from xenpatch.plan.model import Plan
from xenpatch.prechecks.picture import Picture
from xenpatch.progress import Planned, Step, publish
from xenpatch.record import RunId
from xenpatch.steps import backup, lifecycle
from xenpatch.steps.foresight import foresee
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import read_inventory

_LAST_WORD = float(os.environ.get("XENPATCH_LAST_WORD_SECONDS", "20"))
"""Who cancels a flow does not wait long for the pool to hear of it."""


@task(task_run_name="back up the pool database", cache_policy=NO_CACHE)
def back_up(pool: XenServerPool, folder: Path | None) -> Path:
    """Save the database; it holds secrets."""
    with telling(Step.BACKUP, "back up the pool database") as told, connected(pool) as session:
        path = backup.back_up(session, read_inventory(session), folder or backup.default_folder())
        told.done(f"{path} (it holds secrets; readable by its owner alone)")
    return path


@task(task_run_name="write the run record", cache_policy=NO_CACHE, **RETRIED)
def begin(pool: XenServerPool, run: RunId, picture: Picture, options: PatchOptions) -> Plan:
    """Claim the pool and fix the plan."""
    with telling(Step.RECORD, "write the run record") as told, connected(pool) as session:
        plan = lifecycle.begin(session, run, picture, options)
        told.done(f"run {run}")
    seen = foresee(plan)
    publish(Planned(plan, seen))
    artifacts.plan(plan, seen)
    return plan


@task(task_run_name="prove that {manifest.name} is fully applied", cache_policy=NO_CACHE, **RETRIED)
def finish(pool: XenServerPool, run: RunId, manifest: Manifest, options: PatchOptions) -> tuple[str, ...]:
    """Prove the end, remove the run record, and return the names of the pool's hosts."""
    with telling(Step.REPORT, "fully applied") as told, connected(pool) as session:
        hosts = lifecycle.end(session, run, manifest, options.placement).hosts
        told.done(f"{manifest.name} is fully applied: {', '.join(host.name for host in hosts)}")
    return tuple(host.name for host in hosts)


def give_up(pool: XenServerPool, run: RunId, reason: str) -> None:
    """Leave the record with the mark that this run acts no more, so that another may continue it."""
    with open_session(pool.endpoint(), patience=_LAST_WORD) as session:
        record.mark_stopped(session, run, reason)
