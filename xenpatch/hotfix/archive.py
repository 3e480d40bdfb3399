"""The zip that hotfixes are published in, read without trusting a word of it.

What its directory says is checked before anything is decompressed, and what is decompressed is counted.
Nothing is ever unpacked to disk.
"""

import copy
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from xenpatch.errors import ArchiveRefused
from xenpatch.hotfix.checksums import CHUNK, FileCheck, FileRole, measure

UPDATE_SUFFIX: Final = ".xsupdate"

_DAMAGE: Final = (  # what zipfile raises on a file that is damaged or was made to harm
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,  # NotImplementedError too: features of zip that zipfile does not read
    ValueError,  # UnicodeDecodeError too
)
_GIB: Final = 1024**3
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000  # flag bits: traditional, strong, directory encrypted
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile's others inflate without a bound


@dataclass(frozen=True)
class Limits:
    """How much is read before a file is refused; sizes in bytes.

    Real hotfixes hold two or three files and stay below one GiB.
    """

    entries: int = 100
    entry_size: int = 4 * _GIB
    total_size: int = 6 * _GIB


DEFAULT_LIMITS: Final = Limits()


class Archive:
    """A zip with exactly one update, open for reading; ``entries`` leaves folders out.

    Raises ArchiveRefused, with a reason that continues the file's name.
    """

    def __init__(self, file: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> None:
        try:
            self._zip = zipfile.ZipFile(_BoundedReads(file))
        except _DAMAGE as error:
            raise ArchiveRefused(_not_a_zip(file, error)) from error
        _check_directory(self._zip.infolist(), limits)
        self.entries = tuple(info for info in self._zip.infolist() if not info.is_dir())
        self.update = _the_update(self.entries)
        self.size = sum(info.file_size for info in self.entries)

    def open(self, info: zipfile.ZipInfo) -> "Entry":
        """Open an entry for reading."""
        return Entry(self._zip, info)

    def check(self, info: zipfile.ZipInfo, on_bytes: Callable[[int], None]) -> FileCheck:
        """Read an entry through and take its sums; raises ArchiveRefused if it is not what it declares."""
        sums = measure(self.open(info), info.file_size, on_bytes)
        name = info.filename
        if sums.size > info.file_size:
            raise ArchiveRefused(
                f"is refused: the entry {name!r} holds more than the {info.file_size} bytes that it declares."
            )
        if sums.size < info.file_size:
            raise ArchiveRefused(
                f"is damaged: the entry {name!r} ends after {sums.size} of {info.file_size} bytes."
            )
        return FileCheck(name, FileRole.UPDATE if info is self.update else FileRole.OTHER, sums)


class Entry:
    """The bytes of an entry, all that it really holds: who reads must count.

    Opening and reading raise ArchiveRefused where the zip is damaged.
    """

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._name = info.filename
        unbounded = copy.copy(info)
        unbounded.file_size = sys.maxsize  # zipfile would silently stop at the declared size
        try:
            self._stream = archive.open(unbounded)
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def read(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes; none at the end."""
        try:
            return self._stream.read(size)
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ArchiveRefused:
        return ArchiveRefused(f"is damaged: the entry {self._name!r} cannot be read ({_reason(error)}).")


class _BoundedReads:
    """A file that refuses to be read in large pieces, as zipfile reads a directory whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1, /) -> bytes:
        rest = self._size - self._file.tell()
        if (rest if size < 0 else min(size, rest)) > CHUNK:
            raise ArchiveRefused(f"is refused: its directory is larger than {CHUNK} bytes.")
        return self._file.read(size)


def _not_a_zip(file: BinaryIO, error: Exception) -> str:
    file.seek(0)
    if file.read(2) != b"PK":
        return "is not a zip, whatever its name says."
    return f"is a damaged zip, most likely cut short: {_reason(error)}."


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _check_directory(infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(infos) > limits.entries:
        raise ArchiveRefused(f"is refused: it has {len(infos)} entries, and the limit is {limits.entries}.")
    for info in infos:
        fault = _fault(info, limits)
        if fault:
            raise ArchiveRefused(f"is refused: the entry {info.orig_filename!r} {fault}.")
    names = Counter(_normal(info.orig_filename) for info in infos)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ArchiveRefused(f"is refused: the entry {twice[0]!r} is in it more than once.")
    total = sum(info.file_size for info in infos)
    if total > limits.total_size:
        raise ArchiveRefused(
            f"is refused: unpacked it would be {total} bytes, and the limit is {limits.total_size}."
        )


def _fault(info: zipfile.ZipInfo, limits: Limits) -> str | None:
    name = info.orig_filename
    mode = stat.S_IFMT(info.external_attr >> 16)
    faults = (
        (leaves_folder(name), "has a path that leads out of its folder"),
        (any(ord(character) < 32 for character in name), "has a control character in its name"),
        (mode == stat.S_IFLNK, "is a symbolic link"),
        (mode not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}, "is a special file"),
        (info.flag_bits & _ENCRYPTED, "is encrypted, which no published hotfix is"),
        (
            info.compress_type not in _METHODS,
            f"is compressed by method {info.compress_type}; only deflate is read",
        ),
        (
            info.file_size > limits.entry_size,
            f"declares {info.file_size} bytes, and the limit is {limits.entry_size}",
        ),
    )
    return next((words for wrong, words in faults if wrong), None)


def leaves_folder(name: str) -> bool:
    """Whether a path in a zip could lead elsewhere on any system: absolute, drive, backslash, dot dot."""
    return (
        not name.strip("/")
        or name.startswith("/")
        or "\\" in name
        or re.match(r"[A-Za-z]:", name) is not None
        or ".." in name.split("/")
    )


def _normal(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in {"", "."}).casefold()


def _the_update(entries: tuple[zipfile.ZipInfo, ...]) -> zipfile.ZipInfo:
    updates = [info for info in entries if info.filename.lower().endswith(UPDATE_SUFFIX)]
    if not updates:
        names = ", ".join(repr(info.filename) for info in entries[:5]) or "nothing"
        raise ArchiveRefused(f"is refused: it holds no {UPDATE_SUFFIX} file, only {names}.")
    if len(updates) > 1:
        names = ", ".join(repr(info.filename) for info in updates)
        raise ArchiveRefused(
            f"is refused: it holds {len(updates)} update files ({names}), and a hotfix is one."
        )
    if not updates[0].file_size:
        raise ArchiveRefused(f"is refused: its update {updates[0].filename!r} is empty (0 bytes).")
    return updates[0]
