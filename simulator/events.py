"""Events: what changed since a token (event.from), or since the last question (event.register, event.next).

Source: xapi 6.0.2, module Xapi_event.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from simulator import wire
from simulator.call import Call, Ref, XapiError, message
from simulator.database import Change, Database, Row, Table
from simulator.datatypes import ocaml_float

if TYPE_CHECKING:
    from simulator.world import World

MOST_QUEUED: Final = 500
LONGEST_QUEUED: Final = 15 * 60.0
"""Seconds."""
_FOR_EVER: Final = 365 * 86400.0


@dataclass(frozen=True)
class Event:
    """One change, as clients are told of it."""

    id: int
    time: float
    cls: str
    operation: str
    ref: Ref
    snapshot: Row | None


@dataclass
class Subscription:
    """What one session wants to hear of."""

    next_id: int
    classes: list[str] = field(default_factory=list)
    """In lower case; * is all."""
    dropped: bool = False

    def wants(self, cls: str) -> bool:
        """Tell whether events of a class are of interest."""
        return "*" in self.classes or cls.lower() in self.classes


class Subscriptions:
    """All sessions' subscriptions, and the queue that event.next reads; used under the database's lock."""

    def __init__(self, world: "World") -> None:
        self.queue: deque[Event] = deque()
        self.next_id = 0
        self._world = world
        self._by_session: dict[Ref, Subscription] = {}
        self._forgotten = -1
        world.db.watch(self._note)

    def get(self, session: Ref) -> Subscription | None:
        """Return a session's subscription, if it has one."""
        return self._by_session.get(session)

    def of(self, session: Ref) -> Subscription:
        """Return a session's subscription, made if need be."""
        return self._by_session.setdefault(session, Subscription(self.next_id))

    def drop(self, session: Ref) -> None:
        """End a session's subscription; who waits on it is told that the session is invalid."""
        if subscription := self._by_session.pop(session, None):
            subscription.dropped = True
            self._world.db.wake()

    def clear(self) -> None:
        """End all subscriptions."""
        with self._world.db.lock:
            for session in list(self._by_session):
                self.drop(session)

    def anybody_wants(self, cls: str) -> bool:
        """Tell whether any session wants events of a class."""
        return any(each.wants(cls) for each in self._by_session.values())

    def has_news(self, subscription: Subscription) -> bool:
        """Tell whether there are events that the subscription has not read, wanted or not."""
        return self.next_id > subscription.next_id

    def read(self, subscription: Subscription) -> list[Event]:
        """Return the wanted events among those not yet read; raise EVENTS_LOST if some of those are gone."""
        start, subscription.next_id = subscription.next_id, self.next_id
        if self._forgotten >= start:
            raise XapiError("EVENTS_LOST")
        return [event for event in self.queue if event.id >= start and subscription.wants(event.cls)]

    def add(self, cls: str, operation: str, ref: Ref, snapshot: Row | None) -> None:
        """Queue an event, if anybody wants it."""
        now = self._world.clock.now()
        if self.anybody_wants(cls):
            self.queue.append(Event(self.next_id, now, cls, operation, ref, snapshot))
            self.next_id += 1
        while self.queue and (len(self.queue) > MOST_QUEUED or self.queue[0].time < now - LONGEST_QUEUED):
            self._forgotten = self.queue.popleft().id

    def _note(self, change: Change) -> None:
        if change.table == "session" and change.operation == "del":
            self.drop(change.ref)
        if "silent" not in self._world.db.schema.classes[change.table].flags:
            self.add(change.table, change.operation, change.ref, change.new or None)


@dataclass
class Recent:
    """What changed since a generation, as (generation, table, reference), and the last generation seen."""

    last: int
    added: list[tuple[int, str, Ref]] = field(default_factory=list)
    modified: list[tuple[int, str, Ref]] = field(default_factory=list)
    deleted: list[tuple[int, str, Ref]] = field(default_factory=list)

    @classmethod
    def since(cls, db: Database, generation: int, tables: Sequence[str]) -> "Recent":
        """Collect it. What was made and deleted meanwhile is left out; what was made is modified as well."""
        found = cls(generation)
        for name in tables:
            table = db.tables[name]
            if table.changed > generation:
                found._collect(name, table, apart="apart" in db.schema.classes[name].flags)
        seen = (each[0] for each in found.added + found.modified + found.deleted)
        found.last = max([generation, *seen])
        return found

    def _collect(self, name: str, table: Table, *, apart: bool) -> None:
        since = self.last
        for ref, stamped in table.rows.items():
            if stamped.created > since:
                self.added.append((stamped.created, name, ref))
            if stamped.modified > since and not apart:
                self.modified.append((stamped.modified, name, ref))
        self.deleted += [(gone, name, ref) for gone, made, ref in table.deleted if gone > since >= made]

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.deleted)

    def events(self, db: Database, subscription: Subscription) -> Iterator[Event]:
        """Yield the events that the subscription wants: those added, then modified, then deleted."""
        for operation, found in (("add", self.added), ("mod", self.modified), ("del", self.deleted)):
            for generation, table, ref in found:
                if subscription.wants(table):
                    snapshot = None if operation == "del" else db.get(table, ref)
                    yield Event(generation, 0.0, table, operation, ref, snapshot)


