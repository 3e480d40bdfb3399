"""Getting to know the hosts of a pool: what each shows of itself is confirmed before anybody logs in to it.

The hosts that were named come first; the others are those that the pool tells of after the login.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from xenpatch.access import get_password
from xenpatch.errors import InputError, Unreachable, Untrusted
from xenpatch.identity import Identity, identify
from xenpatch.xapi.inventory import Host, Inventory
from xenpatch.xapi.members import follow
from xenpatch.xapi.session import Endpoint, Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.tls import Trust
from xenpatch.xapi.transport import check_url

Confirm = Callable[[Sequence[Identity]], Sequence[Identity]]
"""Gives what is trusted of what hosts show. Raises Refused or Untrusted."""


@dataclass(frozen=True)
class Wanted:
    """What is to be pinned: hosts by URL, who logs in, and how. ``ssh_port`` is None without SSH."""

    urls: tuple[str, ...]
    user: str
    legacy: bool
    ssh_port: int | None

    def __post_init__(self) -> None:
        """Raise InputError for what cannot be pinned, before anything is contacted."""
        urls = tuple(map(check_url, self.urls))
        if plain := [url for url in urls if not url.startswith("https:")]:
            raise InputError(f"{plain[0]} has no certificate to pin; use https. Nothing was contacted.")
        object.__setattr__(self, "urls", urls)

    def look(self, name: str, url: str) -> Identity:
        """What the host at that URL shows. Raises Unreachable, SshError."""
        return identify(name, url, legacy=self.legacy, ssh_port=self.ssh_port)


@dataclass
class Acquaintance:
    """The hosts of one pool that were confirmed, by URL."""

    wanted: Wanted
    confirm: Confirm
    hosts: dict[str, Identity] = field(default_factory=dict)

    def meet(self, names: Mapping[str, str]) -> None:
        """Have the hosts at these URLs confirmed, those aside that show nothing new."""
        shown = [self.wanted.look(name, url) for url, name in names.items()]
        known = {host.url: self._as_before(host) for host in shown}
        new = [host for host in shown if known[host.url] is None]
        confirmed = self.confirm(new) if new else ()
        self.hosts |= {host.url: host for host in (*known.values(), *confirmed) if host is not None}

    def endpoint(self) -> Endpoint:
        """How to log in to the confirmed hosts, and to no other."""
        return Endpoint(
            self.wanted.urls,
            self.wanted.user,
            get_password(self.wanted.user, self.wanted.urls[0]),
            Trust(pinned_pem=self.certificates(), legacy=self.wanted.legacy),
        )

    def certificates(self) -> str:
        """The certificates of the hosts, each once."""
        return "".join(dict.fromkeys(host.pem() for host in self.hosts.values()))

    def known_hosts(self, port: int) -> str:
        """The SSH keys of the hosts, as OpenSSH's known_hosts has them."""
        return "".join(f"{line}\n" for host in self.hosts.values() for line in host.known_hosts(port))

    def _as_before(self, shown: Identity) -> Identity | None:
        """A host that was named in one way and is told of in another; None if it shows anything new."""
        for host in self.hosts.values():
            keys = tuple(key for key in shown.keys if key in host.keys)
            if host.certificate == shown.certificate and bool(keys) == bool(shown.keys):
                return Identity(shown.name, shown.url, shown.certificate, keys)
        return None


def get_to_know(wanted: Wanted, confirm: Confirm) -> tuple[Acquaintance, Inventory]:
    """Get to know all hosts of the pool; raise Unreachable if one of them does not answer."""
    known = Acquaintance(wanted, confirm)
    known.meet({url: url.partition("//")[2] for url in wanted.urls})
    pool, master = _log_in(known)
    known.meet({_url(master, host): host.name for host in pool.hosts})
    known.hosts = {_url(master, host): known.hosts[_url(master, host)] for host in pool.hosts}
    return known, pool


def _log_in(known: Acquaintance) -> tuple[Inventory, str]:
    """The pool, and where its master is: a slave that was named leads to it, and it is confirmed first."""
    while True:
        session = Session(known.endpoint())
        try:
            session.login()
            return read_inventory(session), session.url
        except Untrusted:
            if session.url in known.hosts:
                raise
            known.meet({session.url: session.url.partition("//")[2]})
            session.endpoint = known.endpoint()  # up to 6.2 a slave accepts a login: only its master ends it
        finally:
            session.logout()


def _url(master: str, host: Host) -> str:
    if not host.address:
        raise Unreachable(f"{host.name} has no management address at the moment. Nothing was saved.")
    return follow(master, host.address)
