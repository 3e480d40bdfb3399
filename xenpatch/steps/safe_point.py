"""The nearest point at which a run may rest, for one that was killed in the middle of a host."""

from __future__ import annotations

from typing import Final

from xenpatch import record
from xenpatch.hotfix.bundle import Bundle
from xenpatch.record import RunId
from xenpatch.steps import abandon, drain, reboot
from xenpatch.xapi import tasks
from xenpatch.xapi.objects import pool_config
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory

KILLED: Final = "it was killed before it could end what it had in hand"


def take_up(session: Session, killed: RunId, run: RunId) -> Bundle | None:
    """Own the pool after a run of which it is known that it is dead; what that run is about.

    None, and nothing is done, when it has said itself that it stopped, or holds the pool no more.
    """
    found = pool_config(session)
    held = record.held_by(found)
    if held is None or record.owner(found) != killed or record.stop_reason(found) is not None:
        return None
    record.declare_stopped(session, killed, KILLED)
    record.take(session, run)
    return abandon.bundle_of(held)


def reach(session: Session, run: RunId, bundle: Bundle) -> tuple[str, ...]:
    """Finish the reboot of a host that was told to, and put every other one back into service with its VMs.

    Returns what was done, as sentences. Safe to call again. The next run verifies what was rebooted.
    """
    what = "the migrations that the killed run has begun to be over"
    tasks.await_others(session, "VM.pool_migrate", what=what, limit=drain.MOVE_LIMIT)
    done = []
    for host in read_inventory(session).hosts:
        if reboot.TOLD in host.other_config and bundle.to_reboot(host):
            reboot.reboot(session, run, host.uuid, bundle)
            done.append(f"{host.name} was rebooted")
    done += [f"{name} is in service again" for name in abandon.hosts_back(session, run)]
    done += [f"{name} is at home again" for name in abandon.bring_home(session, run, bundle)]
    return tuple(done)
