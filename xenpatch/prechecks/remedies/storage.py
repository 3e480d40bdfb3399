"""Storage that a host has lost is attached again, and stays so (XenAPI PBD.plug)."""

from __future__ import annotations

from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import Host, Pbd, Sr
from xenpatch.xapi.session import Session

LIMIT = 300.0


def remedy(host: Host, pbd: Pbd, sr: Sr) -> Remedy:
    """Attach it."""
    return Remedy(Kind.PLUG_STORAGE, pbd.uuid, host.name, {"sr": sr.name})


def does(remedy: Remedy) -> str:
    """What it will do."""
    return f"attach SR {remedy.saved['sr']!r} to {remedy.name}"


def undoes(remedy: Remedy) -> str:
    """Nothing: a pool should have its storage attached."""
    del remedy
    return ""


def needed(session: Session, remedy: Remedy) -> bool:
    """Whether it is not attached."""
    pbd = session.read("PBD.get_by_uuid", remedy.subject)
    return not session.read("PBD.get_currently_attached", pbd)


def make(session: Session, remedy: Remedy) -> None:
    """Attach it."""
    if needed(session, remedy):
        pbd = session.read("PBD.get_by_uuid", remedy.subject)
        what = f"SR {remedy.saved['sr']!r} to be attached to {remedy.name}"
        tasks.run(session, "PBD.plug", pbd, what=what, limit=LIMIT)


def undo(session: Session, remedy: Remedy) -> None:
    """Leave it as it is."""
    del session, remedy
