"""Stop the VMs that cannot leave their host, and have them there again."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.options import How, PatchOptions
from xenpatch.plan.model import Turn
from xenpatch.progress import Step
from xenpatch.record import RunId
from xenpatch.steps import asleep, lifecycle
from xenpatch.xapi.inventory import Vm


@task(task_run_name="look who has to be stopped on {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def who_has_to_stop(pool: XenServerPool, turn: Turn, options: PatchOptions) -> tuple[tuple[Vm, How], ...]:
    """The VMs of the host that cannot move, and how the operator allows them to be stopped."""
    if not options.stop:
        return ()
    with connected(pool) as session:
        return lifecycle.to_stop(session, turn.host, options)


@task(task_run_name="{how.value} {vm.name}", cache_policy=NO_CACHE, **RETRIED)
def stop_vm(pool: XenServerPool, run: RunId, turn: Turn, vm: Vm, how: How) -> str:
    """Stop one VM for the reboot of its host."""
    with telling(Step.MIGRATE, f"{how} {vm.name}", turn.host) as told, connected(pool) as session:
        told.done(asleep.put_to_sleep(session, run, turn.host, vm, how))
    return told.evidence


@task(task_run_name="bring back what was stopped on {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def wake_vms(pool: XenServerPool, run: RunId, turn: Turn) -> tuple[str, ...]:
    """Have the VMs that were stopped there as they were before, and return their names."""
    with connected(pool) as session:
        return asleep.wake(session, run, turn.host)
