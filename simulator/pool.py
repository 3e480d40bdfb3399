"""A whole simulated pool, listening on the loopback network."""

import atexit
import random
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from simulator import (
    dump,
    handlers,
    host_operations,
    host_versions,
    model_rows,
    persistence,
    roles,
    ssh,
    tls,
    vm_operations,
)
from simulator.call import ROUTES
from simulator.clock import Clock
from simulator.control_domain import SHIPPED, ControlDomain
from simulator.database import Database
from simulator.faults import FaultRule, Faults
from simulator.hotfix import make_sample
from simulator.journal import Journal
from simulator.listener import HttpListener
from simulator.model import Model, User
from simulator.patch_records import seed_stamps
from simulator.pool_patch import PATCHES
from simulator.routing import Router
from simulator.schema import RELEASES, Release, Schema
from simulator.world import HostRuntime, KnownHotfix, World

PORTS: Final = ("http", "tls", "legacy tls", "ssh")
_FREE_PORTS: Final = range(12000, 32000, len(PORTS))
"""Below those that the system gives to clients, which could take one while a host is down."""


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
    TLS 1.0 only, ssh) that are the same on every host; 0 picks a free block. `folder` keeps certificates and
    keys from one run to the next. `users` are of a directory that the pool has joined, and may log in with
    their roles. Raises ValueError for an unknown release or role, or a dump that cannot be read, OSError for
    ports that are taken.
    """

    user: Final = "root"

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
        users: Sequence[User] = (),
    ) -> None:
        if release not in RELEASES:
            raise ValueError(f"no release {release} to simulate; there are {', '.join(RELEASES)}")
        handlers.register()
        self.password = password
        self.clock = clock or Clock(speed)
        self.faults = Faults(faults, known=_can_fail(RELEASES[release]))
        with ExitStack() as resources:
            self._folder = folder or _temporary_folder(resources)
            shutil.rmtree(self._folder / PATCHES, ignore_errors=True)  # of hosts that are made anew
            self._keys = folder or _process_keys()
            self.journal = Journal(self.clock, journal)
            resources.callback(self.journal.close)
            self.db = _database(model or Model(), RELEASES[release], self.clock)
            self.world = World(
                self.db,
                self.clock,
                RELEASES[release],
                self.faults,
                self.journal,
                self._folder,
                known_hotfixes=known_hotfixes,
                password=password,
                users=users,
            )
            roles.admit(self.world)
            self._make_hosts()
            self.port = port or _free_port([runtime.address for runtime in self.world.hosts.values()])
            self._make_listeners()
            self._make_sample()
            self._resources = resources.pop_all()
        seed_stamps(self.world)
        self.journal.follow(self.db)

    def __enter__(self) -> Self:
        """Open the pool to its clients."""
        self._resources.callback(self.world.close)
        try:
            self.world.open()
        except OSError:
            self._resources.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything; no thread or socket is left."""
        self._resources.close()

    @property
    def url(self) -> str:
        """The master over HTTP."""
        return self._url("http", 0)

    @property
    def tls_url(self) -> str:
        """The master over TLS as of today."""
        return self._url("https", 1)

    @property
    def legacy_tls_url(self) -> str:
        """The master over TLS 1.0 with a 1024-bit certificate, all that a XenServer 6.0 has."""
        return self._url("https", 2)

    @property
    def hosts(self) -> list[HostAddress]:
        """The hosts, the master first."""
        rows = [(self.db.get("host", ref), each.address) for ref, each in self.world.hosts.items()]
        return [HostAddress(row["name__label"], row["uuid"], address, self.port + 3) for row, address in rows]

    def leaks(self) -> list[str]:
        """Name what clients left behind: sessions, their own tasks or ones under way, hosts disabled."""
        sessions_left = [
            f"session {row['uuid']} of {row['auth_user_name']}" for row in self.db.rows("session").values()
        ]
        tasks_left = [
            f"task {row['name__label']!r} ({row['status']})"
            for row in self.db.rows("task").values()
            if row["status"] == "pending" or not row["name__label"].startswith("Async.")
        ]
        disabled = [
            f"host {row['name__label']} is disabled"
            for row in self.db.rows("host").values()
            if not row["enabled"]
        ]
        return sessions_left + tasks_left + disabled

    def join(self, name: str) -> None:
        """Have a further host join a made pool: up, in service, without a VM and without any hotfix.

        Its TLS certificates are those of the pool, which do not name its address.
        """
        host = model_rows.add_host(self.db, self.world.release, self.clock.now(), name)
        last = max(int(each.address.rpartition(".")[2]) for each in self.world.hosts.values())
        runtime = HostRuntime(host, f"127.0.0.{last + 1}", packages=list(SHIPPED))
        self.world.hosts = {**self.world.hosts, host: runtime}
        self.db.update("host", host, address=runtime.address)
        host_operations.refresh(self.db, host)
        self._give_listeners(runtime)
        runtime.open_listeners()

    def describe(self) -> dict[str, Any]:
        """Return where and how to reach the pool, ready for JSON."""
        plain = ("url", "tls_url", "legacy_tls_url", "user", "password")
        files = ("certificate", "known_hosts", "hotfix", "manifest")
        return {
            **{name: getattr(self, name) for name in plain},
            "hosts": [asdict(each) for each in self.hosts],
            **{name: str(getattr(self, name)) for name in files},
        }

    def _url(self, scheme: str, place: int) -> str:
        return f"{scheme}://{self.world.hosts[self.world.master].address}:{self.port + place}"

    def _make_hosts(self) -> None:
        """Give each host its address, as it finds it at its start, and begin with nothing under way."""
        names = {ref: row["name__label"] for ref, row in self.db.rows("host").items()}
        master = self.world.master
        for number, ref in enumerate(sorted(names, key=lambda ref: (ref != master, names[ref], ref)), 1):
            self.world.hosts[ref] = HostRuntime(ref, f"127.0.0.{number}", packages=list(SHIPPED))
            self.db.update("host", ref, address=f"127.0.0.{number}")
        self.db.forget_volatile()
        for ref in names:
            host_operations.refresh(self.db, ref)
        for guest in self.db.rows("VM"):
            vm_operations.refresh(self.db, guest)

    def _make_listeners(self) -> None:
        addresses = [runtime.address for runtime in self.world.hosts.values()]
        keys = self._keys / f"{len(addresses)}-hosts"
        keys.mkdir(exist_ok=True)
        with _making_keys:
            certificates = tls.make_certificates(keys, addresses)
        self._contexts = (None, tls.modern_context(certificates), tls.legacy_context(certificates))
        self.certificate = certificates.bundle
        self.known_hosts = self._folder / "known_hosts"
        self.known_hosts.write_text("")
        for runtime in self.world.hosts.values():
            self._give_listeners(runtime)

    def _give_listeners(self, runtime: HostRuntime) -> None:
        router = Router(self.world, runtime.ref)
        runtime.listeners = [
            HttpListener(self.world, (runtime.address, self.port + place), router.serve, context)
            for place, context in enumerate(self._contexts)
        ]
        with _making_keys:
            key = _host_key(self._keys, str(self.db.get("host", runtime.ref)["uuid"]))
        runtime.machine_listeners = [
            ssh.Dom0Server(
                runtime.address,
                self.port + 3,
                key=key,
                check_password=lambda given: given == self.password,
                dom0=ControlDomain(self.db, runtime),
            )
        ]
        with self.known_hosts.open("a") as known:
            known.write(ssh.known_hosts_line(runtime.address, self.port + 3, key) + "\n")

    def _make_sample(self) -> None:
        sample = make_sample(self._folder, host_versions.product_version(self.db, self.world.master))
        self.hotfix, self.manifest = sample.archive, sample.manifest


