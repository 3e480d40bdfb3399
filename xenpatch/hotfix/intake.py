"""Takes in a hotfix, a zip or a bare update: nothing of it is trusted and nothing is written to disk."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from xenpatch.errors import ArchiveRefused, FileRefused
from xenpatch.hotfix.archive import DEFAULT_LIMITS, UPDATE_SUFFIX, Archive, Limits
from xenpatch.hotfix.checksums import CHUNK, FileCheck, FileRole, Readable, measure
from xenpatch.hotfix.files import open_file
from xenpatch.hotfix.manifest import Manifest
from xenpatch.hotfix.published import compare, compare_whole, manifest_of
from xenpatch.hotfix.verified import VerifiedReader, changed

Progress = Callable[[int, int], None]
"""Told the bytes read so far and all bytes to read; a zip is read twice, packed and unpacked."""

_Measure = Callable[[BinaryIO, Path, Limits, Progress], tuple[FileCheck, ...]]


@dataclass(frozen=True)
class Hotfix:
    """A hotfix on disk that is what its manifest says."""

    manifest: Manifest
    path: Path
    files: tuple[FileCheck, ...]
    limits: Limits = field(default=DEFAULT_LIMITS, repr=False)

    @property
    def update(self) -> FileCheck:
        """The update itself."""
        return next(check for check in self.files if check.role is FileRole.UPDATE)

    @property
    def update_size(self) -> int:
        """Size of the update in bytes, as it is uploaded."""
        return self.update.actual.size

    @contextmanager
    def open_update(self) -> Iterator[BinaryIO]:
        """Read the update, out of the zip if need be.

        Reading raises HotfixChanged, before the last bytes are handed out, if the file is no longer the
        one that was verified.
        """
        try:
            file = open_file(self.path, "hotfix")
        except FileRefused as error:
            raise changed(self.path) from error
        with file:
            source = VerifiedReader(self._update_in(file), self.update.actual, self.path)
            with io.BufferedReader(source, CHUNK) as reader:
                yield reader

    def _update_in(self, file: BinaryIO) -> Readable:
        if self.update is self.files[0]:
            return file
        try:
            archive = Archive(file, self.limits)
            return archive.open(archive.update)
        except ArchiveRefused as error:
            raise changed(self.path) from error


def verify(
    path: Path,
    manifest: Manifest | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
    on_progress: Progress | None = None,
) -> Hotfix:
    """Check a .zip or .xsupdate against its manifest, in bounded time and flat memory.

    Without a manifest, it is that of a known hotfix with this md5 or name, or else the .yaml beside the
    file. Raises HotfixError with what is wrong; nothing has been contacted or written then.
    """
    with open_file(path, "hotfix") as file:
        measure_all = _reader(path)
        try:
            found = measure_all(file, path, limits, on_progress or _unheard)
        except ArchiveRefused as error:
            comparison = compare_whole(file, path, manifest, limits)
            raise ArchiveRefused(f"The hotfix {path} {error}\n{comparison}") from error
    manifest = manifest or manifest_of(path, found)
    return Hotfix(manifest, path.absolute(), compare(path, manifest, found), limits)


def _unheard(_done: int, _total: int) -> None:
    """Take progress that nobody asked for."""


def _reader(path: Path) -> _Measure:
    readers = {".zip": _measure_zip, UPDATE_SUFFIX: _measure_bare}
    try:
        return readers[path.suffix.lower()]
    except KeyError:
        raise FileRefused(
            f"The file {path} is neither a .zip nor a {UPDATE_SUFFIX}. Give the hotfix under the name "
            "that its vendor gave it."
        ) from None


def _measure_bare(file: BinaryIO, path: Path, limits: Limits, on_progress: Progress) -> tuple[FileCheck, ...]:
    size = _size(file, path, limits.entry_size)
    sums = measure(file, size, _Counter(size, on_progress).add)
    return (FileCheck(path.name, FileRole.UPDATE, sums),)


def _measure_zip(file: BinaryIO, path: Path, limits: Limits, on_progress: Progress) -> tuple[FileCheck, ...]:
    size = _size(file, path, limits.total_size)
    archive = Archive(file, limits)
    counter = _Counter(size + archive.size, on_progress)
    file.seek(0)
    whole = FileCheck(path.name, FileRole.ARCHIVE, measure(file, size, counter.add))
    return (whole, *(archive.check(info, counter.add) for info in archive.entries))


def _size(file: BinaryIO, path: Path, limit: int) -> int:
    size = os.fstat(file.fileno()).st_size
    if size > limit:
        raise FileRefused(
            f"The hotfix {path} has {size} bytes, and the limit is {limit}. Check that it is the right file."
        )
    return size


class _Counter:
    """Adds up the bytes of one file after the other."""

    def __init__(self, total: int, on_progress: Progress) -> None:
        self._done = 0
        self._total = total
        self._on_progress = on_progress

    def add(self, count: int) -> None:
        self._done += count
        self._on_progress(self._done, self._total)
