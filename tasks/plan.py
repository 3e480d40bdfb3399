"""Plan the run: whole before it starts, and what is left of it when the pool has changed."""

from collections.abc import Collection

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks import XenServerPool
from tasks import artifacts
from tasks.connection import connected
from tasks.retries import RETRIED
from xenpatch.hotfix.bundle import Bundle
from xenpatch.options import PatchOptions
from xenpatch.plan.model import Plan
from xenpatch.progress import Planned, publish
from xenpatch.steps import lifecycle
from xenpatch.steps.foresight import foresee
from xenpatch.xapi.inventory import Members
from xenpatch.xapi.survey import read_places
from xenpatch.xapi.types import HostUuid


@task(task_run_name="plan the whole run", cache_policy=NO_CACHE, **RETRIED)
def plan_whole(pool: XenServerPool, bundle: Bundle, options: PatchOptions) -> Plan:
    """A plan from the pool as it is now; raise DrainFailed when there is none."""
    return _plan(pool, bundle, options)


@task(task_run_name="plan anew what is left", cache_policy=NO_CACHE, **RETRIED)
def plan_anew(
    pool: XenServerPool, bundle: Bundle, options: PatchOptions, in_hand: Collection[HostUuid]
) -> Plan:
    """The same, since the pool is not as the plan took it to be; hosts in hand go on first."""
    plan = _plan(pool, bundle, options, in_hand)
    get_run_logger().info("the pool has changed, so what is left was planned anew")
    return plan


@task(task_run_name="look which hosts the pool has", cache_policy=NO_CACHE, **RETRIED)
def look_who_is_there(pool: XenServerPool) -> Members:
    """The pool's hosts and its master."""
    with connected(pool) as session:
        return read_places(session).members


def _plan(
    pool: XenServerPool, bundle: Bundle, options: PatchOptions, in_hand: Collection[HostUuid] = ()
) -> Plan:
    with connected(pool) as session:
        plan = lifecycle.plan_rest(session, bundle, options, in_hand)
    seen = foresee(plan)
    publish(Planned(plan, seen))
    artifacts.plan(plan, seen)
    return plan
