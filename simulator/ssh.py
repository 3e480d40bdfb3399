"""SSH to the control domain of one host: what the OpenSSH 4.3 of XenServer 6.x offers, and nothing newer."""

import io
import logging
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    MSG_CHANNEL_REQUEST,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.kex_group14 import KexGroup14

from simulator.dom0 import Dom0, run
from simulator.tls import write_private

BANNER: Final = "SSH-2.0-OpenSSH_4.3"

_KEX: Final = (
    "diffie-hellman-group-exchange-sha1",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group1-sha1",
)
_CIPHERS: Final = (
    "aes128-cbc",
    "3des-cbc",
    "aes192-cbc",
    "aes256-cbc",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
_MACS: Final = ("hmac-md5", "hmac-sha1", "hmac-sha1-96", "hmac-md5-96")
_NEWER_PUBLIC_KEYS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
_LOG: Final = "simulator.ssh"
_KEY_BITS: Final = 2048
"""What the ssh-keygen of OpenSSH 4.3 makes; a tenth of a second for three hosts."""

_HANDLERS: Final = vars(paramiko.Transport)["_channel_handler_table"]

logging.getLogger(_LOG).addHandler(logging.NullHandler())


def host_key(folder: Path, name: str) -> paramiko.RSAKey:
    """Return the host key of this name in the folder; it is made once."""
    path = folder / f"ssh-{name}.key"
    if not path.is_file():
        text = io.StringIO()
        paramiko.RSAKey.generate(_KEY_BITS).write_private_key(text)
        write_private(path, text.getvalue().encode())
    return paramiko.RSAKey.from_private_key_file(str(path))


def known_hosts_line(address: str, port: int, key: paramiko.PKey) -> str:
    """Return the entry of a host in OpenSSH's known_hosts, without the end of the line."""
    name = address if port == 22 else f"[{address}]:{port}"
    return f"{name} {key.get_name()} {key.get_base64()}"


class Dom0Server:
    """An SSH server on one address. It can be opened and closed any number of times, on the same port.

    ``check_password`` decides on root's password; ``authorized_keys`` may log in as well. Port 0 takes a free
    one at the first `open`, which ``port`` then holds.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        key: paramiko.RSAKey,
        check_password: Callable[[str], bool],
        dom0: Dom0,
        authorized_keys: Sequence[paramiko.PKey] = (),
    ) -> None:
        self.address = address
        self.port = port
        self._key = key
        self._session = _Session(check_password, authorized_keys, dom0)
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self._connections: list[paramiko.Transport] = []

    def open(self) -> None:
        """Begin to listen, unless it does. Raises OSError if the port is taken."""
        if self._listener is not None:
            return
        self._listener = socket.create_server((self.address, self.port))
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(
            target=self._accept, args=(self._listener,), name=f"ssh {self.address}", daemon=True
        )
        self._accepting.start()

    def close(self) -> None:
        """Stop listening and cut the open connections, as the reboot of a host does."""
        if self._listener is None or self._accepting is None:
            return
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self._listener.close()
        self._accepting.join()
        self._listener = self._accepting = None
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._session.finish()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError):  # it has gone already, which its thread will find out
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections = [connection for connection in self._connections if connection.is_active()]
            self._connections.append(self._serve(client))

    def _serve(self, client: socket.socket) -> paramiko.Transport:
        connection = _Connection(client, self._session)
        connection.set_log_channel(_LOG)
        connection.local_version = BANNER
        _load_group_exchange()
        options = connection.get_security_options()
        options.kex, options.ciphers, options.digests = _KEX, _CIPHERS, _MACS
        options.key_types = ("ssh-rsa",)
        connection.add_server_key(self._key)
        connection.start_server(event=threading.Event(), server=self._session)
        return connection


@cache
def _load_group_exchange() -> None:
    """Give paramiko a group to offer in a group exchange: the well-known one of 2048 bits."""
    with tempfile.NamedTemporaryFile("w", suffix="-moduli") as moduli:
        moduli.write(f"20060101000000 2 6 100 2047 {KexGroup14.G} {KexGroup14.P:X}\n")
        moduli.flush()
        paramiko.Transport.load_server_moduli(moduli.name)


class _Connection(paramiko.Transport):
    """Runs a command only when its acceptance has been sent, which a client must see before the answer ends.

    paramiko calls the server's `check_channel_exec_request` before that, and nothing after it.
    """

    def __init__(self, client: socket.socket, session: "_Session") -> None:
        super().__init__(
            client,
            disabled_algorithms={"pubkeys": _NEWER_PUBLIC_KEYS},
            server_sig_algs=False,
            strict_kex=False,
        )
        self._session = session
        self._channel_handler_table = {**_HANDLERS, MSG_CHANNEL_REQUEST: self._request}

    def _request(self, channel: paramiko.Channel, message: paramiko.Message) -> None:
        _HANDLERS[MSG_CHANNEL_REQUEST](channel, message)
        self._session.carry_out(channel)


class _Session(paramiko.ServerInterface):
    """What a client may do: log in as root and run one command a channel."""

    def __init__(
        self, check_password: Callable[[str], bool], authorized_keys: Sequence[paramiko.PKey], dom0: Dom0
    ) -> None:
        self._check_password = check_password
        self._authorized_keys = authorized_keys
        self._dom0 = dom0
        self._accepted: dict[paramiko.Channel, str] = {}
        self._running: list[threading.Thread] = []

    def finish(self) -> None:
        """Wait for the commands under way; their connections must be closed before."""
        for thread in self._running:
            thread.join()

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002  # paramiko's signature
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        allowed = username == "root" and self._check_password(password)
        return AUTH_SUCCESSFUL if allowed else AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if username == "root" and key in self._authorized_keys else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002  # paramiko's signature
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._accepted[channel] = command.decode(errors="replace")
        return True

    def carry_out(self, channel: paramiko.Channel) -> None:
        """Begin the command that was accepted on this channel, if there is one."""
        command = self._accepted.pop(channel, None)
        if command is not None:
            thread = threading.Thread(
                target=self._answer, args=(channel, command), name="ssh command", daemon=True
            )
            self._running = [*(running for running in self._running if running.is_alive()), thread]
            thread.start()

    def _answer(self, channel: paramiko.Channel, command: str) -> None:
        answer = run(command, self._dom0)
        with suppress(OSError, EOFError, paramiko.SSHException):  # the client has gone, or the host has
            channel.sendall(answer.stdout.encode())
            channel.sendall_stderr(answer.stderr.encode())
            channel.send_exit_status(answer.status)
            channel.close()
