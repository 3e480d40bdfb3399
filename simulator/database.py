"""The pool database: tables of rows as xapi keeps them, with generations, watchers and back references."""

import random
import threading
import uuid as uuids
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from simulator.call import NULL, Ref, XapiError
from simulator.clock import Clock
from simulator.data_model import Relation
from simulator.schema import Schema

Row = Mapping[str, Any]
"""Field (row name, as in name__label) to value. A row is never changed in place: `update` puts a new one."""

SCHEMA_VERSION: Final = {"schema_major_vsn": "5", "schema_minor_vsn": "63"}
"""Of the database of xapi 6.0.2."""
REMEMBERED_DELETIONS: Final = 512
"""xapi 6.0.2 forgets older ones of a table."""


@dataclass(frozen=True)
class Change:
    """One change of one row, as watchers see it."""

    table: str
    ref: Ref
    operation: Literal["add", "mod", "del"]
    old: Row
    new: Row


Watcher = Callable[[Change], None]


@dataclass
class Stamped:
    """A row and the generations in which it was made and last changed."""

    row: Row
    created: int
    modified: int


@dataclass
class Table:
    """The rows of one class."""

    rows: dict[Ref, Stamped] = field(default_factory=dict)
    changed: int = 0
    """The generation of the last change of any row."""
    deleted: deque[tuple[int, int, Ref]] = field(default_factory=lambda: deque(maxlen=REMEMBERED_DELETIONS))
    """(deleted in, created in, reference)"""


