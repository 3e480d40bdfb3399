"""One HTTP request to one host: a single attempt, limits on its time, a checked certificate."""

from __future__ import annotations

import http.client
import ssl
import xmlrpc.client
from typing import Any, Final
from urllib.parse import urlsplit

from xenpatch.errors import InputError, ReplyLost, Unreachable, Untrusted
from xenpatch.xapi.answer_parser import AnswerParser
from xenpatch.xapi.timed_response import BROKEN, reason_of, response_on
from xenpatch.xapi.tls import Trust, accepting_context, allow_legacy

DEFAULT_PORTS = {"http": 80, "https": 443}
_CONNECT = 30.0
"""Seconds for the connection alone: a host that is off answers nothing, and others wait for their turn."""
_IN_ALL = 5
"""An answer may take so many times as long as one wait: one byte a minute would keep us for years."""


def check_url(text: str) -> str:
    """The URL of a pool in its full form (`https://host:port`); raise InputError for anything else.

    A bare name or address means https. Plain http is for a simulator on this machine alone, since it
    would send the password in clear.
    """
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError as wrong:
        raise InputError(f"the pool's address {text!r:.200} cannot be used: {wrong}") from None
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
    if parts.scheme == "http":
        plain = http.client.HTTPConnection(host, port, timeout=min(limit, _CONNECT))
        _connect(plain, url, limit, legacy=trust.legacy)
        return plain
    secure = http.client.HTTPSConnection(host, port, timeout=min(limit, _CONNECT), context=trust.context)
    _connect(secure, url, limit, legacy=trust.legacy)
    try:
        trust.check_peer(secure.sock, url)
    except Untrusted:
        secure.close()
        raise
    return secure


def shown_certificate(url: str, *, legacy: bool) -> bytes:
    """The certificate (DER) that a host proves to be its own; nothing is sent to it. Raises Unreachable."""
    parts = urlsplit(url)
    context = accepting_context()
    if legacy:
        allow_legacy(context)
    secure = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=_CONNECT, context=context)
    _connect(secure, url, _CONNECT, legacy=legacy)
    try:
        return secure.sock.getpeercert(binary_form=True) or b""
    finally:
        secure.close()


def _connect(connection: http.client.HTTPConnection, url: str, limit: float, *, legacy: bool) -> None:
    try:
        connection.connect()
        connection.sock.settimeout(limit)
    except ssl.SSLCertVerificationError as refused:
        raise Untrusted(_unverified(url, refused)) from None
    except ssl.SSLError as refused:
        raise Unreachable(_no_handshake(url, refused, legacy=legacy)) from None
    except (OSError, ValueError) as refused:  # ValueError: a name that no resolver takes
        why = getattr(refused, "strerror", None) or refused
        raise Unreachable(f"{connection.host}:{connection.port} cannot be reached: {why}") from None


def _unverified(url: str, refused: ssl.SSLCertVerificationError) -> str:
    return (
        f"the certificate of {url} is signed by no authority trusted here: {refused.verify_message}. "
        "No password was sent. Pin the pool's own certificate once you have compared its fingerprint."
    )


def _no_handshake(url: str, refused: ssl.SSLError, *, legacy: bool) -> str:
    hint = "" if legacy else "; XenServer 6.x speaks only TLS 1.0: allow it with the legacy setting"
    return f"no TLS connection to {url}: {refused.reason or refused}{hint}"


class OneAttempt(xmlrpc.client.Transport):
    """An XML-RPC transport that sends a request once.

    The standard one sends again after ECONNRESET or an empty answer, and a master that restarts in the
    middle of `pool_patch.apply` would be asked twice. Each call has a connection of its own, so that an
    idle one closed by the server is never taken for a lost answer. ``limit`` (seconds) is for each wait.
    """

    def __init__(self, url: str, trust: Trust, limit: float) -> None:
        super().__init__()
        self._url, self._trust, self._limit = url, trust, limit

    def request(self, host: Any, handler: str, request_body: Any, verbose: bool = False) -> Any:
        """Send once; raise Unreachable (not sent), ReplyLost or AnswerUnusable (sent, and nobody knows)."""
        del host, verbose
        connection = open_connection(self._url, self._trust, self._limit)
        try:
            connection.request("POST", handler, request_body, _HEADERS)
            with response_on(connection, self._limit, _IN_ALL * self._limit) as response:
                return _content(response)
        except BROKEN as broken:
            raise ReplyLost("the call", reason_of(broken)) from None
        finally:
            connection.close()


def _content(response: http.client.HTTPResponse) -> Any:
    if response.status != 200:
        raise ReplyLost("the call", f"HTTP {response.status} {response.reason:.100}")
    answer = AnswerParser()
    while data := response.read(_CHUNK):
        answer.feed(data)
    return answer.close()


_CHUNK: Final = 1 << 16
_HEADERS = {"Content-Type": "text/xml", "User-Agent": "xenpatch", "Connection": "close"}

__all__ = [
    "DEFAULT_PORTS",
    "OneAttempt",
    "check_url",
    "is_loopback",
    "on_host",
    "open_connection",
    "shown_certificate",
]
