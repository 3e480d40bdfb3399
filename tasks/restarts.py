"""What hotfixes ask for beside reboots: new starts of toolstacks and, with consent, of VMs."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.guidance.pending import VmTask, pending
from xenpatch.hotfix.bundle import Bundle
from xenpatch.options import PatchOptions
from xenpatch.progress import Step
from xenpatch.record import RunId
from xenpatch.steps import restarts
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid


def restart_toolstacks(pool: XenServerPool, run: RunId, bundle: Bundle) -> None:
    """One host after another, the master first."""
    with connected(pool) as session:
        waiting = restarts.toolstacks_to_restart(session, bundle)
    for host, name in waiting:
        restart_toolstack(pool, run, host, name, bundle)


def restart_vms(pool: XenServerPool, run: RunId, bundle: Bundle, options: PatchOptions) -> None:
    """One VM after another, if that is allowed; otherwise it is left to a person, and told."""
    if not options.restart_vms:
        return
    with connected(pool) as session:
        waiting = pending(read_inventory(session), bundle.uuids).vms
    for todo in waiting:
        restart_vm(pool, run, todo)


@task(task_run_name="restart the toolstack of {name}", cache_policy=NO_CACHE, **RETRIED)
def restart_toolstack(pool: XenServerPool, run: RunId, host: HostUuid, name: str, bundle: Bundle) -> None:
    """Have the host's toolstack newer than the hotfixes."""
    with telling(Step.REBOOT, f"restart the toolstack of {name}", host) as told, connected(pool) as session:
        told.done(restarts.restart_toolstack(session, run, host, bundle))


@task(task_run_name="restart {todo.vm.name}", cache_policy=NO_CACHE, **RETRIED)
def restart_vm(pool: XenServerPool, run: RunId, todo: VmTask) -> None:
    """Have one VM restart, for a hotfix to take effect in it."""
    what = f"restart {todo.vm.name}"
    with telling(Step.REBOOT, what, todo.host.uuid) as told, connected(pool) as session:
        told.done(restarts.restart_vm(session, run, todo))
