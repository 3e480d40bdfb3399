"""A VM is not started by a host that boots while the run goes on (VM.other_config:auto_poweron)."""

from __future__ import annotations

from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.xapi.inventory import Vm
from xenpatch.xapi.objects import find
from xenpatch.xapi.session import Session

KEY = "auto_poweron"


def remedy(vm: Vm) -> Remedy:
    """Switch it off."""
    return Remedy(Kind.NO_AUTO_POWERON, vm.uuid, vm.name)


def does(remedy: Remedy) -> str:
    """What it will do."""
    return f"switch the automatic start of {remedy.name} off"


def undoes(remedy: Remedy) -> str:
    """What the end brings."""
    del remedy
    return "switch it on again"


def needed(session: Session, remedy: Remedy) -> bool:
    """Whether it is on."""
    return _value(session, remedy) == "true"


def make(session: Session, remedy: Remedy) -> None:
    """Switch it off."""
    if needed(session, remedy):
        _set(session, remedy, "false")


def undo(session: Session, remedy: Remedy) -> None:
    """Switch it on; a VM that is gone is left alone."""
    if _value(session, remedy) not in (None, "true"):
        _set(session, remedy, "true")


def _value(session: Session, remedy: Remedy) -> str | None:
    """What it is now; None when the VM is gone."""
    vm = find(session, "VM", remedy.subject)
    return None if vm is None else str(session.read("VM.get_other_config", vm).get(KEY, ""))


def _set(session: Session, remedy: Remedy, value: str) -> None:
    vm = find(session, "VM", remedy.subject)
    session.call("VM.remove_from_other_config", vm, KEY)
    session.call("VM.add_to_other_config", vm, KEY, value)
