"""Secrets of this process where no block holds them: they are never stored."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pydantic import SecretStr

VARIABLE = "XENPATCH_PASSWORD"


@dataclass
class _Held:
    password: SecretStr | None = None
    private_key: SecretStr | None = None


_held = _Held()


def remember(password: str | None) -> None:
    """Keep what a person typed, for every pool that this process patches; None forgets it."""
    _held.password = SecretStr(password) if password else None


def take_from_environment() -> None:
    """Keep the environment's password here alone: processes that this one starts have no use for it."""
    if found := os.environ.pop(VARIABLE, None):
        remember(found)


def given() -> SecretStr | None:
    """What was typed, else the environment variable XENPATCH_PASSWORD, else None."""
    return _held.password or (SecretStr(found) if (found := os.environ.get(VARIABLE)) else None)


def remember_key(text: str | None) -> None:
    """Keep the text of the private key file that a person named, for SSH; None forgets it."""
    _held.private_key = SecretStr(text) if text else None


def given_key() -> SecretStr | None:
    """The text of that key, else None."""
    return _held.private_key
