"""How the command line names a pool, and access to its control domains."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from xenpatch.errors import InputError, SettingsUnavailable

if TYPE_CHECKING:
    from blocks import Dom0SSH, XenServerPool
    from blocks.reference import StoredByReference

Saved = TypeVar("Saved", bound="StoredByReference")

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}
"""Prefect's settings where the live view speaks instead; what the user has set stays."""


@dataclass(frozen=True)
class Access:
    """How the command line names a pool."""

    url: str | None
    block: str | None
    user: str
    certificate: Path | None
    ca: Path | None
    legacy: bool

    def pool(self) -> XenServerPool:
        """The block, saved or made of the options; asks for the password where there is none."""
        if (self.url is None) == (self.block is None):
            raise InputError("give either --pool URL or --pool-block NAME. Nothing was contacted.")
        _quiet_prefect()
        from blocks import XenServerPool, held  # noqa: PLC0415 - importing Prefect takes a second

        held.take_from_environment()
        if self.block is not None:
            saved = _load(XenServerPool, self.block)
            _warn(saved.endpoint().trust.weakness)
            return saved
        pool = XenServerPool(
            addresses=[str(self.url)],
            user=self.user,
            certificate=text_of(self.certificate, "certificate"),
            ca=text_of(self.ca, "CA"),
            legacy=self.legacy,
        )
        if held.given() is None:
            held.remember(_ask_password(f"Password of {self.user} on {self.url}: "))
        _warn(pool.endpoint().trust.weakness)
        return pool


@dataclass(frozen=True)
class Shell:
    """How the command line names access over SSH."""

    known_hosts: Path | None
    user: str
    port: int
    key: Path | None
    block: str | None

    def ssh(self, pool: XenServerPool) -> Dom0SSH | None:
        """The block, saved or made of the options; None where SSH was not asked for.

        A key stays in this process: Prefect would write a block that was never saved into the run.
        """
        from blocks import Dom0SSH, held  # noqa: PLC0415

        if self.block is not None:
            return _load(Dom0SSH, self.block)
        if self.known_hosts is None:
            return None
        held.remember_key(text_of(self.key, "SSH key"))
        ssh = Dom0SSH(
            user=self.user,
            known_hosts=text_of(self.known_hosts, "known_hosts") or "",
            port=self.port,
        )
        ssh.access(pool)
        return ssh


def text_of(path: Path | None, what: str) -> str | None:
    """The text of a file that a person named; raise InputError when it cannot be read."""
    if path is None:
        return None
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "it is no text"
        raise InputError(f"the {what} file {path} cannot be read: {reason}") from None


def _load(kind: type[Saved], name: str) -> Saved:
    from httpx import HTTPError  # noqa: PLC0415 - Prefect's, and it takes long, too

    try:
        return cast("Saved", kind.load(name))
    except ValueError:
        raise InputError(
            f"there is no saved {kind.__name__} block named {name!r} in this Prefect. Nothing was contacted."
        ) from None
    except (HTTPError, RuntimeError) as lost:  # what Prefect's client raises when its API is not there
        raise SettingsUnavailable(
            f"the saved block {name!r} cannot be read, since Prefect does not answer as it should "
            f"({type(lost).__name__}: {lost}). No pool was contacted. Is PREFECT_API_URL right, and is the "
            "server up?"
        ) from None


@cache
def _warn(weakness: str | None) -> None:
    """Say it once, however often the command names its pool."""
    if weakness is not None:
        sys.stderr.write(f"Warning: {weakness}\n")


def _ask_password(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise InputError(
            "there is no password: set XENPATCH_PASSWORD, or run on a terminal. Nothing was contacted."
        )
    return getpass.getpass(prompt)


def _quiet_prefect() -> None:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
