"""Secrets of this process where no block holds them: they are never stored."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

VARIABLE = "XENPATCH_PASSWORD"


@dataclass
class _Held:
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)


_held = _Held()


def remember(password: str | None) -> None:
    """Keep what a person typed, for every pool that this process patches; None forgets it."""
    _held.password = password


def given() -> str | None:
    """What was typed, else the environment variable XENPATCH_PASSWORD, else None."""
    return _held.password or os.environ.get(VARIABLE) or None


def remember_key(text: str | None) -> None:
    """Keep the text of the private key file that a person named, for SSH; None forgets it."""
    _held.private_key = text


def given_key() -> str | None:
    """The text of that key, else None."""
    return _held.private_key
