"""Take a host out of service and move its VMs away, or home again."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks import XenServerPool
from tasks import artifacts
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.hotfix.manifest import Manifest
from xenpatch.plan.model import HostPlan, Move
from xenpatch.progress import Condition, HostState, Planned, Step, publish
from xenpatch.record import RunId, assert_ours
from xenpatch.steps import drain, lifecycle, maintenance
from xenpatch.xapi.survey import read_inventory


@task(task_run_name="take {turn.name} out of service", cache_policy=NO_CACHE, **RETRIED)
def take_out_of_service(pool: XenServerPool, run: RunId, turn: HostPlan) -> None:
    """Let nothing new start on the host, and note its VMs where XenCenter looks for them."""
    with telling(Step.MIGRATE, f"take {turn.name} out of service", turn.host) as told:
        with connected(pool) as session:
            drain.disable(session, run, turn.host)
        publish(HostState(turn.host, turn.name, Condition.DISABLED))
        told.done("disabled")


@task(task_run_name="plan where the VMs of {turn.name} go", cache_policy=NO_CACHE, **RETRIED)
def plan_departure(pool: XenServerPool, manifest: Manifest, turn: HostPlan) -> tuple[Move, ...]:
    """The moves that empty the host, planned from the pool as it is; told when they are unexpected."""
    with connected(pool) as session:
        plan, moves = lifecycle.departure(session, manifest, turn.host)
    if not set(moves) <= set(turn.out):
        get_run_logger().info("the pool has changed, so what is left was planned anew")
        publish(Planned(plan))
        artifacts.plan(plan)
    return moves


@task(task_run_name="find the VMs whose home is {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def plan_return(pool: XenServerPool, turn: HostPlan) -> tuple[Move, ...]:
    """The moves that bring the host's own VMs home."""
    with connected(pool) as session:
        return lifecycle.homecoming(read_inventory(session), turn.host)


@task(task_run_name="migrate {move.vm_name} → {move.dst_name}", cache_policy=NO_CACHE, **RETRIED)
def migrate_vm(pool: XenServerPool, run: RunId, move: Move) -> str:
    """Have one VM on the host that the plan names."""
    with connected(pool) as session:
        return drain.move_vm(session, run, move)


@task(task_run_name="put {turn.name} back into service", cache_policy=NO_CACHE, **RETRIED)
def put_back_into_service(pool: XenServerPool, run: RunId, turn: HostPlan) -> None:
    """Undo what was begun on a host that could not be emptied."""
    with connected(pool) as session:
        assert_ours(session, run)
        maintenance.put_into_service(session, turn.host)
    publish(HostState(turn.host, turn.name, Condition.IN_SERVICE))
