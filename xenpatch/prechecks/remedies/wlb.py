"""Workload balancing moves no VMs while the run goes on (XenAPI pool.wlb_enabled)."""

from __future__ import annotations

from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.objects import pool_record, pool_ref
from xenpatch.xapi.session import Session


def remedy(pool: Inventory) -> Remedy:
    """Switch it off."""
    return Remedy(Kind.DISABLE_WLB, pool.uuid, pool.name)


def does(remedy: Remedy) -> str:
    """What it will do."""
    return f"switch workload balancing of {remedy.name} off"


def undoes(remedy: Remedy) -> str:
    """What the end brings."""
    del remedy
    return "switch it on again"


def needed(session: Session, remedy: Remedy) -> bool:
    """Whether it is on."""
    del remedy
    return bool(pool_record(session)["wlb_enabled"])


def make(session: Session, remedy: Remedy) -> None:
    """Switch it off."""
    if needed(session, remedy):
        session.call("pool.set_wlb_enabled", pool_ref(session), False)


def undo(session: Session, remedy: Remedy) -> None:
    """Switch it on."""
    if not needed(session, remedy):
        session.call("pool.set_wlb_enabled", pool_ref(session), True)
