"""Opening what a person named: ordinary files only, and a clear word about everything else."""

import errno
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


def open_file(path: Path, what: str) -> BinaryIO:
    """Open an ordinary, non-empty file for reading; ``what`` names its role in messages ("hotfix").

    A named pipe is refused without waiting for a writer. Raises FileRefused.
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
    return os.fdopen(descriptor, "rb")


def _unfit(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return f"is {_KINDS.get(stat.S_IFMT(status.st_mode), 'a special file')}"
    return None if status.st_size else "is empty (0 bytes)"


def _cannot_open(path: Path, what: str, error: OSError | ValueError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    return f"The {what} {path} {_REASONS.get(code) or f'cannot be opened: {error}.'}"
