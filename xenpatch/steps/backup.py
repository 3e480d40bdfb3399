"""A copy of the pool's database, before the first change (`xe pool-dump-database`)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from xenpatch.errors import BackupFailed, PoolError
from xenpatch.state import state_folder
from xenpatch.xapi.dump import BOUNDS
from xenpatch.xapi.files import download
from xenpatch.xapi.guarded_xml import GuardedParser, XmlRefused
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.session import Session


def default_folder() -> Path:
    """Where backups go unless told otherwise: the user's state folder."""
    return state_folder("backups")


def back_up(session: Session, pool: Inventory, folder: Path) -> Path:
    """Save the database, readable by its owner alone, and return where.

    It holds secrets: password hashes, storage and licence credentials. Raises BackupFailed unless it is
    whole: a database that names this pool and each of its hosts, no larger than `read_pool` takes. Whatever
    ends it early, an interruption too, nothing is left behind.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = folder / f"{pool.uuid}-{stamp}.xml"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as failed:
        raise BackupFailed(
            f"no backup can be written to {folder}: {failed.strerror}; nothing was changed"
        ) from None
    try:
        with os.fdopen(handle, "wb") as file:
            _save(session, pool, file)
    except BaseException as broken:
        path.unlink(missing_ok=True)
        if not isinstance(broken, PoolError | OSError | XmlRefused):
            raise
        raise BackupFailed(
            f"the backup of the pool database is not whole ({broken}); nothing was changed on any host"
        ) from None
    return path


def _save(session: Session, pool: Inventory, file: BinaryIO) -> None:
    whole = _Wholeness(pool)
    download(session, "/pool/xmldbdump", lambda data: whole.feed(data, file))
    whole.check()
    file.flush()
    os.fsync(file.fileno())


class _Wholeness:
    """Reads the dump as it streams by, in flat memory, and ticks off the pool and its hosts."""

    def __init__(self, pool: Inventory) -> None:
        self._parser = GuardedParser(BOUNDS, self._start)
        self._table = ""
        self._root = ""
        self._missing = {("pool", str(pool.uuid)), *(("host", str(host.uuid)) for host in pool.hosts)}

    def feed(self, data: bytes, copy: BinaryIO) -> None:
        self._parser.feed(data)
        copy.write(data)

    def check(self) -> None:
        """Raise unless the document is complete and is this pool's database."""
        self._parser.close()
        if self._root != "database" or self._missing:
            raise PoolError("it is not the database of this pool")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._root = self._root or name
        if name == "table":
            self._table = attributes.get("name", "")
        elif name == "row":
            self._missing.discard((self._table, attributes.get("uuid", "")))
