"""A CD that other hosts do not have is out of its drive for the run (XenAPI VBD.eject, VBD.insert)."""

from __future__ import annotations

from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.xapi.inventory import Disk, Vm
from xenpatch.xapi.objects import find
from xenpatch.xapi.session import Session


def remedy(vm: Vm, cd: Disk) -> Remedy:
    """Take it out."""
    return Remedy(Kind.EJECT_CD, cd.vbd, vm.name, {"cd": cd.name, "vdi": cd.vdi})


def does(remedy: Remedy) -> str:
    """What it will do."""
    return f"eject the CD {remedy.saved['cd']!r} from the drive of {remedy.name}"


def undoes(remedy: Remedy) -> str:
    """What the end brings."""
    del remedy
    return "put it into the drive again"


def needed(session: Session, remedy: Remedy) -> bool:
    """Whether that CD is in that drive."""
    drive, disc = _drive_and_disc(session, remedy)
    return drive is not None and disc is not None and session.read("VBD.get_VDI", drive) == disc


def make(session: Session, remedy: Remedy) -> None:
    """Take it out."""
    if needed(session, remedy):
        session.call("VBD.eject", session.read("VBD.get_by_uuid", remedy.subject))


def undo(session: Session, remedy: Remedy) -> None:
    """Put it back; a drive that is gone, or holds another CD by now, is left alone."""
    drive, disc = _drive_and_disc(session, remedy)
    if drive is not None and disc is not None and session.read("VBD.get_empty", drive):
        session.call("VBD.insert", drive, disc)


def _drive_and_disc(session: Session, remedy: Remedy) -> tuple[str | None, str | None]:
    return find(session, "VBD", remedy.subject), find(session, "VDI", remedy.saved["vdi"])
