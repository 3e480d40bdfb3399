"""What happened to the pool: every call with its outcome, and every change of a VM's or host's state."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from simulator.call import Ref
from simulator.clock import Clock
from simulator.data_model import Message, Param
from simulator.database import Change, Database, Row

_SECRETS: Final = frozenset({"pwd", "old_pwd", "new_pwd", "psecret", "secret.value", "session ref"})


def is_secret(message: Message, param: Param) -> bool:
    """Tell whether an argument is written as ***: a password, the value of a secret, or a session."""
    names = {param.name, f"{message.cls}.{param.name}", f"{param.type.name} {param.type.kind}"}
    return param.name.endswith("_password") or not names.isdisjoint(_SECRETS)


@dataclass
class Entry:
    """The line of a call under way; it is written when the outcome is known."""

    journal: "Journal"
    time: float
    host: str
    call: str
    is_async: bool = False
    args: list[Any] = field(default_factory=list)

    def close(self, result: str) -> None:
        """Write the line."""
        kind = {"async": True} if self.is_async else {}
        call = {"t": self.time, "host": self.host, "call": self.call, **kind, "args": self.args}
        self.journal.write({**call, "result": result})


class Journal:
    """The lines in memory, and in a JSON lines file if one is named. Safe between threads."""

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        self._clock = clock
        self._lock = threading.Lock()
        self._file = path.open("w", buffering=1) if path else None

    def now(self) -> float:
        """Return simulated seconds since the start of the pool."""
        return round(self._clock.now() - self._clock.start, 3)

    def open(self, host: str, call: str, *, is_async: bool = False) -> Entry:
        """Begin the line of a call that arrived at a host now."""
        return Entry(self, self.now(), host, call, is_async)

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a line."""
        with self._lock:
            self.lines.append(dict(line))
            if self._file:
                self._file.write(json.dumps(line) + "\n")

    def calls(self, name: str = "") -> list[dict[str, Any]]:
        """Return the call lines, of one message if a name is given."""
        return [line for line in self.lines if line.get("call") and name in ("", line["call"])]

    def events(self, field: str = "") -> list[dict[str, Any]]:
        """Return the event lines, of one field if one is given."""
        return [line for line in self.lines if line.get("event") and field in ("", line["field"])]

    def follow(self, database: Database) -> None:
        """Write a line for every change of a VM's or host's state from now on."""

        def note(change: Change) -> None:
            for line in _state_changes(database, change):
                self.write({"t": self.now(), **line})

        database.watch(note)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None


def _state_changes(database: Database, change: Change) -> Iterator[dict[str, Any]]:
    if change.operation == "mod" and (describe := _DESCRIPTIONS.get(change.table)):
        yield from describe(database, change)


def _vm_changes(database: Database, change: Change) -> Iterator[dict[str, Any]]:
    for name in _changed(change, "power_state", "resident_on"):
        value = change.new[name]
        shown = _uuid(database, value) if name == "resident_on" else value
        yield {"event": "vm", "uuid": change.new["uuid"], "field": name, "value": shown}


def _host_changes(_: Database, change: Change) -> Iterator[dict[str, Any]]:
    for name in _changed(change, "enabled"):
        yield _host_event(change.new, name, change.new[name])
    if (boot := _boot_time(change.new)) != _boot_time(change.old):
        yield _host_event(change.new, "boot", boot)


def _host_metrics_changes(database: Database, change: Change) -> Iterator[dict[str, Any]]:
    for name in _changed(change, "live"):
        for host in database.find("host", metrics=change.ref):
            yield _host_event(database.get("host", host), name, change.new[name])


_DESCRIPTIONS: Final = {"VM": _vm_changes, "host": _host_changes, "host_metrics": _host_metrics_changes}


def _changed(change: Change, *fields: str) -> Iterator[str]:
    return (field for field in fields if change.old.get(field) != change.new.get(field))


def _host_event(host: Row, field: str, value: Any) -> dict[str, Any]:
    return {"event": "host", "uuid": host["uuid"], "field": field, "value": value}


def _uuid(database: Database, host: Ref) -> str:
    return str(database.get("host", host)["uuid"]) if database.exists("host", host) else ""


def _boot_time(host: Row) -> float:
    return float(host["other_config"].get("boot_time", 0))
