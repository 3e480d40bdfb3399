"""One HTTP request to one host: a single attempt, a time limit on the socket, a checked certificate."""

from __future__ import annotations

import http.client
import ssl
import xmlrpc.client
from typing import Any
from urllib.parse import urlsplit

from xenpatch.errors import InputError, ReplyLost, Unreachable, Untrusted
from xenpatch.xapi.tls import Trust

DEFAULT_PORTS = {"http": 80, "https": 443}
_CONNECT = 30.0
"""Seconds for the connection alone: a host that is off answers nothing, and others wait for their turn."""


def check_url(text: str) -> str:
    """The URL of a pool in its full form (`https://host:port`); raise InputError for anything else.

    A bare name or address means https. Plain http is for a simulator on this machine alone, since it
    would send the password in clear.
    """
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError as wrong:
        raise InputError(f"the pool's address {text!r} has no usable port: {wrong}") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise InputError(f"the pool's address {text!r} is not of the form https://HOST[:PORT]")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError("the pool's address must hold no user, password or query: give the user with --user")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InputError(
            f"{text} would send the root password unprotected; use https://{parts.hostname} "
            "(with a pinned certificate, and legacy TLS for XenServer 6.x)"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or DEFAULT_PORTS[parts.scheme]}"


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    return host in ("localhost", "::1") or host.startswith("127.")


def on_host(url: str, address: str) -> str:
    """The same URL on another member of the pool; all of them listen on one port."""
    parts = urlsplit(url)
    host = f"[{address}]" if ":" in address else address
    return f"{parts.scheme}://{host}:{parts.port}"


def open_connection(url: str, trust: Trust, limit: float) -> http.client.HTTPConnection:
    """A connected, trusted connection whose socket waits at most `limit` seconds at a time.

    Raises Unreachable or Untrusted; nothing of a request was sent then.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    try:
        if parts.scheme == "http":
            plain = http.client.HTTPConnection(host, port, timeout=min(limit, _CONNECT))
            plain.connect()
            plain.sock.settimeout(limit)
            return plain
        secure = http.client.HTTPSConnection(host, port, timeout=min(limit, _CONNECT), context=trust.context)
        secure.connect()
        secure.sock.settimeout(limit)
    except ssl.SSLCertVerificationError as refused:
        raise Untrusted(_unverified(url, refused)) from None
    except ssl.SSLError as refused:
        raise Unreachable(_no_handshake(url, trust, refused)) from None
    except OSError as refused:
        raise Unreachable(f"{host}:{port} cannot be reached: {refused.strerror or refused}") from None
    try:
        trust.check_peer(secure.sock, url)
    except Untrusted:
        secure.close()
        raise
    return secure


def _unverified(url: str, refused: ssl.SSLCertVerificationError) -> str:
    return (
        f"the certificate of {url} is signed by no authority trusted here: {refused.verify_message}. "
        "No password was sent. Pin the pool's own certificate once you have compared its fingerprint."
    )


def _no_handshake(url: str, trust: Trust, refused: ssl.SSLError) -> str:
    hint = "" if trust.legacy else "; XenServer 6.x speaks only TLS 1.0: allow it with the legacy setting"
    return f"no TLS connection to {url}: {refused.reason or refused}{hint}"


class _FirstMemberWins(xmlrpc.client.Unmarshaller):
    """xapi 6.x sends structs with a member twice: the specific reason first, then a misleading one."""

    def end_struct(self, data: str) -> None:
        del data
        mark = self._marks.pop()
        stack: list[Any] = self._stack
        struct: dict[str, Any] = {}
        for name, value in zip(stack[mark::2], stack[mark + 1 :: 2], strict=True):
            struct.setdefault(name, value)
        stack[mark:] = [struct]
        self._value = False

    dispatch: dict[str, Any] = {  # noqa: RUF012 - as in its base class
        **xmlrpc.client.Unmarshaller.dispatch,
        "struct": end_struct,
    }


class OneAttempt(xmlrpc.client.Transport):
    """An XML-RPC transport that sends a request once.

    The standard one sends again after ECONNRESET or an empty answer, and a master that restarts in the
    middle of `pool_patch.apply` would be asked twice. Each call has a connection of its own, so that an
    idle one closed by the server is never taken for a lost answer.
    """

    user_agent = "xenpatch"

    def __init__(self, url: str, trust: Trust, limit: float) -> None:
        super().__init__()
        self._url, self._trust, self._limit = url, trust, limit

    def request(self, host: Any, handler: str, request_body: Any, verbose: bool = False) -> Any:
        """Send once; raise Unreachable (not sent) or ReplyLost (sent, and nobody knows)."""
        del host, verbose
        connection = open_connection(self._url, self._trust, self._limit)
        try:
            connection.request("POST", handler, request_body, _HEADERS)
            return self._answer(connection.getresponse())
        except (OSError, http.client.HTTPException) as broken:
            reason = (
                "no answer in time" if isinstance(broken, TimeoutError) else str(broken) or "connection cut"
            )
            raise ReplyLost("the call", reason) from None
        finally:
            connection.close()

    def _answer(self, response: http.client.HTTPResponse) -> Any:
        if response.status != 200:
            raise ReplyLost("the call", f"HTTP {response.status} {response.reason}")
        parser, unmarshaller = self.getparser()
        while data := response.read(65536):
            parser.feed(data)
        parser.close()
        return unmarshaller.close()

    def getparser(self) -> tuple[Any, Any]:
        """A parser whose structs keep the first of two members of one name."""
        unmarshaller = _FirstMemberWins()
        return xmlrpc.client.ExpatParser(unmarshaller), unmarshaller


_HEADERS = {"Content-Type": "text/xml", "User-Agent": "xenpatch", "Connection": "close"}

__all__ = ["DEFAULT_PORTS", "OneAttempt", "check_url", "is_loopback", "on_host", "open_connection"]
