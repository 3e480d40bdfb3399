"""Hotfix files that were made to do harm, or were damaged anywhere."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from tests.fuzz.edits import Splice, packed, spliced, splices
from tests.hotfix.kit import manifest
from xenpatch.errors import HotfixError
from xenpatch.hotfix.archive import Limits
from xenpatch.hotfix.intake import verify

UPDATE: Final = b"update" * 500
MANIFEST: Final = manifest(UPDATE, source=None)
LIMITS: Final = Limits(entries=10, entry_size=100_000, total_size=200_000)


def _tar() -> bytes:
    with io.BytesIO() as packed_up:
        with tarfile.open(fileobj=packed_up, mode="w:gz") as tar:
            evil = tarfile.TarInfo("../../etc/cron.d/evil")
            evil.size = len(UPDATE)
            tar.addfile(evil, io.BytesIO(UPDATE))
        return packed_up.getvalue()


CONTENTS: Final = (UPDATE, b"", b"more" * 20, _tar(), gzip.compress(bytes(10**6)), bytes(3 * 10**6))
NAMES: Final = (
    "XS602E900.xsupdate", "XS602E900.XSUPDATE", "./XS602E900.xsupdate", "../XS602E900.xsupdate", "readme",
    "/etc/passwd", "C:\\boot.ini", "c:x", "a/../../b", "..\\b", "a\x00b", "a\nb", "\x1b[2J", "dir/", "/", "",
    "ümlaut", "x" * 3000, "XS602E900-src-pkgs.tar.bz2",
)  # fmt: skip
MODES: Final = (0, stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR)
RECORDS: Final = (
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08",
)  # fmt: skip
"""Local header, central directory, its end, the ends of zip64, data descriptor."""


@dataclass(frozen=True)
class Entry:
    """A file in a zip. A streamed one has its sizes behind it; zip64 is for sizes of 64 bits."""

    name: str
    content: bytes
    method: int
    mode: int
    zip64: bool


@dataclass(frozen=True)
class Field:
    """A field of the n-th record of a kind, overwritten."""

    record: bytes
    number: int
    offset: int
    value: bytes


@dataclass(frozen=True)
class Case:
    """A zip, what is done to its records, then to its bytes; or a bare update."""

    suffix: str
    entries: tuple[Entry, ...]
    streamed: bool
    fields: tuple[Field, ...]
    splices: tuple[Splice, ...]


_entries = st.builds(
    Entry,
    name=st.sampled_from(NAMES),
    content=st.sampled_from(CONTENTS),
    method=st.sampled_from((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
    mode=st.sampled_from(MODES),
    zip64=st.booleans(),
)
_right = st.builds(
    Entry,
    name=st.just(NAMES[0]),
    content=st.just(UPDATE),
    method=st.sampled_from((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)),
    mode=st.just(0),
    zip64=st.booleans(),
)
_harmless = st.builds(
    Entry, st.just("readme"), st.just(b"more" * 20), st.just(zipfile.ZIP_DEFLATED), st.just(0), st.booleans()
)
_fields = st.builds(Field, st.sampled_from(RECORDS), st.integers(0, 3), st.integers(4, 60), packed)
cases = st.builds(
    Case,
    suffix=st.sampled_from((".zip",) * 9 + (".xsupdate",)),
    entries=st.one_of(
        st.tuples(_right, _harmless), st.tuples(_right, _entries), st.lists(_entries, max_size=4).map(tuple)
    ),
    streamed=st.booleans(),
    fields=st.lists(_fields, max_size=3).map(tuple),
    splices=st.one_of(st.just(()), splices.map(tuple)),
)


class _Streamed(io.BytesIO):
    """Takes a zip as a pipe would, so that sizes and sums follow each entry."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def _zipped(entries: Sequence[Entry], *, streamed: bool) -> bytes:
    with (_Streamed if streamed else io.BytesIO)() as whole, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that are there twice
        with zipfile.ZipFile(whole, "w") as archive:
            for entry in entries:
                info = zipfile.ZipInfo(entry.name)
                info.compress_type, info.create_system = entry.method, 3
                info.external_attr = (entry.mode | 0o644) << 16
                with archive.open(info, "w", force_zip64=entry.zip64) as member:
                    member.write(entry.content)
        return whole.getvalue()


def _overwritten(content: bytes, field: Field) -> bytes:
    at = -1
    for _ in range(field.number + 1):
        at = content.find(field.record, at + 1)
        if at < 0:
            return content
    at += field.offset
    return content[:at] + field.value + content[at + len(field.value) :]


def made(case: Case) -> bytes:
    """The file."""
    content = _zipped(case.entries, streamed=case.streamed) if case.suffix == ".zip" else UPDATE
    for field in case.fields:
        content = _overwritten(content, field)
    return spliced(content, case.splices) or b"x"


@contextmanager
def judging(folder: Path) -> Iterator[Callable[[Case], str]]:
    """A judge: whatever is taken is the published update, and nothing is ever written."""
    temporary, before = folder / "tmp", tempfile.tempdir
    temporary.mkdir(mode=0o700)
    tempfile.tempdir = str(temporary)

    def judge(case: Case) -> str:
        path = folder / f"XS602E900{case.suffix}"
        path.write_bytes(content := made(case))
        try:
            hotfix = verify(path, MANIFEST, limits=LIMITS)
            with hotfix.open_update() as stream:
                assert stream.read() == UPDATE
        except HotfixError as refused:
            return type(refused).__name__
        else:
            return "taken"
        finally:
            assert {found.name for found in folder.iterdir()} == {"tmp", path.name}
            assert list(temporary.iterdir()) == []
            assert path.read_bytes() == content
            path.unlink()

    try:
        yield judge
    finally:
        tempfile.tempdir = before
