"""Putting a hotfix into a pool, byte by byte."""

import socket
from pathlib import Path

from simulator import SimulatedPool
from tests.simulator.api import Api, http_address


def put(pool: SimulatedPool, api: Api, body: bytes, *, length: int | None = None, task: str = "") -> bytes:
    """Upload over HTTP/1.0, which ends the connection; return all that the server says."""
    with connect(pool) as connection:
        size = len(body) if length is None else length
        connection.sendall(head(api, "HTTP/1.0", task, f"Content-Length: {size}\r\n") + body)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def connect(pool: SimulatedPool, host: str = "xs1") -> socket.socket:
    return socket.create_connection(http_address(pool, host), timeout=10)


def head(api: Api, version: str, task: str, headers: str = "") -> bytes:
    path = f"/pool_patch_upload?session_id={api.session._session}&task_id={task}"
    return f"PUT {path} {version}\r\n{headers}\r\n".encode()


def upload(pool: SimulatedPool, api: Api, file: Path) -> str:
    """Upload a hotfix and return its pool_patch, or raise what the task says."""
    task = api.task.create("upload", "")
    put(pool, api, file.read_bytes(), task=task)
    return api.finish(task)
