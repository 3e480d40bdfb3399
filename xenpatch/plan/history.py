"""What earlier runs measured of a pool: one JSON line a migration or reboot, in the user's state folder.

It only makes forecasts better, so nothing that is wrong with the file ever stops a run.
"""

from __future__ import annotations

import json
import logging
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from xenpatch.state import state_folder
from xenpatch.xapi.types import HostUuid, PoolUuid, VmUuid

log = logging.getLogger(__name__)

_READ: Final = 2000
_TRIM_ABOVE: Final = 4000


@dataclass(frozen=True)
class MoveRecord:
    """A live migration of `memory` bytes; ``seconds`` are the task's by the pool's clock."""

    vm: VmUuid
    memory: int
    src: HostUuid
    dst: HostUuid
    seconds: float
    ok: bool = True


@dataclass(frozen=True)
class RebootRecord:
    """The reboot of a host, verification included."""

    host: HostUuid
    seconds: float


Record = MoveRecord | RebootRecord

_KINDS: Final[dict[str, type[Record]]] = {"move": MoveRecord, "reboot": RebootRecord}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "vm": str,
    "memory": int,
    "src": str,
    "dst": str,
    "host": str,
    "seconds": (int, float),
    "ok": bool,
}


def default_folder() -> Path:
    """Where histories are kept: the user's state folder."""
    return state_folder("history")


def append(pool: PoolUuid, record: Record) -> None:
    """Add a record to the pool's history, readable by its owner alone; a failure is logged, never raised."""
    line = json.dumps({"kind": _NAMES[type(record)]} | asdict(record)) + "\n"
    path = _path(pool)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)
    except OSError as failed:
        log.warning("How long it took is not remembered: %s cannot be written (%s)", path, failed.strerror)


def read(pool: PoolUuid) -> tuple[Record, ...]:
    """The newest records of the pool, the oldest of them first; damaged lines are left out.

    A file that has grown too long is cut to the lines that are read. An error is logged, never raised.
    """
    path = _path(pool)
    try:
        lines = path.read_bytes().splitlines()
        if len(lines) > _TRIM_ABOVE:
            _replace(path, lines[-_READ:])
    except FileNotFoundError:
        return ()
    except OSError as failed:
        log.warning("Forecasts start afresh: %s cannot be read or cut (%s)", path, failed.strerror)
        return ()
    return tuple(record for line in lines[-_READ:] if (record := _parse(line)) is not None)


def _path(pool: PoolUuid) -> Path:
    return default_folder() / f"{pool}.jsonl"


def _replace(path: Path, lines: list[bytes]) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.writelines(line + b"\n" for line in lines)
    fresh.replace(path)


def _parse(line: bytes) -> Record | None:
    try:
        values = json.loads(line)
        record = _KINDS[values.pop("kind")](**values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    whole = all(isinstance(value, _TYPES[name]) for name, value in asdict(record).items())
    return record if whole and 0 < record.seconds < math.inf else None
