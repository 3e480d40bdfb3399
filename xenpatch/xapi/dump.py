"""A saved pool database (`xe pool-dump-database`, or the copy that a run saves) as the XenAPI would show it.

The format is that of xapi's Db_xml: database/manifest/table/row, the fields of a row its attributes, all of
them text. A name has two underscores where the XenAPI has one (`memory__dynamic_max`). Sets and maps are
s-expressions. ``%`` protects white space: ``%_`` is two spaces, ``%.`` one, ``%t`` ``%n`` ``%r`` a tab and
the ends of lines, ``%%`` itself.

Only the tables and fields that make up the picture of a pool are kept, so that memory follows the number of
objects and not the size of the file. A document type is refused, and with it every entity declaration.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from xenpatch.errors import InputError
from xenpatch.xapi import sexpr
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.survey import picture

Tables = dict[str, dict[str, dict[str, Any]]]

_PROTECTED = re.compile(r"%([_.tnr%])")
_PLAIN: Final = {"%_": "  ", "%.": " ", "%t": "\t", "%n": "\n", "%r": "\r", "%%": "%"}


def _number(text: str) -> str:
    """Integers stay text, as they are on the wire."""
    return str(int(text))


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text]


@dataclass(frozen=True)
class _Type:
    """How a field is read, and its value where an older or newer release does not have it."""

    read: Callable[[str], Any]
    default: Any = None


_TEXT = _Type(str)
_NUMBER = _Type(_number)
_NUMBER_OR_0 = _Type(_number, "0")
_TRUTH = _Type(_truth)
_TEXT_OR_NONE = _Type(str, "")
_FALSE = _Type(_truth, default=False)
_TRUE = _Type(_truth, default=True)
_SET = _Type(sexpr.parse_set, [])
_MAP = _Type(sexpr.parse_map, {})

_FIELDS: Final[dict[str, dict[str, _Type]]] = {
    "pool": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "master": _TEXT, "ha_enabled": _FALSE,
        "wlb_enabled": _FALSE, "other_config": _MAP, "ha_host_failures_to_tolerate": _NUMBER_OR_0,
        "ha_statefiles": _SET, "ha_configuration": _MAP,
    },
    "host": {
        "uuid": _TEXT, "name_label": _TEXT, "address": _TEXT_OR_NONE, "enabled": _TRUTH, "metrics": _TEXT,
        "memory_overhead": _NUMBER, "software_version": _MAP, "other_config": _MAP, "cpu_info": _MAP,
    },
    "host_metrics": {"live": _TRUTH, "memory_total": _NUMBER},
    "VM": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "power_state": _TEXT, "resident_on": _TEXT,
        "affinity": _TEXT_OR_NONE, "is_a_template": _FALSE, "is_a_snapshot": _FALSE,
        "is_control_domain": _FALSE, "memory_dynamic_max": _NUMBER, "memory_dynamic_min": _NUMBER,
        "memory_overhead": _NUMBER, "tags": _SET, "ha_restart_priority": _TEXT_OR_NONE,
        "ha_always_run": _TRUE, "last_boot_CPU_flags": _MAP, "blocked_operations": _MAP,
        "attached_PCIs": _SET, "other_config": _MAP, "HVM_boot_policy": _TEXT_OR_NONE,
        "metrics": _TEXT_OR_NONE,
    },
    "VM_metrics": {"start_time": _TEXT},
    "VBD": {"uuid": _TEXT, "VM": _TEXT, "VDI": _TEXT, "empty": _FALSE, "type": _TEXT},
    "VDI": {"uuid": _TEXT, "name_label": _TEXT_OR_NONE, "SR": _TEXT},
    "VIF": {"VM": _TEXT, "network": _TEXT},
    "network": {"uuid": _TEXT, "name_label": _TEXT_OR_NONE},
    "PIF": {"network": _TEXT, "host": _TEXT},
    "SR": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "type": _TEXT, "shared": _FALSE, "other_config": _MAP,
    },
    "PBD": {"uuid": _TEXT, "SR": _TEXT, "host": _TEXT, "currently_attached": _TRUTH},
    "pool_patch": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "size": _NUMBER, "after_apply_guidance": _SET,
    },
    "host_patch": {"host": _TEXT, "pool_patch": _TEXT, "applied": _TRUTH, "timestamp_applied": _TEXT},
}  # fmt: skip
"""What `survey.picture` reads; a field without a default is there in every release."""


@dataclass(frozen=True)
class SavedPool:
    """A pool as it was when its database was saved.

    Every host counts as reachable, for nobody can be asked whether it is now; ``silent`` names those that
    were not. Whether a host is enabled, and its storage attached, is as it was saved.
    """

    pool: Inventory
    silent: tuple[str, ...] = ()

    def remarks(self) -> tuple[str, ...]:
        """What a person should know of it."""
        told = f"not reachable when this was saved, and taken as in service: {', '.join(self.silent)}"
        return (told,) if self.silent else ()


def read_pool(path: Path) -> SavedPool:
    """The pool in a saved database. Raises InputError that names the file, and the place in it."""
    tables = read_tables(path)
    if len(tables["pool"]) != 1:
        raise _refusal(path, f"it holds {len(tables['pool'])} pools")
    (pool,) = tables["pool"].values()
    if pool["master"] not in tables["host"]:
        raise _refusal(path, "the master that its pool names is none of its hosts")
    try:
        found = picture(tables)
    except (KeyError, ValueError) as wrong:
        raise _refusal(path, f"its rows do not fit together ({wrong})") from None
    return SavedPool(
        pool=replace(found, hosts=tuple(replace(host, live=True) for host in found.hosts)),
        silent=tuple(host.name for host in found.hosts if not host.live),
    )


def read_tables(path: Path) -> Tables:
    """The records of a saved database, by class and reference, with the values that the XenAPI gives.

    Templates and snapshots, most of the VMs of many pools, are left out. Raises InputError like `read_pool`.
    """
    try:
        with path.open("rb") as stream:
            return _Reader(path).read(stream)
    except OSError as failed:
        raise InputError(
            f"the dump {path} cannot be read: {failed.strerror}. Nothing was contacted."
        ) from None


class _Reader:
    """Keeps what matters of one file as it streams by."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[str] = []
        self._table = ""
        self._tables: Tables = {name: {} for name in _FIELDS}
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def read(self, stream: BinaryIO) -> Tables:
        try:
            self._parser.ParseFile(stream)
        except expat.ExpatError as broken:
            raise self._refuse(expat.ErrorString(broken.code)) from None
        return self._tables

    def _doctype(self, *_: object) -> None:
        raise self._refuse("a document type is not allowed")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._open and tag != "database":
            raise self._refuse(f"it begins with <{tag:.40}>")
        if tag == "table" and self._open == ["database"]:
            self._table = attributes.get("name", "")
        elif tag == "row" and self._open == ["database", "table"] and self._table in _FIELDS:
            self._row(attributes)
        self._open.append(tag)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _row(self, attributes: dict[str, str]) -> None:
        ref = attributes.get("ref")
        if ref is None:
            raise self._refuse(f"a row of {self._table} without a reference")
        rows = self._tables[self._table]
        if ref in rows:
            raise self._refuse(f"a second row of {self._table} with the reference {ref:.60}")
        if self._table == "VM" and "true" in (
            attributes.get("is_a_template"),
            attributes.get("is_a_snapshot"),
        ):
            return
        given = {_wire(name): text for name, text in attributes.items()}
        rows[ref] = {
            name: self._value(f"{name} of {self._table} {ref:.60}", kind, given.get(name))
            for name, kind in _FIELDS[self._table].items()
        }

    def _value(self, what: str, kind: _Type, text: str | None) -> Any:
        if text is None:
            if kind.default is None:
                raise self._refuse(f"there is no {what}")
            return kind.default
        try:
            return kind.read(_PROTECTED.sub(lambda found: _PLAIN[found[0]], text) if "%" in text else text)
        except (ValueError, KeyError):
            raise self._refuse(f"{what} cannot be {text!r:.60}") from None

    def _refuse(self, reason: str) -> InputError:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber
        return _refusal(self._path, f"{reason} (line {line}, column {column})")


@lru_cache(maxsize=1024)
def _wire(name: str) -> str:
    """The XenAPI's name of a field."""
    return name.replace("__", "_")


def _refusal(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is no whole pool database (xe pool-dump-database): {reason}. Nothing was contacted."
    )
