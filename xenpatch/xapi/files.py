"""Bringing a file to the pool by `PUT /pool_patch_upload`."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from typing import BinaryIO, TypeVar
from urllib.parse import urlencode, urlsplit

from xenpatch.errors import HttpRefused, PoolError, ReplyLost, XapiFailure
from xenpatch.waiting import grace
from xenpatch.xapi import tasks
from xenpatch.xapi.session import Session
from xenpatch.xapi.timed_response import BROKEN, reason_of, response_on
from xenpatch.xapi.transport import open_connection
from xenpatch.xapi.types import PatchRef, TaskRef

_CHUNK = 1 << 16
_STALL = 60.0  # seconds that one read or write may take
_TASK_LIMIT = 1800.0
_DOWNLOAD_LIMIT = 1800.0
_LONGEST_HEAD = 1 << 14

Sent = Callable[[int], None]
T = TypeVar("T")


def upload_patch(session: Session, body: BinaryIO, size: int, *, on_sent: Sent | None = None) -> PatchRef:
    """Upload `size` bytes and return the patch's reference.

    xapi answers ``200`` before it reads the body, and tells success in the task alone; on an HTTP/1.1
    connection it would never close, so the request is HTTP/1.0 (xapi 6.0.2, handler of pool_patch_upload).
    Raises XapiFailure with the task's error (PATCH_ALREADY_EXISTS, INVALID_PATCH, ...), HttpRefused when
    the request itself is refused, ReplyLost when it broke off and the task knows of no end.
    """
    return _in_a_session(session, lambda: _upload(session, body, size, on_sent))


def _in_a_session(session: Session, send: Callable[[], T]) -> T:
    """Send, and once more in a new session if the one that was used has ended: nothing is done then (401)."""
    try:
        return send()
    except HttpRefused as refused:
        if refused.status != http.HTTPStatus.UNAUTHORIZED:
            raise
    session.read("pool.get_all")
    return send()


def _upload(session: Session, body: BinaryIO, size: int, on_sent: Sent | None) -> PatchRef:
    with tasks.created(session, "xenpatch upload") as task:
        broken = _put(session, task, body, size, on_sent)
        try:
            result = tasks.finish(
                session,
                task,
                "pool_patch_upload",
                what="the pool to take in the uploaded file",
                limit=_limit(broken),
            )
        except XapiFailure:
            raise
        except PoolError:
            if broken is None:
                raise
            raise ReplyLost("PUT /pool_patch_upload", broken) from None
    return PatchRef(result)


def _upload_head(session: Session, task: TaskRef, size: int) -> bytes:
    target = _target(session, "/pool_patch_upload", task_id=task)
    head = f"PUT {target} HTTP/1.0\r\nHost: {urlsplit(session.url).netloc}\r\nUser-Agent: xenpatch\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n".encode()


def _target(session: Session, path: str, **more: str) -> str:
    """What to ask for; it holds the session's reference, so that no caller keeps it in a variable."""
    return f"{path}?{urlencode({'session_id': session.ref.get_secret_value(), **more})}"


def _limit(broken: str | None) -> float:
    """Seconds for the task to end: of a broken upload it may never, since the server may not know of it."""
    return _TASK_LIMIT if broken is None else 3 * grace()


def _put(session: Session, task: TaskRef, body: BinaryIO, size: int, on_sent: Sent | None) -> str | None:
    """Send the file; return what broke on the way, if anything: the task tells what became of it."""
    connection = open_connection(session.url, session.endpoint.trust, _STALL)
    try:
        sock: socket.socket = connection.sock
        sock.sendall(_upload_head(session, task, size))
        _expect_ok(sock)
        _stream(sock, body, on_sent)
    except OSError as cut:
        return str(cut)
    finally:
        connection.close()
    return None


def _expect_ok(sock: socket.socket) -> None:
    head, deadline = b"", time.monotonic() + _STALL
    while b"\r\n\r\n" not in head:
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        data = sock.recv(1)
        if not data or len(head) > _LONGEST_HEAD:
            raise ConnectionError("the server closed the connection")
        head += data
    status = head.split(b"\r\n", 1)[0].decode("latin-1").split(None, 2)
    code, reason = [*status[1:], "", ""][:2]
    if code != "200":
        raise HttpRefused("the upload", int(code) if code.isdigit() else 0, reason)


def _stream(sock: socket.socket, body: BinaryIO, on_sent: Sent | None) -> None:
    sent = 0
    while data := body.read(_CHUNK):
        sock.sendall(data)
        sent += len(data)
        if on_sent is not None:
            on_sent(sent)


def download(session: Session, path: str, write: Callable[[bytes], object]) -> None:
    """Stream what a GET handler sends (such as `/pool/xmldbdump`) until its end.

    Raises HttpRefused when the pool will not send it, ReplyLost when it breaks off or is not there after
    `_DOWNLOAD_LIMIT` seconds; a server that sends no length says by closing that it has sent everything, so
    the caller must prove the content whole. How much is too much, `write` must say.
    """
    _in_a_session(session, lambda: _download(session, path, write))


def _download(session: Session, path: str, write: Callable[[bytes], object]) -> None:
    connection = open_connection(session.url, session.endpoint.trust, _STALL)
    try:
        connection.request("GET", _target(session, path), headers={"Connection": "close"})
        response = response_on(connection, _STALL, _DOWNLOAD_LIMIT)
    except BROKEN as cut:
        connection.close()
        raise ReplyLost(f"GET {path}", reason_of(cut)) from None
    try:
        with response:
            if response.status != 200:
                raise HttpRefused(f"GET {path}", response.status, f"{response.reason:.100}")
            while data := _more(path, response):
                write(data)
    finally:
        connection.close()


def _more(path: str, response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except BROKEN as cut:
        raise ReplyLost(f"GET {path}", reason_of(cut)) from None
