"""The pool's password where no block holds it: kept in this process only, never stored."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

VARIABLE = "XENPATCH_PASSWORD"


@dataclass
class _Prompted:
    password: str | None = field(default=None, repr=False)


_prompted = _Prompted()


def remember(password: str | None) -> None:
    """Keep what a person typed, for every pool that this process patches; None forgets it."""
    _prompted.password = password


def given() -> str | None:
    """What was typed, else the environment variable XENPATCH_PASSWORD, else None."""
    return _prompted.password or os.environ.get(VARIABLE) or None
