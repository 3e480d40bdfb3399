"""The database to and from a dump: typed rows here, the text of attributes there."""

from collections.abc import Mapping
from typing import Any, Final

from simulator.call import Ref
from simulator.data_model import Class
from simulator.database import Database, Stamped, Table
from simulator.datatypes import from_text
from simulator.dump import Dump

_OWN: Final = frozenset({"_ref", "__ctime", "__mtime"})
"""Attributes that are about a row and not in it."""


def fill(db: Database, dump: Dump) -> None:
    """Put the rows of a dump into an empty database, but for sessions and tasks, which xapi does not keep.

    Tables and fields that the release does not have stay as they are, as text. Raises ValueError that names
    the row for a value that is not of its field's type.
    """
    with db.lock:
        db.manifest = dict(dump.manifest)
        db.generation = int(dump.manifest.get("generation_count", 1))
        for name, rows in dump.tables.items():
            cls = db.schema.classes.get(name)
            table = db.tables.setdefault(name, Table())
            if cls is None or "volatile" not in cls.flags:
                for ref, attributes in rows.items():
                    table.rows[ref] = _stamped(cls, ref, attributes)
            table.changed = db.generation
        db.mirror_all()


def extract(db: Database) -> Dump:
    """Return the whole database as a dump; tables of sessions and tasks are there, and empty."""
    with db.lock:
        tables = {name: _rows(db, name) for name in db.tables}
        return Dump(db.manifest | {"generation_count": str(db.generation)}, tables)


def _stamped(cls: Class | None, ref: Ref, attributes: Mapping[str, str]) -> Stamped:
    row: dict[str, Any] = {name: text for name, text in attributes.items() if name not in _OWN}
    for field in cls.fields.values() if cls else ():
        try:
            row[field.row] = from_text(field.type, row[field.row]) if field.row in row else field.default
        except (ValueError, KeyError):
            where = f"{cls.name if cls else ''} {ref}"
            raise ValueError(f"{where}: {field.row} is no {field.type.kind}: {row[field.row]!r}") from None
    return Stamped(row, int(attributes.get("__ctime", 0)), int(attributes.get("__mtime", 0)))


def _rows(db: Database, name: str) -> dict[Ref, dict[str, str]]:
    cls = db.schema.classes.get(name)
    if cls and cls.flags & {"volatile", "apart"}:
        return {}
    return {ref: _attributes(cls, ref, stamped) for ref, stamped in db.tables[name].rows.items()}


def _attributes(cls: Class | None, ref: Ref, stamped: Stamped) -> dict[str, str]:
    own = {"_ref": str(ref), "__ctime": str(stamped.created), "__mtime": str(stamped.modified)}
    return own | (cls.as_text(stamped.row) if cls else dict(stamped.row))
