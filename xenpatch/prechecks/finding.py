"""What a precheck saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding means for the run."""

    BLOCKS = "blocks"
    WARNS = "warns"
    INFORMS = "informs"


@dataclass(frozen=True)
class Finding:
    """One thing seen, of one pool, host or VM by name.

    ``message`` says what is and what it means, ``advice`` what a person can do about it.
    """

    severity: Severity
    check: str
    subject: str
    message: str
    advice: str = ""


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that forbid the run."""
    return tuple(finding for finding in findings if finding.severity is Severity.BLOCKS)