@message("event.from")
def from_(call: Call, classes: list[str], token: str, timeout: float) -> wire.Xml:
    """Return what changed since the token; if nothing did, wait for at most `timeout` seconds.

    Ends the session's whole subscription, so that two such calls in one session disturb each other. Returns
    no events, early, if something changed that only another session's subscription wants.
    """
    db, subscriptions, session = call.db, call.world.subscriptions, _session(call)
    generation = _generation(token)
    with db.lock:
        subscription = subscriptions.of(session)
        subscription.classes[:0] = [each.lower() for each in classes]

        def recent() -> Recent:
            return Recent.since(db, generation, _watched_tables(call.world))

        db.wait_until(lambda: subscription.dropped or bool(recent()), timeout)
        if subscription.dropped:
            raise XapiError("SESSION_INVALID", session)
        found = recent()
        events = [_event(call, each) for each in found.events(db, subscription)]
        subscriptions.drop(session)
        counts = [(name.lower(), wire.integer(len(table.rows))) for name, table in db.tables.items()]
    members = [
        ("events", wire.array(events)),
        ("valid_ref_counts", wire.struct(counts)),
        ("token", wire.string(f"{found.last},0.000000")),
    ]
    return wire.Xml(wire.struct(members))


@message("event.register")
def register(call: Call, classes: list[str]) -> None:
    """Subscribe the session to further classes; * is all, and none is none."""
    with call.db.lock:
        call.world.subscriptions.of(_session(call)).classes += [each.lower() for each in classes]


@message("event.unregister")
def unregister(call: Call, classes: list[str]) -> None:
    """End the session's subscription to some classes."""
    unwanted = {each.lower() for each in classes}
    with call.db.lock:
        subscription = call.world.subscriptions.of(_session(call))
        subscription.classes = [each for each in subscription.classes if each not in unwanted]


@message("event.next")
def next_(call: Call) -> wire.Xml:
    """Return the events since the last such call, and wait if there is none."""
    subscriptions, session = call.world.subscriptions, _session(call)
    with call.db.lock:
        subscription = subscriptions.get(session)
        if subscription is None:
            raise XapiError("SESSION_NOT_REGISTERED", _track_id(session))
        events: list[Event] = []
        while not events:
            call.db.wait_until(
                lambda: subscription.dropped or subscriptions.has_news(subscription), _FOR_EVER
            )
            if subscription.dropped:
                raise XapiError("SESSION_INVALID", session)
            events = subscriptions.read(subscription)
        return wire.Xml(wire.array([_event(call, each) for each in events]))


@message("event.get_current_id")
def get_current_id(call: Call) -> int:
    """Return the id that the next queued event will have."""
    return call.world.subscriptions.next_id


def heartbeat(world: "World") -> None:
    """Tell all subscribers of the pool that it changed, which it has not, so that dead connections show."""
    with world.db.lock:
        world.subscriptions.add("pool", "mod", world.pool, world.db.get("pool", world.pool))
        world.db.wake()


def _session(call: Call) -> Ref:
    if call.session is None:
        raise TypeError("events are for sessions")
    return call.session


def _generation(token: str) -> int:
    """Read a token; one that is not understood counts as none."""
    generation, _, time = token.partition(",")
    try:
        float(time)
        return int(generation)
    except ValueError:
        return 0


def _watched_tables(world: "World") -> list[str]:
    classes = world.db.schema.classes.values()
    return [
        each.name
        for each in classes
        if not each.flags & {"silent", "rowless"} and world.subscriptions.anybody_wants(each.name)
    ]


def _event(call: Call, event: Event) -> str:
    members = [
        ("id", wire.string(str(event.id))),
        ("timestamp", wire.string(ocaml_float(event.time))),
        ("class", wire.string(event.cls.lower())),
        ("operation", wire.string(event.operation)),
        ("ref", wire.string(event.ref)),
    ]
    if event.snapshot is not None:
        schema = call.db.schema
        members.append(("snapshot", wire.record(schema, schema.classes[event.cls], event.snapshot)))
    return wire.struct(members)


def _track_id(session: Ref) -> str:
    return "trackid=" + hashlib.md5(session.encode(), usedforsecurity=False).hexdigest()
