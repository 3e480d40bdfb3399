"""The pool database: tables of rows as xapi keeps them, with generations, watchers and back references."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from simulator.call import Ref

if TYPE_CHECKING:
    from simulator.clock import Clock
    from simulator.schema import Schema

Row = Mapping[str, Any]
"""Field (row name, as in name__label) to value. A row is never changed in place: `update` puts a new one."""


@dataclass(frozen=True)
class Change:
    """One change of one row, as watchers see it."""

    table: str
    ref: Ref
    operation: Literal["add", "mod", "del"]
    old: Row
    new: Row


Watcher = Callable[[Change], None]


class Database:
    """Tables of rows. Safe between threads; hold `lock` to read and change several rows as one step.

    Never sleep on the clock while holding `lock`.
    """

    def __init__(self, schema: "Schema", clock: "Clock") -> None:
        self.lock = threading.RLock()
        self.generation = 0
        self._schema = schema
        self._clock = clock

    def get(self, table: str, ref: str) -> Row:
        """Return a row as it is now; raise HANDLE_INVALID [table, ref] if there is none."""
        raise NotImplementedError

    def exists(self, table: str, ref: str) -> bool:
        """Tell whether the table has the row."""
        raise NotImplementedError

    def rows(self, table: str) -> dict[Ref, Row]:
        """Return all rows of a table as they are now."""
        raise NotImplementedError

    def find(self, table: str, **fields: Any) -> list[Ref]:
        """Return the references of the rows whose fields have these values."""
        raise NotImplementedError

    def by_uuid(self, table: str, uuid: str) -> Ref:
        """Return the row with this uuid; raise UUID_INVALID [table, uuid] if there is none."""
        raise NotImplementedError

    def create(self, table: str, **fields: Any) -> Ref:
        """Add a row; uuid and fields not named take their defaults."""
        raise NotImplementedError

    def update(self, table: str, ref: str, **fields: Any) -> None:
        """Change fields of a row; a change that changes nothing is no change."""
        raise NotImplementedError

    def destroy(self, table: str, ref: str) -> None:
        """Remove a row; one that is gone already is no error."""
        raise NotImplementedError

    def add_to_map(self, table: str, ref: str, field: str, key: str, value: str) -> None:
        """Add a key to a map; raise MAP_DUPLICATE_KEY [table, field, ref, key] if it is there."""
        raise NotImplementedError

    def set_in_map(self, table: str, ref: str, field: str, key: str, value: str) -> None:
        """Put a key into a map, whatever it was."""
        raise NotImplementedError

    def remove_from_map(self, table: str, ref: str, field: str, key: str) -> None:
        """Remove a key from a map, if it is there."""
        raise NotImplementedError

    def add_to_set(self, table: str, ref: str, field: str, value: str) -> None:
        """Add a value to a set, if it is not there."""
        raise NotImplementedError

    def remove_from_set(self, table: str, ref: str, field: str, value: str) -> None:
        """Remove a value from a set, if it is there."""
        raise NotImplementedError

    def watch(self, watcher: Watcher) -> None:
        """Call the watcher, under `lock`, after every change."""
        raise NotImplementedError

    def wait_change(self, generation: int, timeout: float) -> bool:
        """Wait until the database is past `generation`, at most `timeout` simulated seconds."""
        raise NotImplementedError
