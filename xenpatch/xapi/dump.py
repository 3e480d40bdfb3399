"""A saved pool database (`xe pool-dump-database`, or the copy that a run saves) as the XenAPI would show it.

The format is that of xapi's Db_xml: database/manifest/table/row, the fields of a row its attributes, all of
them text. A name has two underscores where the XenAPI has one (`memory__dynamic_max`). Sets and maps are
s-expressions. ``%`` protects white space: ``%_`` is two spaces, ``%.`` one, ``%t`` ``%n`` ``%r`` a tab and
the ends of lines, ``%%`` itself.

Only the tables and fields that make up the picture of a pool are kept, so that memory follows the number of
objects and not the size of the file; both have their limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from xenpatch.errors import InputError
from xenpatch.xapi.fields import FIELDS, Field
from xenpatch.xapi.guarded_xml import Bounds, GuardedParser, XmlRefused
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.survey import picture

Tables = dict[str, dict[str, dict[str, Any]]]

BOUNDS: Final = Bounds(size=512 * 1024**2, tag=4 * 1024**2)
"""A pool of 64 hosts and 4,000 VMs makes 26 MB; a row holds all that xapi knows of an object in one tag."""
_MOST_ROWS: Final = 500_000
"""Such a pool has 30,000 that count. In memory one takes a kilobyte."""
_CHUNK: Final = 1 << 18

_PROTECTED = re.compile(r"%([_.tnr%])")
_PLAIN: Final = {"%_": "  ", "%.": " ", "%t": "\t", "%n": "\n", "%r": "\r", "%%": "%"}


_SAVED: Final = {
    kind: saved
    for kind, fields in FIELDS.items()
    if (saved := {name: field for name, field in fields.items() if field.saved})
}


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
        self._tables: Tables = {name: {} for name in _SAVED}
        self._rows = 0
        self._parser = GuardedParser(BOUNDS, self._start, self._end)

    def read(self, stream: BinaryIO) -> Tables:
        try:
            while data := stream.read(_CHUNK):
                self._parser.feed(data)
            self._parser.close()
        except XmlRefused as refused:
            raise _refusal(self._path, str(refused)) from None
        return self._tables

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._open and tag != "database":
            raise self._refuse(f"it begins with <{tag:.40}>")
        if tag == "table" and self._open == ["database"]:
            self._table = attributes.get("name", "")
        elif tag == "row" and self._open == ["database", "table"] and self._table in _SAVED:
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
        self._rows += 1
        if self._rows > _MOST_ROWS:
            raise self._refuse(f"it has more than {_MOST_ROWS} objects")
        given = {_wire(name): text for name, text in attributes.items()}
        rows[ref] = {
            name: self._value(f"{name} of {self._table} {ref:.60}", field, given.get(name))
            for name, field in _SAVED[self._table].items()
        }

    def _value(self, what: str, field: Field, text: str | None) -> Any:
        if text is None:
            if field.default is None:
                raise self._refuse(f"there is no {what}")
            return field.default
        try:
            return field.kind.read(
                _PROTECTED.sub(lambda found: _PLAIN[found[0]], text) if "%" in text else text
            )
        except (ValueError, KeyError):
            raise self._refuse(f"{what} cannot be {text!r:.60}") from None

    def _refuse(self, reason: str) -> InputError:
        return _refusal(self._path, self._parser.at(reason))


@lru_cache(maxsize=1024)
def _wire(name: str) -> str:
    """The XenAPI's name of a field."""
    return name.replace("__", "_")


def _refusal(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is no whole pool database (xe pool-dump-database): {reason}. Nothing was contacted."
    )
