"""A port of a host: accepts connections, serves requests on each in its own thread, and can be cut off."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import BinaryIO, Final

from simulator.call import ConnectionDropped
from simulator.http import Request, read_request
from simulator.world import World

IDLE_LIMIT: Final = 300.0
"""Wall-clock seconds without a request after which xapi closes a connection."""
BACKLOG: Final = 128


class HttpListener:
    """Serves HTTP on one address and port, over TLS if a context is given."""

    def __init__(
        self,
        world: World,
        address: tuple[str, int],
        serve: Callable[[Request], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._world = world
        self._address = address
        self._serve = serve
        self._tls = tls
        self._lock = threading.Lock()
        self._listening: socket.socket | None = None
        self._connections: set[socket.socket] = set()

    def open(self) -> None:
        """Begin to accept connections, if that has not begun; raise OSError if the port is taken."""
        with self._lock:
            if self._listening:
                return
            self._listening = socket.create_server(self._address, backlog=BACKLOG)
        self._world.start_thread(self._accept, self._listening)

    def close(self) -> None:
        """Stop accepting and cut the open connections. Calls under way run on, but nobody hears of them."""
        with self._lock:
            listening, self._listening = self._listening, None
            connections = list(self._connections)
        if listening:
            cut(listening)
            listening.close()
        for connection in connections:
            cut(connection)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                if self._listening is not listening:
                    connection.close()
                    return
                self._connections.add(connection)
            self._world.start_thread(self._converse, connection)

    def _converse(self, accepted: socket.socket) -> None:
        connection = accepted
        with contextlib.suppress(OSError, ConnectionDropped):  # the client, a reboot or a fault rule ended it
            try:
                accepted.settimeout(IDLE_LIMIT)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls:
                    connection = self._wrap(accepted, self._tls)
                    connection.do_handshake()
                with connection.makefile("rb") as rfile:
                    self._serve_requests(connection, rfile)
            finally:
                with self._lock:
                    self._connections.discard(connection)
                cut(connection)
                connection.close()

    def _wrap(self, accepted: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
        with self._lock:
            self._connections.discard(accepted)
            wrapped = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
            self._connections.add(wrapped)
        return wrapped

    def _serve_requests(self, connection: socket.socket, rfile: BinaryIO) -> None:
        try:
            while request := read_request(connection, rfile):
                with self._world.clock.working():
                    self._serve(request)
                if request.close:
                    return
        except ValueError as error:
            Request("GET", "/", {}, {}, "HTTP/1.1", rfile, connection).send_internal_error(str(error))


def cut(connection: socket.socket) -> None:
    """End a connection at once, in both directions, without TLS's farewell; threads that use it wake."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
