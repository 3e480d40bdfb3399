"""What hotfixes ask for beside reboots: a new start of a host's toolstack, or of VMs."""

from __future__ import annotations

from contextlib import suppress

from xenpatch.errors import ReplyLost, StepFailed, WaitTimeout
from xenpatch.guidance.pending import VmTask
from xenpatch.hotfix.bundle import Bundle
from xenpatch.record import RunId, assert_ours
from xenpatch.steps.glimpse import glimpse
from xenpatch.steps.passing import refused_as
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi import tasks
from xenpatch.xapi.moments import moment
from xenpatch.xapi.objects import vm_ref
from xenpatch.xapi.one_host import read_host
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid

TOOLSTACK_LIMIT = 600.0
VM_LIMIT = 1800.0


def toolstacks_to_restart(session: Session, bundle: Bundle) -> tuple[tuple[HostUuid, str], ...]:
    """The hosts that wait for it, with their names, the master first; not those that are to reboot."""
    hosts = read_inventory(session).hosts
    return tuple(
        (host.uuid, host.name) for host in hosts if bundle.waiting(host) and not bundle.to_reboot(host)
    )


def restart_toolstack(session: Session, run: RunId, host: HostUuid, bundle: Bundle) -> str:
    """Restart it (host.restart_agent) and wait until the host is in service again; return what proves it.

    VMs run on meanwhile. Safe to call again: a toolstack that is newer than the hotfixes is left alone.
    Raises StepFailed when it is not back in TOOLSTACK_LIMIT seconds.
    """
    here = read_host(session, host)
    if not bundle.waiting(here):
        return f"started since ({here.agent_start_time:.0f})"
    assert_ours(session, run)
    with suppress(ReplyLost):  # the look tells whether it was carried out
        session.call("host.restart_agent", here.ref)

    def look() -> float | NotYet:
        now = glimpse(session, host)
        if isinstance(now, NotYet):
            return now
        if now.agent_start_time == here.agent_start_time:
            return NotYet("it still runs since before")
        return now.agent_start_time if now.enabled and now.live else NotYet("it has started")

    try:
        after = wait_for(f"the toolstack of {here.name} to be back", look, TOOLSTACK_LIMIT)
    except WaitTimeout as late:
        raise StepFailed(
            f"the toolstack of {here.name} has not come back: {late}. Its VMs run on; no other toolstack was "
            "restarted. Look at its console, and start again to continue."
        ) from None
    return f"started {here.agent_start_time:.0f} before, {after:.0f} now"


def restart_vm(session: Session, run: RunId, task: VmTask) -> str:
    """Have a VM restart cleanly, where it is (VM.clean_reboot); return what proves it.

    Safe to call again: one that has restarted since it was seen, or is about to, does so once. Raises
    StepFailed when it does not.
    """
    assert_ours(session, run)
    if _has_restarted(session, task):
        return f"{task.vm.name} has restarted already"
    where, call = f"{task.vm.name} on {task.host.name}", "VM.clean_reboot"
    with refused_as(
        lambda refused: StepFailed(f"{where} could not be restarted: {refused}. It was not forced.")
    ):
        begun = tasks.start_surely(session, call, vm_ref(session, task.vm.uuid))
        if begun is None:
            raise ReplyLost(call, f"nothing shows that {task.vm.name} restarts")
        tasks.finish(session, begun, call, what=f"{task.vm.name} to restart", limit=VM_LIMIT)
    return f"{task.vm.name} has restarted"


def _has_restarted(session: Session, task: VmTask) -> bool:
    """Whether it has since it was seen, once nothing goes on with it any more."""

    def look() -> bool | NotYet:
        record = session.read("VM.get_record", vm_ref(session, task.vm.uuid))
        if record["current_operations"]:
            return NotYet(", ".join(record["current_operations"].values()))
        if task.vm.started is None:
            return False
        return moment(session.read("VM_metrics.get_start_time", record["metrics"])) != task.vm.started

    return wait_for(f"{task.vm.name} to be left alone", look, VM_LIMIT)