def _database(model: Model | Path, release: Release, clock: Clock) -> Database:
    schema = Schema.of(release)
    if isinstance(model, Path):
        db = Database(schema, clock)
        persistence.fill(db, dump.load(model))
    else:
        db = Database(schema, clock, model.seed)
        model_rows.fill(db, model, release, clock.now())
    return db


_host_key = cache(ssh.host_key)

_making_keys = threading.Lock()
"""Pools that are made at once find one set of keys, or make it."""


def _temporary_folder(resources: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="simulated-pool-"))
    resources.callback(shutil.rmtree, folder)
    return folder


@cache
def _process_keys() -> Path:
    """Make a folder for the keys of pools that have no folder of their own: to make keys takes long."""
    folder = Path(tempfile.mkdtemp(prefix="simulated-pool-keys-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _can_fail(release: Release) -> set[str]:
    """The names of all that a fault rule can be for."""
    routes = {f"{method} {path}" for method, path in ROUTES}
    return {*Schema.of(release).messages, *routes, "boot", "patch"}


def _free_port(addresses: Sequence[str]) -> int:
    """Find a block of ports that is free on all addresses; raise OSError if there is none."""
    blocks = list(_FREE_PORTS)
    random.shuffle(blocks)
    for first in blocks:
        if all(_is_free(address, first + place) for address in addresses for place in range(len(PORTS))):
            return first
    raise OSError(f"no free block of {len(PORTS)} ports on {', '.join(addresses)}")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
