"""The data model of a release: its classes, fields and messages, read from the tables in schema/.

A table has one line an element; a deeper indented line continues the one above. `@name` is the release that
published the element, where it differs from its class's:

    class pool_patch @miami listed          flags: create destroy listed volatile silent rowless apart
      const name__label: string = ""        rw | const | ro | internal, row name, type, default
      apply(self: pool_patch ref, host: host ref) -> string         flags: sync sessionless internal

Generic messages, such as get_size or add_to_other_config, follow from the fields. A role among the flags is
the least one that may send the message or write the field; where there is none, it is that of the class.
Everybody may read, but for what is `private`: that takes the role of the class. `keys:` are those of a map
that a vm-operator may add and remove.
Source: the data model of xapi 6.0.2 (boston-lcm, January 2012).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from simulator.data_model import LOCAL_ROOT, READ_ONLY, ROLES, Class, Field, Message, Param, Relation
from simulator.datatypes import STRING, VOID, Type, empty_value, parse_type

__all__ = ["RELEASES", "Class", "Release", "Schema"]

RELEASE_ORDER: Final = (
    "rio", "miami", "symc", "orlando", "orlando-update-1", "george", "midnight-ride", "cowley", "boston",
    "tampa", "clearwater",
)  # fmt: skip
_FOLDER = Path(__file__).parent / "schema"
_CLASS = re.compile(r"class (?P<name>\w+)")
_FIELD = re.compile(r"(?P<access>rw|const|ro|internal) (?P<row>\w+): (?P<type>[^=]+?)( = (?P<default>.+))?")
_MESSAGE = re.compile(r"(?P<name>\w+)\((?P<params>.*)\)(?: -> (?P<result>.+))?")
_PARAM = re.compile(r"(?P<name>\w+): (?P<type>[^=@]+?)(?: = (?P<default>[^@]+?))?(?: @(?P<since>[\w-]+))?")
_FLAG = re.compile(
    r" (@[\w-]+|create|destroy|listed|volatile|silent|rowless|apart|private|sync|sessionless|internal"
    rf"|keys:\S+|{'|'.join(ROLES)}|{LOCAL_ROOT})$"
)


@dataclass(frozen=True)
class Release:
    """One product release, and the ways its xapi differs from others."""

    name: str
    """Product version, such as 6.0.2."""
    code_name: str
    """The data model's name of it, such as boston."""
    build: str

    def has(self, since: str) -> bool:
        """Tell whether an element published in that release is there."""
        return RELEASE_ORDER.index(since) <= RELEASE_ORDER.index(self.code_name)


RELEASES: Final = {
    each.name: each for each in (Release("6.0.0", "boston", "50762p"), Release("6.0.2", "boston", "53456p"))
}


@dataclass(frozen=True)
class Schema:
    """The classes that one release serves, and how they refer to each other."""

    classes: dict[str, Class]
    relations: tuple[Relation, ...]
    messages: dict[str, Message]
    """By name on the wire; both VM.start and its alias VM_start."""

    @classmethod
    def of(cls, release: Release) -> "Schema":
        """Return the schema of a release; the same one every time, so do not change it."""
        return _load(release)


@cache
def _load(release: Release) -> Schema:
    enums = {
        found[1]: tuple(found[2].split())
        for line in _lines("enums")
        if (found := re.match(r"enum (\w+): (.+)", line))
    }
    reader = _Reader(release, enums)
    for table in ("access", "tasks", "pool", "host", "vm", "network", "storage"):
        for line in _lines(table):
            reader.read(line)
    classes = reader.classes
    messages: dict[str, Message] = {}
    for each in classes.values():
        each.messages.update(_generic_messages(each))
        for known in each.messages.values():
            messages[known.wire] = messages[known.wire.replace(".", "_", 1)] = known
    relations = tuple(Relation(*re.split(r"[. ]", line)[1:]) for line in _lines("relations"))
    return Schema(classes, relations, messages)


def _lines(table: str) -> Iterator[str]:
    """Yield the lines of a table with continuations joined."""
    joined = re.sub(r"\n {6,}", " ", (_FOLDER / f"{table}.model").read_text())
    return (line.strip() for line in joined.splitlines() if line.strip())


