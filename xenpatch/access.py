"""How the command line names a pool, and access to its control domains."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from xenpatch.errors import InputError
from xenpatch.saved import load_block, quiet_prefect

if TYPE_CHECKING:
    from blocks import Dom0SSH, XenServerPool


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
        quiet_prefect()
        from blocks import XenServerPool, held  # noqa: PLC0415 - importing Prefect takes a second

        held.take_from_environment()
        if self.block is not None:
            saved = load_block(XenServerPool, self.block)
            _warn(saved.endpoint().trust.weakness)
            return saved
        pool = XenServerPool(
            addresses=[str(self.url)],
            user=self.user,
            certificate=text_of(self.certificate, "certificate"),
            ca=text_of(self.ca, "CA"),
            legacy=self.legacy,
        )
        get_password(self.user, str(self.url))
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
            return load_block(Dom0SSH, self.block)
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


def get_password(user: str, url: str) -> SecretStr:
    """The password of the environment, or what a person types, once; raise InputError if there is neither."""
    from blocks import held  # noqa: PLC0415

    held.take_from_environment()
    if (given := held.given()) is None:
        given = SecretStr(_ask_password(f"Password of {user} on {url}: "))
        held.remember(given.get_secret_value())
    return given


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
