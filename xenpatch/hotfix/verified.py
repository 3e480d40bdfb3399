"""Reading a verified file once more, and noticing if it is another one by now."""

import io
from pathlib import Path

from xenpatch.errors import HotfixChanged, HotfixError
from xenpatch.hotfix.checksums import CHUNK, Hasher, Readable, Sums


class VerifiedReader(io.RawIOBase):
    """Passes on the bytes of ``source`` and keeps the last of them back until their sums are proved.

    Raises HotfixChanged, and again on any further read, so that a changed file is never passed on whole.
    """

    def __init__(self, source: Readable, sums: Sums, path: Path) -> None:
        super().__init__()
        self._source = source
        self._sums = sums
        self._path = path
        self._hasher = Hasher()
        self._changed = False

    def readable(self) -> bool:
        """Return True: it is for reading only."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader passes
        """Read at most as many bytes as ``buffer`` takes; 0 at the end."""
        try:
            data = b"" if self._changed else self._source.read(min(len(buffer), CHUNK))
            self._hasher.update(data)
            self._changed = self._changed or self._contradicts(data)
        except (HotfixError, OSError) as error:
            self._changed = True
            raise changed(self._path) from error
        if self._changed:
            raise changed(self._path)
        buffer[: len(data)] = data
        return len(data)

    def _contradicts(self, data: bytes) -> bool:
        if self._hasher.size < self._sums.size:
            return not data
        return bool(self._source.read(1)) or self._hasher.sums() != self._sums


def changed(path: Path) -> HotfixChanged:
    """Return the error to raise when the file is no longer the one that was verified."""
    return HotfixChanged(
        f"The hotfix {path} was changed or removed after it had been verified. It was not uploaded whole, so "
        "the pool does not have it from this file. Bring back the published file and run again."
    )
