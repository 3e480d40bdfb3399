"""Opening what a person named: ordinary files only, and a clear word about everything else."""

import errno
import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from xenpatch.errors import FileRefused

_KINDS: Final = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_ADVICE: Final = "Give the path of an ordinary file."
_REASONS: Final[Mapping[int | None, str]] = {
    errno.ENOENT: "does not exist. Check the path.",
    errno.EACCES: "may not be read by this user. Check its permissions.",
    errno.ENXIO: f"is a socket. {_ADVICE}",
}


class _File(io.BufferedReader):
    """A file that tells by its name when its disk fails."""

    def __init__(self, descriptor: int, title: str) -> None:
        super().__init__(io.FileIO(descriptor))
        self._title = title

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return super().read(size)
        except OSError as error:
            raise FileRefused(
                f"{self._title} cannot be read: {error.strerror}. Check the disk or share that it is on."
            ) from error


def open_file(path: Path, what: str) -> BinaryIO:
    """Open an ordinary, non-empty file for reading; ``what`` names its role in messages ("hotfix").

    A named pipe is refused without waiting for a writer. Raises FileRefused, and so does reading if the
    disk fails.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise FileRefused(_cannot_open(path, what, error)) from error
    status = os.fstat(descriptor)
    reason = _unfit(status)
    if reason:
        os.close(descriptor)
        raise FileRefused(f"The {what} {path} {reason}. {_ADVICE}")
    return _File(descriptor, f"The {what} {path}")


def _unfit(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return f"is {_KINDS.get(stat.S_IFMT(status.st_mode), 'a special file')}"
    return None if status.st_size else "is empty (0 bytes)"


def _cannot_open(path: Path, what: str, error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):  # a NUL in the path
        return f"The {what} {str(path)!r} cannot be opened: {error}."
    reason = _REASONS.get(error.errno) or f"cannot be opened: {error.strerror}. {_ADVICE}"
    return f"The {what} {path} {reason}"
