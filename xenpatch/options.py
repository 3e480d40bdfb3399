"""How a run goes about its work, as far as a person may choose."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from xenpatch.plan.model import AUTO_WIDTH, Placement, Policy

WIDEST = 64
"""Hosts in the largest pool that there can be."""

_FEW = 2
_MANY = 4
_MANY_SINCE = (7, 0)


class How(StrEnum):
    """How a VM is stopped while its host reboots; afterwards it is on its host as it was before."""

    SUSPEND = "suspend"
    SHUTDOWN = "shutdown"
    HARD = "hard-shutdown"
    REFUSE = "refuse"


class Remedies(StrEnum):
    """Whether what stands in the way is put aside for the time of the run."""

    ASK = "ask"
    ALL = "all"
    NONE = "none"


class Mode(StrEnum):
    """Who does what has to follow the hotfix: the run, or a person with a list."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class PatchOptions(BaseModel):
    """Every default is the careful choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Field(
        default=Mode.AUTOMATIC,
        description="Whether the run empties and reboots the hosts (automatic), or applies the hotfix only "
        "and writes the list of what is left to do (manual).",
    )
    task_list: Path | None = Field(
        default=None,
        description="Where the manual mode writes its list; a folder of the user's state unless given.",
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="Names or uuids of the hosts to reboot now, the master always among them; the others are "
        "listed as still to do. All unless given.",
    )
    restart_vms: bool = Field(
        default=False,
        title="Restart VMs",
        description="Whether VMs are restarted, one by one, where a hotfix asks for that.",
    )
    clean: bool = Field(
        default=False, description="Whether the hotfix's files are removed from the hosts after success."
    )
    placement: Placement = Field(
        default=Placement.HOME,
        description="Where VMs end: home (where they were), free (where they were taken to, about half the "
        "moves), or affinity (only those with a home server come back).",
    )
    width: Literal["auto"] | Annotated[int, Field(ge=1, le=WIDEST)] = Field(
        default=1,
        description="How many hosts may be out of service at once, the master always alone; auto takes up to "
        "four where that costs no further move.",
    )
    moves_per_host: int | None = Field(
        default=None,
        ge=1,
        le=8,
        description="How many live migrations a host sends and receives at once; 4 unless given, 2 on 6.x.",
    )
    squeeze: bool = Field(
        default=False,
        description="Whether VMs may be ballooned down to their dynamic minimum where there is no other way.",
    )
    remedy: Remedies = Field(
        title="Remedy",
        default=Remedies.ASK,
        description="Whether HA, WLB, CDs and the like are put aside for the time of the run, and back after "
        "it: all; none; or ask, which refuses with the list where nobody can be asked.",
    )
    stop: dict[str, How] = Field(
        default_factory=dict,
        description="What may be done with VMs that cannot move, while their host reboots: by name, uuid or "
        "reason (storage, network, drivers, pci, gpu, blocked, processor, alone, paused, any), and how: "
        '{"storage": "suspend"}.',
    )
    take_over: bool = Field(
        default=False,
        description="Whether a run that still lives is made to stop, and this one continues in its place.",
    )
    reboot_limit: float = Field(
        default=1800.0, ge=1.0, description="Seconds that a host may take to come back from its reboot."
    )
    backup_folder: Path | None = Field(
        default=None,
        description="Where the pool's database is saved before the first change; it holds secrets.",
    )

    def for_the_record(self) -> str:
        """As the run record keeps them: without what belongs to one machine or one start."""
        return self.model_dump_json(
            exclude={"take_over", "backup_folder", "task_list"}, exclude_defaults=True
        )

    def policy(self, release: tuple[int, ...]) -> Policy:
        """What the planner is told, for a pool of that release."""
        return Policy(
            placement=self.placement,
            width=AUTO_WIDTH if self.width == "auto" else self.width,
            moves_per_host=self.moves_per_host or moves_per_host(release),
            squeeze=self.squeeze,
        )


def moves_per_host(release: tuple[int, ...]) -> int:
    """How many migrations a host does well at once: xenopsd has four workers, xapi 6.x sets no limit."""
    return _MANY if release >= _MANY_SINCE else _FEW
