"""High availability is off while the run goes on (XenAPI pool.disable_ha, pool.enable_ha)."""

from __future__ import annotations

import json

from xenpatch.errors import StepFailed
from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.objects import find, pool_record, pool_ref
from xenpatch.xapi.session import Session

LIMIT = 600.0


def remedy(pool: Inventory) -> Remedy:
    """Switch it off, knowing how to have it again: failures to tolerate, heartbeat SRs, configuration."""
    saved = {
        "failures": str(pool.ha.failures),
        "srs": ",".join(pool.ha.srs),
        "configuration": json.dumps(dict(pool.ha.configuration)),
    }
    return Remedy(Kind.DISABLE_HA, pool.uuid, pool.name, saved)


def does(remedy: Remedy) -> str:
    """What it will do."""
    return f"switch high availability of {remedy.name} off"


def undoes(remedy: Remedy) -> str:
    """What the end brings."""
    failures = remedy.saved["failures"]
    return f"switch it on again, to tolerate {failures} failures of hosts, on the same heartbeat SRs"


def needed(session: Session, remedy: Remedy) -> bool:
    """Whether it is on."""
    del remedy
    return bool(pool_record(session)["ha_enabled"])


def make(session: Session, remedy: Remedy) -> None:
    """Switch it off."""
    _settle(session)
    if needed(session, remedy):
        tasks.run(session, "pool.disable_ha", what="high availability to be off", limit=LIMIT)


def undo(session: Session, remedy: Remedy) -> None:
    """Switch it on as it was; an SR that is gone is named, as HA must not begin with another one."""
    _settle(session)
    if not needed(session, remedy):
        tasks.run(
            session,
            "pool.enable_ha",
            [_sr(session, uuid) for uuid in remedy.saved["srs"].split(",") if uuid],
            json.loads(remedy.saved["configuration"]),
            what="high availability to be on again",
            limit=LIMIT,
        )
    if str(pool_record(session)["ha_host_failures_to_tolerate"]) != remedy.saved["failures"]:
        failures = remedy.saved["failures"]
        session.call("pool.set_ha_host_failures_to_tolerate", pool_ref(session), failures)


def _settle(session: Session) -> None:
    """Wait for a switch-off that somebody gave up waiting for: what it is undone by must come after it."""
    tasks.await_others(session, "pool.disable_ha", what="high availability to be off", limit=LIMIT)


def _sr(session: Session, uuid: str) -> str:
    if (sr := find(session, "SR", uuid)) is None:
        raise StepFailed(f"its heartbeat SR {uuid} is gone; choose another one and enable HA")
    return sr
