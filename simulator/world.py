"""The pool as it physically is: hosts that are up or down, their files, and the time things take."""

import enum
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from simulator import events, sessions, tasks
from simulator.call import Call, Ref
from simulator.model import User
from simulator.performing import carefully, carry_out, objects_of, texts_of

if TYPE_CHECKING:
    from simulator.clock import Clock
    from simulator.database import Database
    from simulator.faults import Fault, Faults
    from simulator.journal import Journal
    from simulator.schema import Release


HOUSEKEEPING: Final = 30.0
"""Simulated seconds between two rounds of the master's housekeeping."""


class Phase(enum.Enum):
    """How far a host's xapi is."""

    UP = "up"
    GOING_DOWN = "going down"
    """Shutdown has begun; xapi still answers."""
    DOWN = "down"
    """Nothing listens."""
    BOOTING_EMERGENCY = "booting in emergency mode"
    """xapi listens; every call fails with `HostRuntime.emergency_error`."""
    STARTING = "starting"
    """xapi serves the pool; storage is not yet plugged."""


@dataclass(frozen=True)
class Durations:
    """How long things take, in simulated seconds."""

    migration_base: float = 15.0
    migration_per_gib: float = 1 / 0.35
    shutdown_grace: float = 10.0
    down: float = 120.0
    toolstack_start: float = 40.0
    until_enabled: float = 20.0
    emergency: float = 5.0
    patch_apply: float = 20.0
    patch_precheck: float = 3.0
    vm_start: float = 5.0
    vm_shutdown: float = 10.0
    vm_suspend: float = 20.0
    wrong_password: float = 5.0


@dataclass(frozen=True)
class KnownHotfix:
    """What the pool's hosts do with one real hotfix file, told by its md5."""

    name: str
    uuid: str
    md5: str
    guidance: tuple[str, ...] = ()
    product_versions: tuple[str, ...] = ()
    rolls_up: tuple[tuple[str, str], ...] = ()
    """(name, uuid) of each hotfix that this one contains."""
    packages: tuple[str, ...] = ()
    """name-version-release.arch"""


@dataclass(frozen=True)
class StampInfo:
    """One file of /var/patch/applied."""

    uuid: str
    name_label: str = ""
    name_description: str = ""
    version: str = ""
    guidance: tuple[str, ...] = ()
    applied_at: float = 0.0
    """Simulated seconds since the epoch."""


class Listener(Protocol):
    """A server on one port of one host."""

    def open(self) -> None:
        """Begin to accept connections."""

    def close(self) -> None:
        """Stop accepting and cut the open connections."""


@dataclass
class HostRuntime:
    """One physical host: what it has that the database does not."""

    ref: Ref
    address: str
    phase: Phase = Phase.UP
    emergency_error: tuple[str, ...] = ("HOST_STILL_BOOTING",)
    disabled_by_user: bool = False
    disabled_until_reboot: bool = False
    files: dict[str, Path] = field(default_factory=dict)
    """Uploaded patch files by pool_patch uuid."""
    stamps: dict[str, StampInfo] = field(default_factory=dict)
    """/var/patch/applied by pool_patch uuid."""
    packages: list[str] = field(default_factory=list)
    """Installed rpm packages, name-version-release.arch."""
    clock_ahead: float = 0.0
    """Seconds by which its clock is ahead of the simulated time; negative where it is behind."""
    boot_id: int = 0
    """Grows at every boot, so that work begun before one can tell."""
    agent_starts: int = 0
    """Grows whenever xapi stops, for a reboot or a restart of its own, and ends the work it did."""
    listeners: list[Listener] = field(default_factory=list)
    """What xapi listens on."""
    machine_listeners: list[Listener] = field(default_factory=list)
    """What stays up while xapi restarts: ssh."""
    local_sessions: set[Ref] = field(default_factory=set)
    """Logins that are good on this host alone."""

    @property
    def in_emergency(self) -> bool:
        """Whether its xapi cannot reach the pool, and answers emergency calls only."""
        return self.phase is Phase.BOOTING_EMERGENCY

    @property
    def serves(self) -> bool:
        """Whether its xapi answers all calls."""
        return self.phase in (Phase.UP, Phase.GOING_DOWN, Phase.STARTING)

    def open_listeners(self, *, agent_only: bool = False) -> None:
        """Let the host, or only its xapi, be reached."""
        for listener in self.listeners if agent_only else (*self.machine_listeners, *self.listeners):
            listener.open()

    def close_listeners(self, *, agent_only: bool = False) -> None:
        """Cut the host, or only its xapi, off: nothing listens and open connections are gone."""
        for listener in self.listeners if agent_only else (*self.listeners, *self.machine_listeners):
            listener.close()