class Database:
    """Tables of rows. Safe between threads; hold `lock` to read and change several rows as one step.

    Never sleep on the clock while holding `lock`. References that rows hold to others are mirrored in the
    sets of the other side, as VM.resident_on is in host.resident_VMs: change the side that has the reference.
    """

    def __init__(self, schema: Schema, clock: Clock, seed: int = 602) -> None:
        self.schema = schema
        self.lock = threading.RLock()
        self.generation = 1
        self.manifest = dict(SCHEMA_VERSION)
        self.tables: dict[str, Table] = {name: Table() for name in schema.classes}
        self._clock = clock
        self._changed = threading.Condition(self.lock)
        self._watchers: list[Watcher] = []
        self._random = random.Random(seed)
        self._outgoing: dict[str, list[Relation]] = {}
        for relation in schema.relations:
            self._outgoing.setdefault(relation.many, []).append(relation)

    def get(self, table: str, ref: str) -> Row:
        """Return a row as it is now; raise HANDLE_INVALID [table, ref] if there is none."""
        with self.lock:
            return self._stamped(table, ref).row

    def exists(self, table: str, ref: str) -> bool:
        """Tell whether the table has the row."""
        with self.lock:
            return ref in self.tables[table].rows

    def rows(self, table: str) -> dict[Ref, Row]:
        """Return all rows of a table as they are now."""
        with self.lock:
            return {ref: stamped.row for ref, stamped in self.tables[table].rows.items()}

    def find(self, table: str, **fields: Any) -> list[Ref]:
        """Return the references of the rows whose fields have these values."""
        wanted = fields.items()
        return [ref for ref, row in self.rows(table).items() if all(row.get(k) == v for k, v in wanted)]

    def by_uuid(self, table: str, uuid: str) -> Ref:
        """Return the row with this uuid; raise UUID_INVALID [table, uuid] if there is none."""
        found = self.find(table, uuid=uuid)
        if not found:
            raise XapiError("UUID_INVALID", table, uuid)
        return found[0]

    def table_of(self, ref: str) -> str | None:
        """Return the table that has the row, if any has."""
        with self.lock:
            return next((name for name, table in self.tables.items() if ref in table.rows), None)

    def new_uuid(self) -> str:
        """Make a uuid; the same sequence for every database of the same seed."""
        with self.lock:
            return str(uuids.UUID(int=self._random.getrandbits(128), version=4))

    def new_ref(self) -> Ref:
        """Make a reference that no row has, not even one of a dump of a database of the same seed."""
        with self.lock:
            while self.table_of(ref := Ref(f"OpaqueRef:{self.new_uuid()}")):
                pass
            return ref

    def create(self, table: str, *, ref: Ref | None = None, **fields: Any) -> Ref:
        """Add a row; reference, uuid and fields not named take their defaults."""
        with self.lock:
            self._assert_known(table, fields)
            known = self.schema.classes[table].fields
            row = {name: each.default for name, each in known.items()} | fields
            if "uuid" in known and "uuid" not in fields:
                row["uuid"] = self.new_uuid()
            made = ref or self.new_ref()
            generation = self._next_generation(table)
            self.tables[table].rows[made] = Stamped(row, generation, generation)
            for relation in self._outgoing.get(table, ()):
                self._mirror(relation, made, {}, row)
            self._announce(Change(table, made, "add", {}, row))
            return made

    def update(self, table: str, ref: str, **fields: Any) -> None:
        """Change fields of a row; a change that changes nothing is no change."""
        with self.lock:
            self._assert_known(table, fields)
            stamped = self._stamped(table, ref)
            old = stamped.row
            if all(name in old and old[name] == value for name, value in fields.items()):
                return
            stamped.row = {**old, **fields}
            stamped.modified = self._next_generation(table)
            for relation in self._outgoing.get(table, ()):
                if relation.reference in fields:
                    self._mirror(relation, Ref(ref), old, stamped.row)
            self._announce(Change(table, Ref(ref), "mod", old, stamped.row))

    def destroy(self, table: str, ref: str) -> None:
        """Remove a row; one that is gone already is no error."""
        with self.lock:
            stamped = self.tables[table].rows.pop(Ref(ref), None)
            if stamped is None:
                return
            generation = self._next_generation(table)
            self.tables[table].deleted.appendleft((generation, stamped.created, Ref(ref)))
            for relation in self._outgoing.get(table, ()):
                self._mirror(relation, Ref(ref), stamped.row, {})
            self._announce(Change(table, Ref(ref), "del", stamped.row, {}))

    def add_to_map(self, table: str, ref: str, field: str, key: str, value: Any) -> None:
        """Add a key to a map; raise MAP_DUPLICATE_KEY [table, field, ref, key] if it is there."""
        with self.lock:
            old = self.get(table, ref)[field]
            if key in old:
                raise XapiError("MAP_DUPLICATE_KEY", table, field, ref, key)
            self.update(table, ref, **{field: {**old, key: value}})

    def set_in_map(self, table: str, ref: str, field: str, key: str, value: Any) -> None:
        """Put a key into a map, whatever it was."""
        with self.lock:
            self.update(table, ref, **{field: {**self.get(table, ref)[field], key: value}})

    def remove_from_map(self, table: str, ref: str, field: str, key: str) -> None:
        """Remove a key from a map, if it is there."""
        with self.lock:
            old = self.get(table, ref)[field]
            self.update(table, ref, **{field: {each: old[each] for each in old if each != key}})

    def add_to_set(self, table: str, ref: str, field: str, value: Any) -> None:
        """Add a value to a set, if it is not there."""
        with self.lock:
            old = self.get(table, ref)[field]
            if value not in old:
                self.update(table, ref, **{field: [*old, value]})

    def remove_from_set(self, table: str, ref: str, field: str, value: Any) -> None:
        """Remove a value from a set, if it is there."""
        with self.lock:
            old = self.get(table, ref)[field]
            self.update(table, ref, **{field: [each for each in old if each != value]})

    def forget_volatile(self) -> None:
        """Drop what a restart of the master's xapi does not find again: sessions, tasks, operations."""
        with self.lock:
            for cls in self.schema.classes.values():
                reset = {each.row: each.default for each in cls.fields.values() if each.volatile}
                for ref in list(self.tables[cls.name].rows):
                    if "volatile" in cls.flags:
                        self.destroy(cls.name, ref)
                    else:
                        self.update(cls.name, ref, **reset)

    def watch(self, watcher: Watcher) -> None:
        """Call the watcher, under `lock`, after every change."""
        self._watchers.append(watcher)

    def wait_change(self, generation: int, timeout: float) -> bool:
        """Wait until the database is past `generation`, at most `timeout` simulated seconds."""
        return self.wait_until(lambda: self.generation > generation, timeout)

    def wait_until(self, predicate: Callable[[], bool], timeout: float) -> bool:
        """Wait until the predicate, asked after every change, is true; at most so many simulated seconds."""
        with self.lock:
            return self._clock.wait_for(self._changed, predicate, timeout)

    def wake(self) -> None:
        """Have those who wait ask their predicates again, as after a change."""
        with self.lock:
            self._changed.notify_all()

    def mirror_all(self) -> None:
        """Complete the sets that mirror references, in rows that were put in from a dump."""
        with self.lock:
            for relation in self.schema.relations:
                ones = self.tables[relation.one].rows
                for ref, stamped in self.tables[relation.many].rows.items():
                    one = ones.get(stamped.row[relation.reference])
                    if one and ref not in one.row[relation.references]:
                        one.row = {**one.row, relation.references: [*one.row[relation.references], ref]}

    def dangling(self) -> Iterator[tuple[str, Ref, str]]:
        """Yield (table, row, field) of references that point nowhere, for tests and for judging a dump."""
        for relation in self.schema.relations:
            ones = self.rows(relation.one)
            for ref, row in self.rows(relation.many).items():
                if row[relation.reference] not in ("", NULL, *ones):
                    yield relation.many, ref, relation.reference

    def _stamped(self, table: str, ref: str) -> Stamped:
        try:
            return self.tables[table].rows[Ref(ref)]
        except KeyError:
            raise XapiError("HANDLE_INVALID", table, ref) from None

    def _assert_known(self, table: str, fields: Mapping[str, Any]) -> None:
        if unknown := fields.keys() - self.schema.classes[table].fields.keys():
            raise TypeError(f"{table} has no {', '.join(sorted(unknown))}")

    def _next_generation(self, table: str) -> int:
        self.generation += 1
        self.tables[table].changed = self.generation
        return self.generation

    def _mirror(self, relation: Relation, ref: Ref, old: Row, new: Row) -> None:
        before, after = old.get(relation.reference, NULL), new.get(relation.reference, NULL)
        if before == after:
            return
        if self.exists(relation.one, before):
            self.remove_from_set(relation.one, before, relation.references, ref)
        if self.exists(relation.one, after):
            self.add_to_set(relation.one, after, relation.references, ref)

    def _announce(self, change: Change) -> None:
        for watcher in self._watchers:
            watcher(change)
        self._changed.notify_all()
