"""What a precheck saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from xenpatch.prechecks.remedies import action
from xenpatch.prechecks.remedy import Remedy


class Severity(StrEnum):
    """What a finding means for the run."""

    BLOCKS = "blocks"
    WARNS = "warns"
    INFORMS = "informs"


@dataclass(frozen=True)
class Finding:
    """One thing seen, of one pool, host or VM by name.

    ``message`` says what is and what it means, ``advice`` what a person can do about it, and ``remedy`` what
    the run can.
    """

    severity: Severity
    check: str
    subject: str
    message: str
    advice: str = ""
    remedy: Remedy | None = None

    @property
    def help(self) -> str:
        """What a person can do, and what the run can (`--remedy all`)."""
        if self.remedy is None:
            return self.advice
        does, undoes = action(self.remedy).does(self.remedy), action(self.remedy).undoes(self.remedy)
        run = f"with --remedy all the run will {does}" + (f", and {undoes} at its end" if undoes else "")
        return f"{self.advice}; {run}" if self.advice else run


def blocking(findings: Iterable[Finding], *, cured: bool = False) -> tuple[Finding, ...]:
    """Those that forbid the run; with `cured`, without those that it has a remedy for."""
    return tuple(
        finding
        for finding in findings
        if finding.severity is Severity.BLOCKS and not (cured and finding.remedy is not None)
    )


def remedies(findings: Iterable[Finding]) -> tuple[Remedy, ...]:
    """The remedies of the findings, each once."""
    found = {(each.remedy.kind, each.remedy.subject): each.remedy for each in findings if each.remedy}
    return tuple(found.values())
