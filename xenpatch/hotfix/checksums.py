"""Sizes and checksums of streams, and how they compare with what was published."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from xenpatch.hotfix.manifest import Md5, PublishedFile, Sha256

CHUNK: Final = 1024 * 1024
"""Bytes read at a time."""


class Readable(Protocol):
    """What sums are taken of."""

    def read(self, size: int, /) -> bytes:
        """Read at most ``size`` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Sums:
    """What a file measures; ``size`` is in bytes."""

    size: int
    md5: Md5
    sha256: Sha256


class Hasher:
    """Takes the sums of bytes as they pass by."""

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Count in the next bytes."""
        self.size += len(data)
        self._md5.update(data)
        self._sha256.update(data)

    def sums(self) -> Sums:
        """Return the sums of everything so far."""
        return Sums(self.size, Md5(self._md5.hexdigest()), Sha256(self._sha256.hexdigest()))


def measure(stream: Readable, most: int, on_bytes: Callable[[int], None]) -> Sums:
    """Take the sums of a stream, in bounded time and memory.

    Reading stops one byte after ``most``, so a size beyond it says that there is more.
    """
    hasher = Hasher()
    while data := stream.read(min(CHUNK, most + 1 - hasher.size)):
        hasher.update(data)
        on_bytes(len(data))
    return hasher.sums()


class FileRole(StrEnum):
    """What a file is to its hotfix; OTHER is one that its manifest does not mention."""

    ARCHIVE = "archive"
    UPDATE = "update"
    SOURCE = "source"
    OTHER = "other"


@dataclass(frozen=True)
class FileCheck:
    """A file as it is, and as it was published (None if nothing was)."""

    name: str
    role: FileRole
    actual: Sums
    expected: PublishedFile | None = None

    @property
    def ok(self) -> bool:
        """Whether everything that was published of it holds."""
        return not self.differences()

    def differences(self) -> tuple[str, ...]:
        """Say in words what is not as published."""
        if self.expected is None:
            return ()
        pairs = (
            ("size", self.expected.size, self.actual.size),
            ("md5", self.expected.md5, self.actual.md5),
            ("sha256", self.expected.sha256, self.actual.sha256),
        )
        return tuple(
            f"{what} is {actual}, published was {expected}"
            for what, expected, actual in pairs
            if expected is not None and expected != actual
        )
