"""Reboot a host and wait until it is back in service."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.hotfix.bundle import Bundle
from xenpatch.plan.model import Turn
from xenpatch.progress import Condition, HostState, Step, publish
from xenpatch.record import RunId
from xenpatch.steps.reboot import Rebooted, reboot


@task(task_run_name="reboot {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def reboot_host(pool: XenServerPool, run: RunId, turn: Turn, bundle: Bundle, limit: float) -> Rebooted:
    """Have the host booted since the hotfixes were applied; never a second time."""
    with telling(Step.REBOOT, f"reboot {turn.name}", turn.host) as told:
        publish(HostState(turn.host, turn.name, Condition.DOWN))
        with connected(pool) as session:
            booted = reboot(session, run, turn.host, bundle, limit)
        publish(HostState(turn.host, turn.name, Condition.IN_SERVICE))
        told.done(f"boot time {booted.before:.0f} before, {booted.after:.0f} now")
    return booted
