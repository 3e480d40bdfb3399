"""A server of XML-RPC on the loopback network that answers whatever it is told to, however malformed."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from pydantic import SecretStr

from xenpatch.xapi.session import Endpoint, Limits, Session
from xenpatch.xapi.types import SessionRef

Reply = Callable[[str], Iterable[bytes]]
"""From the name of a method, or the first line of a GET, to all that is sent in return."""

_METHOD: Final = re.compile(rb"<methodName>([^<]*)</methodName>")
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):  # the client has had enough
            asked = self._asked()
            for part in self.server.reply(asked):
                self.wfile.write(part)

    def _asked(self) -> str:
        first, length = self.rfile.readline(), 0
        while (line := self.rfile.readline()).strip():
            if found := _LENGTH.match(line):
                length = int(found[1])
        called = _METHOD.search(self.rfile.read(length))
        return (called[1] if called else first).decode("latin-1").strip()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, reply: Reply) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply = reply


@contextmanager
def serving(reply: Reply) -> Iterator[str]:
    """Serve until the end, and give the URL; every connection is over then."""
    with _Server(reply) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def http(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """A response as xapi sends it."""
    head = [status, "Content-Type: text/xml", *(headers or (f"Content-Length: {len(body)}",))]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def answer(value: str) -> bytes:
    """The body of an answer with this value."""
    status = "<member><name>Status</name><value>Success</value></member>"
    return document(f"<struct>{status}<member><name>Value</name>{value}</member></struct>")


def document(value: str) -> bytes:
    """The body of an answer that is this, whatever it be."""
    return f"<methodResponse><params><param><value>{value}</value></param></params></methodResponse>".encode()


class LoggedIn(Session):
    """A session that has been opened already; a master that is lost is not waited for."""

    def __init__(self, url: str, limit: float = 20.0) -> None:
        super().__init__(Endpoint((url,)), Limits(call=limit, login=limit, master=0.0))
        self._ref = SessionRef(SecretStr("OpaqueRef:ours"))
