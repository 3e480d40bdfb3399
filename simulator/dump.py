"""Pool databases in the format of ``xe pool-dump-database`` and ``GET /pool/xmldbdump``, purely as strings.

Source: xapi 6.0.2, modules Db_xml and Xml_spaces, and real dumps of 6.0 pools. Values are attributes in which
``%`` protects what XML would normalise: ``%_`` stands for two spaces, ``%t`` ``%n`` ``%r`` for a tab, a line
feed and a carriage return, ``%%`` for itself; later releases write ``%.`` for each single space.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from simulator.call import Ref

Row = dict[str, str]
Tables = dict[str, dict[Ref, Row]]

DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'

_STATISTICS: Final = ("__ctime", "__mtime")
_PARENTS: Final = {
    "database": None,
    "manifest": "database",
    "table": "database",
    "pair": "manifest",
    "row": "table",
}
_MANIFEST_KEYS: Final = ("schema_major_vsn", "schema_minor_vsn", "generation_count")

_PROTECTED = re.compile(r"%([_.tnr%])")
_TO_PROTECT = re.compile(r"  |[\t\n\r%]")
_ESCAPES: Final = {"%_": "  ", "%.": " ", "%t": "\t", "%n": "\n", "%r": "\r", "%%": "%"}
_PROTECTIONS: Final = {plain: escaped for escaped, plain in _ESCAPES.items() if escaped != "%."}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Dump:
    """A pool database: its manifest, and rows by table and reference.

    A row holds every attribute but ``ref``, thus also ``_ref``, ``__ctime`` and ``__mtime``. ``declaration``
    tells whether the XML declaration stands at its head, as xapi writes it; copies in the wild often lack it.
    """

    manifest: dict[str, str]
    tables: Tables = field(default_factory=dict)
    declaration: bool = True


def load(path: Path) -> Dump:
    """Read a dump.

    Raises ValueError, which names the file and the place, if it is not a whole one, and OSError.
    """
    with path.open("rb") as stream:
        return _Reader(path.name).read(stream)


def save(dump: Dump) -> bytes:
    """Print a dump as xapi 6.0.2 does: one line, tables, rows and fields in the order of their bytes.

    Raises ValueError that names table, row and field for a value with a character that XML cannot hold.
    """
    return (DECLARATION if dump.declaration else b"") + "".join(_document(dump)).encode()


def protect(value: str) -> str:
    """Protect white space and percent signs of a value, as xapi 6.0.2 does before it writes an attribute."""
    return _TO_PROTECT.sub(lambda found: _PROTECTIONS[found[0]], value)


def unprotect(value: str) -> str:
    """Read a protected value; a percent sign that protects nothing stands for itself."""
    return _PROTECTED.sub(lambda found: _ESCAPES[found[0]], value)


class _Reader:
    """Builds a Dump from the elements of one file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[str] = []
        self._manifest: dict[str, str] = {}
        self._tables: Tables = {}
        self._rows: dict[Ref, Row] = {}
        self._declaration = False
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.XmlDeclHandler = self._declared
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def read(self, stream: BinaryIO) -> Dump:
        try:
            self._parser.ParseFile(stream)
        except expat.ExpatError as broken:
            raise self._refuse(expat.ErrorString(broken.code)) from broken
        for key in _MANIFEST_KEYS:
            if not self._manifest.get(key, "").isdecimal():
                raise self._refuse(f"its manifest has no number {key}")
        return Dump(self._manifest, self._tables, self._declaration)

    def _declared(self, _version: str, _encoding: str | None, _standalone: int) -> None:
        self._declaration = True

    def _doctype(self, *_: object) -> None:
        raise self._refuse("a document type is not allowed")

    def _text(self, text: str) -> None:
        if not text.isspace():
            raise self._refuse(f"unexpected text {text.strip():.40}")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        parent = self._open[-1] if self._open else None
        if tag not in _PARENTS or _PARENTS[tag] != parent:
            raise self._refuse(f"unexpected <{tag:.40}>" + (f" in <{parent}>" if parent else ""))
        self._open.append(tag)
        match tag:
            case "pair":
                self._manifest[self._attribute(attributes, "key")] = self._attribute(attributes, "value")
            case "table":
                self._rows = self._tables.setdefault(self._attribute(attributes, "name"), {})
            case "row":
                self._row(attributes)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _row(self, attributes: dict[str, str]) -> None:
        ref = Ref(self._attribute(attributes, "ref"))
        if ref in self._rows:
            raise self._refuse(f"a second row with the reference {ref:.60}")
        self._rows[ref] = {name: unprotect(value) for name, value in attributes.items()}

    def _attribute(self, attributes: dict[str, str], name: str) -> str:
        try:
            return attributes.pop(name)
        except KeyError:
            raise self._refuse(f"<{self._open[-1]}> without {name}") from None

    def _refuse(self, reason: str) -> ValueError:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber
        return ValueError(f"{self._name} is not a pool database: {reason} (line {line}, column {column})")


def _document(dump: Dump) -> Iterator[str]:
    yield "<database><manifest>"
    for key, value in dump.manifest.items():
        yield f"<pair{_attributes({'key': key, 'value': value})}/>"
    yield "</manifest>"
    for name, rows in sorted(dump.tables.items()):
        yield f"<table{_attributes({'name': name})}"
        yield ">" if rows else "/>"
        for ref, row in sorted(rows.items()):
            try:
                yield f"<row{_attributes(_in_order(ref, row))}/>"
            except ValueError as bad:
                raise ValueError(f"cannot save {name} {ref}: {bad}") from None
        if rows:
            yield "</table>"
    yield "</database>"


def _in_order(ref: Ref, row: Row) -> Row:
    names = [name for name in _STATISTICS if name in row] + sorted(row.keys() - set(_STATISTICS))
    return {"ref": ref} | {name: protect(row[name]) for name in names}


def _attributes(values: dict[str, str]) -> str:
    for name, value in values.items():
        if _NOT_XML.search(value):
            raise ValueError(f"{name} has a character that XML cannot hold")
    return "".join(f' {name}="{escape(value, {chr(34): "&quot;"})}"' for name, value in values.items())
