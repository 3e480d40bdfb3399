"""Take a host out of service and move its VMs away, or home again."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.hotfix.bundle import Bundle
from xenpatch.plan.model import Move, Placement, Turn
from xenpatch.progress import Condition, HostState, Step, publish
from xenpatch.record import RunId, assert_ours
from xenpatch.steps import drain, lifecycle, maintenance
from xenpatch.xapi.objects import host_ref
from xenpatch.xapi.one_host import resident_names
from xenpatch.xapi.survey import read_inventory, read_places
from xenpatch.xapi.types import HostUuid, VmUuid


@task(task_run_name="take {turn.name} out of service", cache_policy=NO_CACHE, **RETRIED)
def take_out_of_service(pool: XenServerPool, run: RunId, turn: Turn, beside: frozenset[HostUuid]) -> None:
    """Let nothing new start on the host, and note its VMs where XenCenter looks for them."""
    with telling(Step.MIGRATE, f"take {turn.name} out of service", turn.host) as told:
        with connected(pool) as session:
            drain.disable(session, run, turn.host, beside)
        publish(HostState(turn.host, turn.name, Condition.DISABLED))
        told.done("disabled")


@task(task_run_name="look who is left on {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def who_is_left(pool: XenServerPool, turn: Turn, staying: frozenset[VmUuid]) -> tuple[str, ...]:
    """The names of VMs that are on the host, `staying` aside, although every planned move was made."""
    with connected(pool) as session:
        return resident_names(session, host_ref(session, turn.host), staying)


@task(task_run_name="look who is away from {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def who_is_away(pool: XenServerPool, turn: Turn) -> tuple[str, ...]:
    """The names of VMs whose home is the host, but which run elsewhere."""
    with connected(pool) as session:
        away = lifecycle.away(read_places(session))
    return tuple(vm.name for vm, home in away if home.uuid == turn.host)


@task(task_run_name="look who is not at home", cache_policy=NO_CACHE, **RETRIED)
def who_is_not_home(pool: XenServerPool, placement: Placement) -> tuple[str, ...]:
    """The names of all VMs that run elsewhere than they should in the end."""
    with connected(pool) as session:
        return tuple(vm.name for vm, _ in lifecycle.away(read_places(session), placement))


@task(task_run_name="find the VMs that left {turn.name} in vain", cache_policy=NO_CACHE, **RETRIED)
def plan_turning_back(pool: XenServerPool, bundle: Bundle, turn: Turn) -> tuple[Move, ...]:
    """The moves that bring VMs back to a host that is not rebooted after all."""
    with connected(pool) as session:
        return lifecycle.turn_back(read_inventory(session), turn.host, bundle)


@task(task_run_name="migrate {move.vm_name} → {move.dst_name}", cache_policy=NO_CACHE, **RETRIED)
def migrate_vm(pool: XenServerPool, run: RunId, move: Move) -> str:
    """Have one VM on the host that the plan names."""
    with connected(pool) as session:
        return drain.move_vm(session, run, move)


@task(task_run_name="put {turn.name} back into service", cache_policy=NO_CACHE, **RETRIED)
def put_back_into_service(pool: XenServerPool, run: RunId, turn: Turn) -> None:
    """Undo what was begun on a host that could not be emptied."""
    with connected(pool) as session:
        assert_ours(session, run)
        maintenance.put_into_service(session, turn.host)
    publish(HostState(turn.host, turn.name, Condition.IN_SERVICE))