@dataclass
class World:
    """Everything the handlers act on."""

    db: "Database"
    clock: "Clock"
    release: "Release"
    faults: "Faults"
    journal: "Journal"
    folder: Path
    durations: Durations = field(default_factory=Durations)
    known_hotfixes: Sequence[KnownHotfix] = ()
    password: str = "xenroot"  # noqa: S105  # the documented default of a simulated pool
    users: Sequence[User] = ()
    """Of the directory that the hosts ask about everybody but root."""
    hosts: dict[Ref, HostRuntime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._threads: set[threading.Thread] = set()
        self._threads_lock = threading.Lock()
        self.subscriptions = events.Subscriptions(self)

    @property
    def pool(self) -> Ref:
        """The one pool row."""
        return next(iter(self.db.rows("pool")))

    @property
    def master(self) -> Ref:
        """The host that is the pool's master."""
        return Ref(self.db.get("pool", self.pool)["master"])

    def now_at(self, host: Ref) -> float:
        """Return what a host's own clock says, in seconds since the epoch."""
        return self.clock.now() + self.hosts[host].clock_ahead

    def name_of(self, host: Ref) -> str:
        """Return what people call a host."""
        return str(self.db.get("host", host)["name__label"])

    def wait_for_master(self, host: Ref) -> None:
        """Let a call on a slave wait, as its access to the database does, until the master serves."""
        while host != self.master and not self.hosts[self.master].serves:
            self.clock.sleep(1.0)

    def perform(self, call: Call, name: str, *args: Any) -> Any:
        """Carry out a message for a call under way; see Call.invoke."""
        wanted = self.db.schema.messages[name]
        fault = self.fault_for(name, objects_of(wanted, args), texts_of(wanted, args))
        met = replace(call, fault=fault)
        return carefully(met, lambda: carry_out(met, wanted, args))

    def spawn(self, function: Callable[..., None], *args: Any) -> threading.Thread:
        """Run work in the background; it ends with the world, when it next sleeps on the clock."""
        begun = threading.Event()

        def work() -> None:
            with self.clock.working():
                begun.set()
                function(*args)

        thread = self.start_thread(work)
        begun.wait()
        return thread

    def start_thread(self, function: Callable[..., None], *args: Any) -> threading.Thread:
        """Start a thread that only waits for others; `close` waits for it to end."""

        def run() -> None:
            try:
                with suppress(SystemExit):  # as the clock raises when it stops
                    function(*args)
            finally:
                with self._threads_lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=function.__qualname__, daemon=True)
        with self._threads_lock:  # so that nobody joins it before it is started
            self._threads.add(thread)
            thread.start()
        return thread

    def method_names(self) -> list[str]:
        """List every message of the release, as system.listMethods does."""
        return [each.wire for cls in self.db.schema.classes.values() for each in cls.messages.values()]

    def fault_for(
        self, call: str, objects: Iterable[str] = (), texts: Collection[str] = ()
    ) -> "Fault | None":
        """Return the fault that this call meets on any of these references, with any of these texts."""
        return self.faults.match(call, [name for ref in objects for name in self._names(ref)], texts)

    def forget_volatile(self) -> None:
        """Drop sessions, tasks and event subscriptions, as a restart of the master's xapi does."""
        self.subscriptions.clear()
        self.db.forget_volatile()

    def open(self) -> None:
        """Let the hosts be reached, and begin the master's housekeeping."""
        for runtime in self.hosts.values():
            runtime.open_listeners()
        self._schedule_housekeeping()

    def close(self) -> None:
        """Cut all hosts off and wait for every thread to end."""
        self._cut_off()
        self.clock.stop()
        while threads := self._living():
            self._cut_off()  # once more for a host that was about to come up
            threads[0].join(timeout=0.1)

    def _cut_off(self) -> None:
        for runtime in self.hosts.values():
            runtime.close_listeners()

    def _living(self) -> list[threading.Thread]:
        with self._threads_lock:
            return [thread for thread in self._threads if thread is not threading.current_thread()]

    def _names(self, ref: str) -> Iterator[str]:
        table = self.db.table_of(ref)
        if table:
            row = self.db.get(table, ref)
            yield from (row[field] for field in ("uuid", "name__label") if field in row)

    def _schedule_housekeeping(self) -> None:
        self.clock.after(HOUSEKEEPING, self._keep_house)

    def _keep_house(self) -> None:
        sessions.collect_garbage(self)
        tasks.collect_garbage(self)
        events.heartbeat(self)
        self._schedule_housekeeping()
