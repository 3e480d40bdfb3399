"""Where the members of a pool can be found: as a person gave them, and as the pool itself tells."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from xenpatch.errors import InputError
from xenpatch.xapi.transport import check_url, on_host

_GOOD_FOR: Final = 60.0
"""Seconds: a host seldom joins a pool or changes its address."""


@dataclass
class Members:
    """The URLs of one pool, shared by all its sessions in this process; threads may use it.

    A session is opened for each task of a run, and the host that was named may be down when the next one
    begins. So what one session learns must serve the next.
    """

    given: tuple[str, ...]
    master: str = field(init=False)
    """Where the master was last found, or is looked for first."""
    _learned: tuple[str, ...] = field(default=(), init=False)
    _untrusted: frozenset[str] = field(default=frozenset(), init=False)
    _learnt_at: float = field(default=-math.inf, init=False)

    def __post_init__(self) -> None:
        self.master = self.given[0]

    def __iter__(self) -> Iterator[str]:
        """Where to look for the master, the likeliest first."""
        return iter(dict.fromkeys((self.master, *self.given, *self._learned)))

    def after(self, url: str) -> str:
        """The URL to try when that one has failed: in turn, each comes up."""
        turn = tuple(dict.fromkeys((*self.given, *self._learned)))
        return turn[(turn.index(url) + 1) % len(turn)] if url in turn else turn[0]

    def learn(self, master: str, addresses: Iterable[str]) -> None:
        """Note where the master answers, and the addresses that it knows of the pool's hosts.

        xapi listens on the management interface of each member, whose address is `host.address`.
        """
        urls = [url for address in addresses if address and (url := _safe(master, address))]
        self._learned = tuple(url for url in urls if url not in self._untrusted)
        self._learnt_at = time.monotonic()
        self.master = master

    def just_learnt(self, master: str) -> bool:
        """Whether that master has told of them a moment ago; in a large pool the answer is long."""
        return self.master == master and time.monotonic() - self._learnt_at < _GOOD_FOR

    def forget(self, url: str) -> bool:
        """Do without a URL that shows another certificate.

        False if that cannot be: a person gave it, or the pool insists on it.
        """
        if url in self.given or url not in self._learned:
            return False
        self._untrusted |= {url}
        self._learned = tuple(each for each in self._learned if each != url)
        if self.master == url:
            self.master = self.given[0]
        return True


_pools: dict[tuple[str, ...], Members] = {}
_lock = threading.Lock()


def members_of(given: tuple[str, ...]) -> Members:
    """What this process knows of the pool that is reached by these URLs."""
    with _lock:
        return _pools.setdefault(given, Members(given))


def follow(url: str, address: str) -> str:
    """The URL of the member that a host named; InputError if the password would go there unprotected."""
    return check_url(on_host(url, address))


def _safe(url: str, address: str) -> str | None:
    with suppress(InputError):
        return follow(url, address)
    return None