class _Reader:
    """Reads class, field and message lines in turn."""

    def __init__(self, release: Release, enums: dict[str, tuple[str, ...]]) -> None:
        self.classes: dict[str, Class] = {}
        self._release = release
        self._enums = enums
        self._class = Class("", frozenset())

    def read(self, line: str) -> None:
        text, flags = _split_flags(line)
        since = next((flag[1:] for flag in flags if flag.startswith("@")), RELEASE_ORDER[0])
        if found := _CLASS.fullmatch(text):
            self._class = Class(found["name"], frozenset(flags), _role(flags) or ROLES[0])
            if self._release.has(since):
                self.classes[self._class.name] = self._class
        elif not self._release.has(since):
            return
        elif found := _FIELD.fullmatch(text):
            self._class.fields[found["row"]] = self._field(found, flags)
        elif found := _MESSAGE.fullmatch(text):
            self._class.messages[found["name"]] = self._message(found, flags)
        else:
            raise ValueError(f"not a line of the data model: {line}")

    def _type(self, text: str) -> Type:
        return parse_type(text, self._enums)

    def _field(self, found: re.Match[str], flags: Sequence[str]) -> Field:
        data_type = self._type(found["type"])
        default = found["default"]
        return Field(
            found["row"],
            data_type,
            found["access"],
            empty_value(data_type) if default is None else _literal(default),
            required=default is None,
            volatile="volatile" in flags,
            readers=self._class.role if "private" in flags else READ_ONLY,
            writers=_role(flags) or self._class.role,
            keys=next((tuple(flag[5:].split(",")) for flag in flags if flag.startswith("keys:")), ()),
        )

    def _message(self, found: re.Match[str], flags: Sequence[str]) -> Message:
        return Message(
            self._class.name,
            found["name"],
            params=tuple(self._params(found["params"])),
            result=self._type(found["result"] or "void"),
            is_async="sync" not in flags,
            session="sessionless" not in flags,
            internal="internal" in flags,
            role=_role(flags) or self._class.role,
        )

    def _params(self, text: str) -> Iterator[Param]:
        for part in filter(None, text.split(", ")):
            found = _PARAM.fullmatch(part)
            if found is None:
                raise ValueError(f"not a parameter: {part}")
            if self._release.has(found["since"] or RELEASE_ORDER[0]):
                default = found["default"]
                value = None if default is None else _literal(default)
                yield Param(found["name"], self._type(found["type"]), value, optional=default is not None)


def _split_flags(line: str) -> tuple[str, list[str]]:
    flags: list[str] = []
    while found := _FLAG.search(line):
        flags.append(found[1])
        line = line[: found.start()]
    return line, flags


def _role(flags: Sequence[str]) -> str:
    return next((flag for flag in flags if flag in ROLES or flag == LOCAL_ROOT), "")


def _literal(text: str) -> Any:
    """Read a default: JSON, NULL for the null reference, or a bare enum member, date or reference."""
    if text == "NULL":
        return "OpaqueRef:NULL"
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [text[1:-1]] if text.startswith("[") else text


def _generic_messages(cls: Class) -> dict[str, Message]:
    made = [*_object_messages(cls), *(each for found in cls.public for each in _field_messages(cls, found))]
    return {each.name: each for each in made if "rowless" not in cls.flags and each.name not in cls.messages}


def _object_messages(cls: Class) -> Iterator[Message]:
    own, record = Type("ref", cls.name), Type("record", cls.name)
    self_param, records = Param("self", own), Type("map", key=own, item=record)
    readers = cls.role if "private" in cls.flags else READ_ONLY

    def generic(name: str, *params: Param, result: Type = VOID, is_async: bool = False) -> Message:
        role = cls.role if is_async else readers  # only those that make or remove a row have an async form
        return Message(cls.name, name, params, result, is_async, generic=name, role=role)

    yield generic("get_record", self_param, result=record)
    yield generic("get_by_uuid", Param("uuid", STRING), result=own)
    if "name__label" in cls.fields:
        yield generic("get_by_name_label", Param("label", STRING), result=Type("set", item=own))
    if "create" in cls.flags:
        yield generic("create", Param("record", record), result=own, is_async=True)
    if "destroy" in cls.flags:
        yield generic("destroy", self_param, is_async=True)
    if "listed" in cls.flags:
        yield generic("get_all", result=Type("set", item=own))
        yield generic("get_all_records", result=records)
        yield generic("get_all_records_where", Param("expr", STRING), result=records)


def _field_messages(cls: Class, about: Field) -> Iterator[Message]:
    self_param = Param("self", Type("ref", cls.name))

    def generic(name: str, kind: str, *params: Param, result: Type = VOID) -> Message:
        role = about.readers if kind == "get" else about.writers
        return Message(cls.name, name, (self_param, *params), result, generic=kind, field=about, role=role)

    yield generic(f"get_{about.wire}", "get", result=about.type)
    if about.access != "rw":
        return
    yield generic(f"set_{about.wire}", "set", Param("value", about.type))
    if about.type.kind == "map":
        key, value = Param("key", about.type.key or STRING), Param("value", about.type.inner)
        yield generic(f"add_to_{about.wire}", "add_to_map", key, value)
        yield generic(f"remove_from_{about.wire}", "remove_from_map", key)
    elif about.type.kind == "set":
        value = Param("value", about.type.inner)
        yield generic(f"add_{about.wire}", "add_to_set", value)
        yield generic(f"remove_{about.wire}", "remove_from_set", value)
