"""How a run goes about its work, as far as a person may choose."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class PatchOptions(BaseModel):
    """Every default is the careful choice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    moves_per_host: int = Field(
        default=2, ge=1, le=8, description="How many live migrations are under way at once."
    )
    reboot_limit: float = Field(
        default=1800.0, ge=1.0, description="Seconds that a host may take to come back from its reboot."
    )
    backup_folder: Path | None = Field(
        default=None,
        description="Where the pool's database is saved before the first change; it holds secrets.",
    )
