"""Maintenance mode as XenCenter knows it, entered only when the host is proved empty."""

from __future__ import annotations

from contextlib import suppress

from xenpatch.errors import DrainFailed, PoolError
from xenpatch.record import OURS, RunId, add_once, assert_ours
from xenpatch.steps.drain import MIGRATED
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi import tasks
from xenpatch.xapi.objects import host_ref
from xenpatch.xapi.one_host import resident_names
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import BOOT
from xenpatch.xapi.types import HostUuid

MODE = "MAINTENANCE_MODE"
KEYS = (MODE, MIGRATED, "MAINTENANCE_MODE_EVACUATED_VMS_HALTED", "MAINTENANCE_MODE_EVACUATED_VMS_SUSPENDED")
ENABLE_LIMIT = 300.0


def enter(session: Session, run: RunId, host: HostUuid) -> str:
    """Mark the host as being in maintenance mode, and return what proves that it may be rebooted.

    Safe to call again. Raises DrainFailed when it still takes or holds VMs.
    """
    assert_ours(session, run)
    prove_empty(session, host)
    add_once(session, "host", host_ref(session, host), MODE, "true")
    return "disabled, no VM on it"


def prove_empty(session: Session, host: HostUuid) -> None:
    """Look at the pool; raise DrainFailed unless the host is disabled and no VM lives there."""
    ref = host_ref(session, host)
    here = session.read("host.get_record", ref)
    if here["enabled"]:
        raise DrainFailed(f"{here['name_label']} was enabled by somebody else; it was not rebooted")
    if residents := resident_names(session, ref):
        raise DrainFailed(f"{here['name_label']} still holds {', '.join(residents)}; it was not rebooted")


def leave(session: Session, host: HostUuid, *, for_good: bool = False) -> None:
    """Remove what marks the host as out of service and whose home it is; safe to call again.

    Not before its VMs are back: until then it tells a person, and XenCenter, which ones they are. In which
    boot it lacked the hotfixes stays noted until the run is over, `for_good`.
    """
    ref = host_ref(session, host)
    present = session.read("host.get_other_config", ref)
    for key in present:
        if key in KEYS or (key.startswith(OURS) and (for_good or not key.startswith(BOOT))):
            session.call("host.remove_from_other_config", ref, key)


def put_into_service(session: Session, host: HostUuid) -> None:
    """Have the host enabled, as this run had disabled it; safe to call again.

    xapi refuses with HOST_STILL_BOOTING or HOST_DISABLED_UNTIL_REBOOT for a while; WaitTimeout after
    ENABLE_LIMIT seconds. A ``host.disable`` that is under way still comes first.
    """
    what = "the host to take VMs again"
    tasks.await_others(session, "host.disable", what=what, limit=ENABLE_LIMIT)

    def look() -> bool | NotYet:
        ref = host_ref(session, host)
        with suppress(PoolError):
            session.call("host.enable", ref)
        return True if session.read("host.get_enabled", ref) else NotYet("still disabled")

    wait_for(what, look, ENABLE_LIMIT)
