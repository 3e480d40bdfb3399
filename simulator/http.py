"""HTTP as a host serves it: reading a request's head, and answering in xapi's form.

Source: xen-api-libs of 2012, module Http_svr.
"""

import html
import socket
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Final
from urllib.parse import parse_qsl, unquote, urlsplit

LONGEST_LINE: Final = 65536
MOST_HEADERS: Final = 242
_NO_CACHE: Final = {"Cache-Control": "no-cache, no-store"}


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

    @property
    def content_length(self) -> int | None:
        """The length of the body in bytes, if the client told it."""
        length = self.headers.get("content-length")
        return None if length is None else int(length)

    @cached_property
    def parameters(self) -> dict[str, str]:
        """What xapi looks for in cookies and in the query, such as session_id and task_id."""
        cookies = (part.strip().partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {**self.query, **{name: unquote(value) for name, _, value in cookies if name}}

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password of Basic authentication, if there are any."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        user, _, password = b64decode(encoded).decode().partition(":")
        return user, password

    def send_head(self, status: str = "200 OK", headers: Mapping[str, str] | None = None) -> None:
        """Send a status line and headers in xapi's form, without a length unless one is given."""
        connection = {"Connection": "close" if self.close else "keep-alive"}
        lines = [f"{name}: {value}" for name, value in (connection | _NO_CACHE | dict(headers or {})).items()]
        self.send("\r\n".join([f"{self.version} {status}", *lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        """Send bytes of a body."""
        self.socket.sendall(data)

    def send_body(self, body: bytes, content_type: str) -> None:
        """Send a whole answer."""
        connection = "close" if self.close else "keep-alive"
        head = (
            f"{self.version} 200 OK\r\nConnection: {connection}\r\nCache-Control: no-cache, no-store\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.send(head.encode() + body)

    def send_page(self, status: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        """Send one of xapi's error pages and end the connection; `text` is HTML."""
        self.close = True
        body = text.encode()
        own = {"Content-Type": "text/html", "Content-Length": str(len(body))}
        self.send_head(status, own | dict(headers or {}))
        self.send(body)

    def send_not_found(self) -> None:
        """Say that there is no such file."""
        where = html.escape(self.path)
        self.send_page(
            "404 Not Found",
            f"<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1>"
            f"<p>The requested URL {where} was not found on this server.</p></body></html>",
        )

    def send_bad_request(self) -> None:
        """Say that the request lacks something."""
        self.send_page(
            "400 Bad Request",
            "<html><body><h1>HTTP 400 bad request</h1>The HTTP request was malformed.</body></html>",
        )

    def send_unauthorised(self, label: str) -> None:
        """Ask for credentials."""
        self.send_page(
            "401 Unauthorised",
            "<html><body><h1>HTTP 401 unauthorised</h1>"
            "Please check your credentials and retry.</body></html>",
            {"WWW-Authenticate": f'Basic realm="{label}"'},
        )

    def send_forbidden(self) -> None:
        """Say that nothing is served there."""
        self.send_page(
            "403 Forbidden",
            "<html><body><h1>HTTP 403 forbidden</h1>"
            "Access to the requested resource is forbidden.</body></html>",
        )

    def send_internal_error(self, reason: str) -> None:
        """Report what went wrong in serving the request."""
        self.send_page(
            "500 Internal Error",
            "<html><body><h1>HTTP 500 internal server error</h1>An unexpected error occurred; please wait a "
            "while and try again. If the problem persists, please contact your support representative."
            f"<h1> Additional information </h1>{html.escape(reason)}</body></html>",
        )

    def send_not_implemented(self) -> None:
        """Say that no path takes this method."""
        self.send_page(
            "501 Method not implemented",
            "<html><body><h1>HTTP 501 Method Not Implemented</h1>"
            f"<p>{html.escape(self.method)} not supported.<br /></p></body></html>",
        )


def read_request(connection: socket.socket, rfile: BinaryIO) -> Request | None:
    """Read the head of the next request; None at the connection's end.

    Raises ValueError for a head that is not HTTP.
    """
    first = rfile.readline(LONGEST_LINE)
    if not first:
        return None
    method, target, version = _split_request_line(first)
    headers = _read_headers(rfile)
    url = urlsplit(target)
    keep = headers.get("connection", "").lower()
    close = keep != "keep-alive" if version == "HTTP/1.0" else keep == "close"
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    answer_version = "HTTP/1.0" if version == "HTTP/1.0" else "HTTP/1.1"
    return Request(method, unquote(url.path), query, headers, answer_version, rfile, connection, close)


def _split_request_line(line: bytes) -> tuple[str, str, str]:
    parts = line.decode("latin-1").split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/"):
        raise ValueError("The HTTP headers could not be parsed.")
    return parts[0], parts[1], parts[2]


def _read_headers(rfile: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MOST_HEADERS):
        line = rfile.readline(LONGEST_LINE).decode("latin-1").strip()
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    raise ValueError("Too many HTTP headers were received.")
