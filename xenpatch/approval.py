"""Where a run waits for a person's yes."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

_LONGEST = 30 * 24.0


class Before(StrEnum):
    """Before which hosts a person is asked."""

    NONE = "none"
    SECOND = "after-first"
    EACH = "each"


class Approval(BaseModel):
    """Unless told otherwise, a run asks nobody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: bool = Field(
        default=False,
        description="Whether the run shows its findings and its plan, and waits before it changes anything "
        "but upload the hotfix.",
    )
    hosts: Before = Field(
        default=Before.NONE,
        title="Hosts",  # a form would show the name of the class
        description="Whether it waits before each wave of hosts (each), or once, when its first hosts are "
        "verified (after-first). Every host is in service and every VM at home while it waits.",
    )
    hours: float = Field(
        default=24.0,
        gt=0,
        le=_LONGEST,
        description="Hours after which a question that nobody has answered ends the run. The pool stays as "
        "it is while it waits, and the next run continues.",
    )

    @property
    def wanted(self) -> bool:
        """Whether there is any question."""
        return self.plan or self.hosts is not Before.NONE
