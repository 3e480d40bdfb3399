"""A simulated pool as a process of its own: it says where it is, and serves until it is told to stop."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, TextIO

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


class Pool(AbstractContextManager[Any], Protocol):
    """What is served: open while it is entered."""

    def describe(self) -> dict[str, Any]:
        """Return where and how to reach the pool, ready for JSON."""


def serve(pool: Pool, out: TextIO) -> None:
    """Open the pool, write its description as one line of JSON when it is ready, and serve.

    SIGINT and SIGTERM end it. A second one, while it closes, acts as it would without this function. Must run
    in the main thread.
    """
    with _signals_as_bytes() as told, pool:
        print(json.dumps(pool.describe()), file=out, flush=True)
        os.read(told, 1)


@contextmanager
def _signals_as_bytes() -> Iterator[int]:
    """Yield a descriptor that a byte can be read from once a signal has come.

    The interpreter writes the byte, in whichever thread the signal reaches: a handler would not run before
    the main thread wakes from its read. Nor may it raise, since the pool may be half open.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {number: signal.getsignal(number) for number in _STOPPING}
    woken = signal.set_wakeup_fd(writer)

    def restore(*_: object) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in _STOPPING:
        signal.signal(number, restore)
    try:
        yield reader
    finally:
        restore()
        signal.set_wakeup_fd(woken)
        os.close(reader)
        os.close(writer)
