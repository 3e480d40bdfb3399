"""How a run goes about its work, as far as a person may choose."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from xenpatch.plan.model import AUTO_WIDTH, Placement, Policy

WIDEST = 64
"""Hosts in the largest pool that there can be."""

_FEW = 2
_MANY = 4
_MANY_SINCE = (7, 0)


class PatchOptions(BaseModel):
    """Every default is the careful choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    reboot_limit: float = Field(
        default=1800.0, ge=1.0, description="Seconds that a host may take to come back from its reboot."
    )
    backup_folder: Path | None = Field(
        default=None,
        description="Where the pool's database is saved before the first change; it holds secrets.",
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
