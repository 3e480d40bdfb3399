"""`xenpatch pin`: a person compares what a pool's hosts show, then it is saved in blocks."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from xenpatch.access import get_password
from xenpatch.acquaintance import Acquaintance, Confirm, Wanted, get_to_know
from xenpatch.errors import InputError, Refused
from xenpatch.identity import Fingerprints, Identity
from xenpatch.saved import find_block, keep_block, quiet_prefect

if TYPE_CHECKING:
    from blocks import Dom0SSH, XenServerPool

_NAME: Final = re.compile(r"[a-z0-9-]+")
_COMPARE: Final = (
    "Compare them on the console of each host:\n"
    "  openssl x509 -in /etc/xensource/xapi-ssl.pem -noout -fingerprint -sha256\n"
    "  for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -l -f $key; done"
)


def show(console: Console, shown: Sequence[Identity]) -> None:
    """Print the fingerprints letter by letter: `:AB:` in one of them is no picture."""
    for host in shown:
        lines = "\n  ".join((f"{host.name} ({host.address})", *host.lines()))
        console.print(lines, markup=False, emoji=False, highlight=False, soft_wrap=True)
    console.print(_COMPARE, markup=False, emoji=False, highlight=False, soft_wrap=True)


def by_person(console: Console) -> Confirm:
    """Show it, and ask at the terminal."""

    def confirm(shown: Sequence[Identity]) -> Sequence[Identity]:
        show(console, shown)
        if console.input("Are they the same? [y/N] ", markup=False).strip().lower() not in ("y", "yes"):
            names = ", ".join(host.name for host in shown)
            raise Refused(f"{names}: not confirmed. Nothing was saved, and no password was sent there.")
        return shown

    return confirm


def by_fingerprints(given: Iterable[str]) -> Confirm:
    """Compare with what was given on the command line, and ask nobody. Raises InputError."""
    compared = Fingerprints.parse(given)
    return lambda shown: [compared.confirmed(host) for host in shown]


def pin_and_save(
    console: Console, wanted: Wanted, name: str, fingerprints: Sequence[str], *, with_password: bool
) -> tuple[str, ...]:
    """Get to know a pool and save it in two blocks of one name; returns what was done, in words.

    Raises InputError before anything is contacted: for what can be no block's name, and where nobody can be
    asked.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"a block cannot be named {name!r}: a name has lower case letters, digits and dashes. "
            "Nothing was contacted."
        )
    confirm = by_fingerprints(fingerprints) if fingerprints else by_person(console)
    blocks = Blocks.find(name)
    if not sys.stdin.isatty():
        if not fingerprints:
            raise InputError(
                "nobody can be asked whether the fingerprints are right: run it on a terminal, or give each "
                "with --fingerprint. Nothing was contacted."
            )
        get_password(wanted.user, wanted.urls[0])
    known, pool = get_to_know(wanted, confirm)
    hosts = ", ".join(host.name for host in known.hosts.values())
    return (f"{pool.name}: {hosts} confirmed.", *blocks.save(known, with_password=with_password))


@dataclass(frozen=True)
class Blocks:
    """The two blocks of one name, as they were before; None where there is none."""

    name: str
    pool: XenServerPool | None
    ssh: Dom0SSH | None

    @classmethod
    def find(cls, name: str) -> Blocks:
        """Look whether they are there; raise SettingsUnavailable if Prefect cannot be asked."""
        quiet_prefect()
        from blocks import Dom0SSH, XenServerPool  # noqa: PLC0415 - importing Prefect takes a second

        return cls(name, find_block(XenServerPool, name), find_block(Dom0SSH, name))

    def save(self, known: Acquaintance, *, with_password: bool) -> tuple[str, ...]:
        """Save what is known; what else blocks of that name held stays. Returns what was saved, in words."""
        from blocks import Dom0SSH, XenServerPool  # noqa: PLC0415

        wanted = known.wanted
        fields: dict[str, Any] = {
            "addresses": list(dict.fromkeys((*wanted.urls, *known.hosts))),
            "user": wanted.user,
            "certificate": known.certificates(),
            "legacy": wanted.legacy,
        }
        if with_password:
            fields["password"] = get_password(wanted.user, wanted.urls[0])
        elif self.pool is not None and self.pool.user != wanted.user:
            fields["password"] = None
        said = [keep_block(XenServerPool, self.name, self.pool, fields)]
        if wanted.ssh_port is not None:
            keys = {"known_hosts": known.known_hosts(wanted.ssh_port), "port": wanted.ssh_port}
            said.append(keep_block(Dom0SSH, self.name, self.ssh, keys))
        return tuple(said)
