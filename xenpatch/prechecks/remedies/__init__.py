"""How each kind of remedy is made, and undone; all of it looks before it acts and is safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from xenpatch.prechecks.remedies import auto_poweron, cd, ha, storage, wlb
from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.xapi.session import Session


class Action(Protocol):
    """One kind of remedy, a module of this package.

    Its docstring's first line is not for people: `does` and `undoes` are. An empty `undoes` says that the
    change is for the better and stays.
    """

    def does(self, remedy: Remedy) -> str:
        """What it will do, as a sentence without its end."""

    def undoes(self, remedy: Remedy) -> str:
        """What is done at the end of the run, or ""."""

    def needed(self, session: Session, remedy: Remedy) -> bool:
        """Whether the pool is still as it was found."""

    def make(self, session: Session, remedy: Remedy) -> None:
        """Make the change; raise PoolError when the pool refuses."""

    def undo(self, session: Session, remedy: Remedy) -> None:
        """Put things back; what is gone, or back already, is left alone."""


ACTIONS: Final[Mapping[Kind, Action]] = {
    Kind.DISABLE_HA: ha,
    Kind.DISABLE_WLB: wlb,
    Kind.EJECT_CD: cd,
    Kind.NO_AUTO_POWERON: auto_poweron,
    Kind.PLUG_STORAGE: storage,
}


def action(remedy: Remedy) -> Action:
    """How that remedy is made."""
    return ACTIONS[remedy.kind]
