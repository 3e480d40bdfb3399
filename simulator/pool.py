"""A whole simulated pool, listening on the loopback network."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator.clock import Clock
from simulator.database import Database
from simulator.faults import FaultRule, Faults
from simulator.journal import Journal
from simulator.model import Model
from simulator.world import KnownHotfix, World


@dataclass(frozen=True)
class HostAddress:
    """Where one simulated host is reached."""

    name: str
    uuid: str
    address: str
    ssh_port: int


class SimulatedPool:
    """A XenServer pool on 127.0.0.1 (the master), 127.0.0.2, ...: a context manager.

    `model` is a made pool or the path of a real database dump. `port` is the first of four (http, TLS,
    TLS 1.0 only, ssh) that are the same on every host; 0 picks a free block.
    """

    url: str
    tls_url: str
    legacy_tls_url: str
    user: str
    password: str
    hosts: list[HostAddress]
    certificate: Path
    known_hosts: Path
    hotfix: Path
    manifest: Path
    clock: Clock
    db: Database
    journal: Journal
    faults: Faults
    world: World

    def __init__(  # noqa: PLR0913  # the one place where a pool is described
        self,
        model: Model | Path | None = None,
        *,
        speed: float = 60.0,
        clock: Clock | None = None,
        port: int = 0,
        faults: Iterable[FaultRule] = (),
        journal: Path | None = None,
        release: str = "6.0.2",
        known_hotfixes: Sequence[KnownHotfix] = (),
        folder: Path | None = None,
        password: str = "xenroot",  # noqa: S107  # the documented default of a simulated pool
    ) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Open the pool to its clients."""
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything; no thread or socket is left."""
        raise NotImplementedError

    def leaks(self) -> list[str]:
        """Name what clients left behind: sessions, tasks, hosts disabled."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """Return where and how to reach the pool, ready for JSON."""
        raise NotImplementedError
