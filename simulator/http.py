"""HTTP as a host serves it: connections, the routing rules, and what a route's handler is given."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO


@dataclass
class Request:
    """One HTTP request, its head read and its body not."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    version: str
    """HTTP/1.0 or HTTP/1.1"""
    rfile: BinaryIO
    """Reads from the connection; the body begins here, and no end but Content-Length is set."""
    socket: socket.socket
    close: bool = False
    """Whether the connection ends after this request; a handler may set it."""

    def send_head(self, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> None:
        """Send a status line and headers in xapi's form, without a length unless one is given."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Send bytes of a body."""
        raise NotImplementedError

    def send_page(self, status: str, text: str) -> None:
        """Send a whole HTML page with a length, such as xapi's error pages."""
        raise NotImplementedError
