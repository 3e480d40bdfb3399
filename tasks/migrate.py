"""Take a host out of service and move its VMs away, or home again."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.plan.model import HostPlan, Move
from xenpatch.progress import Condition, HostState, Step, publish
from xenpatch.record import RunId, assert_ours
from xenpatch.steps import drain, maintenance
from xenpatch.xapi.session import open_session


@task(task_run_name="take {turn.name} out of service", cache_policy=NO_CACHE, **RETRIED)
def take_out_of_service(pool: XenServerPool, run: RunId, turn: HostPlan) -> None:
    """Let nothing new start on the host, and note its VMs where XenCenter looks for them."""
    with telling(Step.MIGRATE, f"take {turn.name} out of service", turn.host) as told:
        with open_session(pool.endpoint()) as session:
            drain.disable(session, run, turn.host)
        publish(HostState(turn.host, turn.name, Condition.DISABLED))
        told.done("disabled")


@task(task_run_name="migrate {move.vm_name} → {move.dst_name}", cache_policy=NO_CACHE, **RETRIED)
def migrate_vm(pool: XenServerPool, run: RunId, move: Move) -> str:
    """Have one VM on the host that the plan names."""
    with open_session(pool.endpoint()) as session:
        return drain.move_vm(session, run, move)


@task(task_run_name="put {turn.name} back into service", cache_policy=NO_CACHE, **RETRIED)
def put_back_into_service(pool: XenServerPool, run: RunId, turn: HostPlan) -> None:
    """Undo what was begun on a host that could not be emptied."""
    with open_session(pool.endpoint()) as session:
        assert_ours(session, run)
        maintenance.put_into_service(session, turn.host)
    publish(HostState(turn.host, turn.name, Condition.IN_SERVICE))
