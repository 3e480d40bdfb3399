"""Every kind of changing call that a run sends, and every fault that it is to meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from simulator import Fault, FaultRule


@dataclass(frozen=True)
class Kind:
    """Calls of one purpose: of that name, with that text (see `FaultRule.key`), after the first few."""

    call: str
    key: str = ""
    skip: int = 0
    why: str = ""

    @property
    def name(self) -> str:
        """As a row is headed."""
        return f"{self.call} {self.purpose}".rstrip()

    @property
    def purpose(self) -> str:
        """What it is for, where the call is for several things."""
        return self.why or self.key


@dataclass(frozen=True)
class Trouble:
    """A fault and how often it is met."""

    name: str
    do: Fault
    times: int | Literal["always"] = 1

    def of(self, kind: Kind) -> FaultRule:
        """The rule for calls of that kind."""
        return FaultRule(kind.call, self.do, key=kind.key, skip=kind.skip, times=self.times)


SLOW: Final = 5400.0
"""Seconds on the pool's clock: longer than any limit (a migration may take an hour)."""

_ERROR: Final = Fault(error=("INTERNAL_ERROR", "simulated"))

TROUBLES: Final = (
    Trouble("error once", _ERROR),
    Trouble("error always", _ERROR, "always"),
    Trouble("lost before", Fault(drop="before")),
    Trouble("lost after", Fault(drop="after")),
    Trouble("slow beyond its limit", Fault(delay=SLOW)),
)

NEVER: Final = Trouble("never", Fault(never=True), "always")

_POOL_ADD, _POOL_REMOVE = "pool.add_to_other_config", "pool.remove_from_other_config"
_HOST_ADD, _HOST_REMOVE = "host.add_to_other_config", "host.remove_from_other_config"
_EVACUATED: Final = "MAINTENANCE_MODE_EVACUATED_VMS_"

KINDS: Final = (
    Kind("PUT /pool_patch_upload"),
    Kind("pool_patch.precheck"),
    Kind("pool_patch.precheck", skip=3, why="once remedies are made"),
    Kind("pool_patch.pool_apply"),
    Kind(_POOL_ADD, "xenpatch", why="xenpatch (the run record)"),
    Kind(_POOL_REMOVE, "xenpatch-alive-"),
    Kind(_POOL_ADD, "xenpatch-alive-"),
    Kind(_HOST_ADD, "xenpatch-home-"),
    Kind(_HOST_REMOVE, "xenpatch-boot-"),
    Kind(_HOST_ADD, "xenpatch-boot-"),
    Kind(_POOL_ADD, "xenpatch-remedy-"),
    Kind("pool.disable_ha"),
    Kind("pool.set_wlb_enabled", why="off"),
    Kind("VBD.eject"),
    Kind(_HOST_ADD, "xenpatch-before"),
    Kind(_HOST_REMOVE, f"{_EVACUATED}MIGRATED"),
    Kind(_HOST_ADD, f"{_EVACUATED}MIGRATED"),
    Kind(_HOST_ADD, "xenpatch-disabled"),
    Kind("host.disable"),
    Kind("VM.pool_migrate", why="away"),
    Kind("VM.pool_migrate", skip=2, why="home"),
    Kind(_HOST_ADD, "xenpatch-asleep-"),
    Kind("VM.suspend"),
    Kind(_HOST_REMOVE, f"{_EVACUATED}SUSPENDED"),
    Kind(_HOST_ADD, f"{_EVACUATED}SUSPENDED"),
    Kind(_HOST_REMOVE, f"{_EVACUATED}HALTED"),
    Kind(_HOST_ADD, "MAINTENANCE_MODE"),
    Kind(_HOST_REMOVE, "xenpatch-reboot"),
    Kind(_HOST_ADD, "xenpatch-reboot"),
    Kind("host.reboot", why="of the master"),
    Kind("host.reboot", skip=1, why="of a slave"),
    Kind(_HOST_REMOVE, "xenpatch-before"),
    Kind("VM.resume_on"),
    Kind(_HOST_REMOVE, "xenpatch-asleep-"),
    Kind(_HOST_REMOVE, "xenpatch-home-"),
    Kind(_HOST_REMOVE, "xenpatch-disabled"),
    Kind(_HOST_REMOVE, "MAINTENANCE_MODE"),
    Kind("VBD.insert"),
    Kind("pool.set_wlb_enabled", skip=1, why="on"),
    Kind("pool.enable_ha"),
    Kind(_POOL_REMOVE, "xenpatch-remedy-"),
    Kind(_POOL_REMOVE, "xenpatch", why="xenpatch (the run record)"),
)
"""In the order in which a run comes to them."""

BOOTS: Final = (Kind("boot", why="of the master"), Kind("boot", skip=1, why="of a slave"))
"""What a run waits for and does not do."""
