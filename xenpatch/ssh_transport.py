"""An SSH connection up to the host's proof of its key: nobody has logged in, and nothing was asked.

XenServer 6.x runs OpenSSH 4.3: SHA-1 key exchange, ssh-rsa host keys, CBC ciphers. They are offered after
every better one, so that newer hosts never use them.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Final

import paramiko

from xenpatch.errors import SshError, Unreachable
from xenpatch.host_keys import signatures_of

_WIRE_LOG: Final = "xenpatch.ssh.wire"

# paramiko logs a traceback for every connection that fails; what matters of it is in our own errors.
logging.getLogger(_WIRE_LOG).setLevel(logging.CRITICAL)


def open_transport(
    address: str, port: int, timeout: float, recorded: Sequence[paramiko.PKey] = ()
) -> paramiko.Transport:
    """A connection whose host has proved one of its keys: one of those on record, if it has one of them.

    The caller compares the key, and closes. ``timeout`` (seconds) is for each part of it. Raises Unreachable
    when there is none, SshError when the host speaks nothing that we do.
    """
    # The client's order decides: a host with several keys shows the one that is on record.
    return _shake_hands(address, port, timeout, signatures_of(tuple(recorded)))


def scan_keys(address: str, port: int, timeout: float = 30.0) -> tuple[paramiko.PKey, ...]:
    """The keys that a host proves, one of each kind that is spoken here, as ssh-keyscan finds them.

    Nobody logs in. Raises Unreachable when there is no connection, or the host has no such key.
    """
    found: list[paramiko.PKey] = []
    while (shown := _other_key(address, port, timeout, found)) is not None:
        found.append(shown)
    return tuple(found)


def _other_key(
    address: str, port: int, timeout: float, known: Sequence[paramiko.PKey]
) -> paramiko.PKey | None:
    """A key of another kind than those; None if the host has no more."""
    try:
        transport = _shake_hands(address, port, timeout, without=signatures_of(tuple(known)))
    except SshError:
        if not known:
            raise
        return None
    transport.close()
    return proved_key(transport)


def proved_key(transport: paramiko.Transport) -> paramiko.PKey:
    """The key that the host has proved in the handshake, though the connection may be gone by now.

    paramiko's `get_remote_server_key` wants it to be there still, and raises an SSHException otherwise.
    """
    key = transport.host_key
    assert key is not None  # noqa: S101 - no handshake ends without one
    return key


def _shake_hands(
    address: str, port: int, timeout: float, first: Sequence[str] = (), without: Sequence[str] = ()
) -> paramiko.Transport:
    """A connection for which the host has proved a key, with the algorithms `first` preferred."""
    try:
        connected = socket.create_connection((address, port), timeout)
    except OSError as refused:
        raise Unreachable(f"no SSH connection to {address}, port {port}: {refused}") from None
    transport = paramiko.Transport(connected)
    transport.set_log_channel(_WIRE_LOG)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout
    options = transport.get_security_options()
    spoken = [name for name in options.key_types if name not in without]
    preferred = [name for name in first if name in spoken]
    options.key_types = tuple(preferred + [name for name in spoken if name not in preferred])
    shaken = False
    try:
        transport.start_client(timeout=timeout)
    except paramiko.ssh_exception.IncompatiblePeer as incompatible:
        raise SshError(f"{address} and we have no SSH algorithm in common: {incompatible}") from None
    except (paramiko.SSHException, EOFError, OSError) as broken:
        raise Unreachable(f"{address} does not answer as an SSH server: {words_of(broken)}") from None
    else:
        shaken = True
        return transport
    finally:
        if not shaken:
            transport.close()


def words_of(error: BaseException) -> str:
    """What paramiko says of an error, else its kind."""
    return str(error).rstrip(".") or type(error).__name__
