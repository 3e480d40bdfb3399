"""Maintenance mode, entered when the host is proved empty, left when its VMs are back."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.plan.model import Placement, Turn
from xenpatch.progress import Step
from xenpatch.record import RunId, assert_ours
from xenpatch.sleepers import sleepers
from xenpatch.steps import lifecycle, maintenance
from xenpatch.xapi.survey import read_places


@task(task_run_name="maintenance mode of {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def enter_maintenance(pool: XenServerPool, run: RunId, turn: Turn) -> None:
    """Prove the host disabled and empty, and mark it."""
    what = f"{turn.name} in maintenance mode"
    with telling(Step.MAINTENANCE, what, turn.host) as told, connected(pool) as session:
        told.done(maintenance.enter(session, run, turn.host))


@task(task_run_name="end maintenance mode of {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def leave_maintenance(pool: XenServerPool, run: RunId, turn: Turn, placement: Placement) -> None:
    """Remove the marks, unless VMs of the host are still to come home: then the end of the run does."""
    with connected(pool) as session:
        assert_ours(session, run)
        seen = read_places(session)
        away = any(home.uuid == turn.host for _, home in lifecycle.away(seen, placement))
        if not away and not any(sleepers(seen.host(turn.host).other_config)):
            maintenance.leave(session, turn.host)
