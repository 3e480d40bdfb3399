"""An HTTP response that has to end in time, however slowly it trickles."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Final


class _Timed(io.RawIOBase):
    """What a socket receives, until the deadline: its own limit begins anew with every byte."""

    def __init__(self, sock: socket.socket, stall: float, whole: float) -> None:
        super().__init__()
        self._sock, self._stall = sock, stall
        self._stream = sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + whole

    def readable(self) -> bool:
        """Return True: it is for reading only."""
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]  # as BufferedReader calls
        """Receive what fits into the buffer; 0 at the end. Raises TimeoutError."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("it had not ended in time")
        self._sock.settimeout(min(self._stall, left))
        return self._stream.readinto(buffer)

    def close(self) -> None:
        """Let the socket go."""
        self._stream.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, stall: float, whole: float) -> None:
        super().__init__(sock)
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(sock, stall, whole))


def response_on(
    connection: http.client.HTTPConnection, stall: float, whole: float
) -> http.client.HTTPResponse:
    """The response to the request that was just sent, its head read.

    Each wait for more of it ends after `stall` seconds, all of them together after `whole`; both as a
    TimeoutError. Raises what http.client does, and ValueError, for what is no HTTP.
    """
    response = _TimedResponse(connection.sock, stall, whole)
    try:
        response.begin()
    except BaseException:
        response.close()  # it holds the socket open
        raise
    return response


BROKEN: Final = (OSError, http.client.HTTPException, ValueError)
"""What http.client raises when the other end breaks off or does not speak HTTP."""


def reason_of(broken: Exception) -> str:
    """Why there is no answer, in few words."""
    if isinstance(broken, TimeoutError):
        return "no whole answer in time"
    return f"{broken!s:.200}" or "connection cut"
