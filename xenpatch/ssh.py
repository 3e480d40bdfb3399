"""Questions to a host's control domain over SSH; nothing is ever changed there.

A host must first prove a key that is on record: only then is the password sent. No agent, no file of the
user's ~/.ssh is looked at.
"""

from __future__ import annotations

import io
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import paramiko
from pydantic import SecretStr

from xenpatch.errors import InputError, SshError
from xenpatch.host_keys import HostKeys, check
from xenpatch.ssh_transport import open_transport, proved_key, words_of

_OUTPUT_LIMIT: Final = 256 * 1024  # bytes
_QUERY_FORMAT: Final = r"%{NAME} %{VERSION}-%{RELEASE} %{ARCH}\n"
_PACKAGE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_BOOT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# OpenSSH before 7.2 does not say what it can verify, and paramiko would then sign a login with SHA-2.
_SIGNS_WITH_SHA1: Final = re.compile(r"OpenSSH_([1-6]\.|7\.[01]\b)")


@dataclass(frozen=True)
class Dom0Access:
    """How to get into the control domains of a pool.

    ``private_key`` (the text of the file, without a passphrase) goes before ``password``; ``known_hosts`` is
    text in OpenSSH's form. ``timeout`` in seconds is for the connection, and again for each question.
    """

    user: str = "root"
    password: SecretStr | None = None
    private_key: SecretStr | None = None
    known_hosts: str = field(default="", repr=False)
    port: int = 22
    timeout: float = 30.0

    def __post_init__(self) -> None:
        """Raise InputError for what could never work, before any host is contacted."""
        HostKeys.parse(self.known_hosts)
        if self.private_key is not None:
            _read_key(self.private_key)
        elif self.password is None:
            raise InputError(f"SSH as {self.user} needs a password or a private key; neither was given")

    @contextmanager
    def connect(self, address: str) -> Iterator[Dom0]:
        """A connection to one host, closed at the end.

        Raises Unreachable when there is none, Untrusted when the host's key is not the one on record (the
        password was not sent then), SshError when the host refuses the user or speaks nothing that we do.
        """
        transport = self._trusted_transport(address)
        try:
            self._log_in(transport, address)
            yield Dom0(address, transport, self.timeout)
        finally:
            transport.close()

    def _trusted_transport(self, address: str) -> paramiko.Transport:
        recorded = HostKeys.parse(self.known_hosts).of(address, self.port)
        transport = open_transport(address, self.port, self.timeout, recorded)
        try:
            check(address, self.port, recorded, proved_key(transport))
        except BaseException:
            transport.close()
            raise
        return transport

    def _log_in(self, transport: paramiko.Transport, address: str) -> None:
        if _SIGNS_WITH_SHA1.search(transport.remote_version):
            transport.disabled_algorithms = {"pubkeys": ["rsa-sha2-512", "rsa-sha2-256"]}
        try:
            if self.private_key is not None:
                transport.auth_publickey(self.user, _read_key(self.private_key))
            else:
                transport.auth_password(self.user, self.password.get_secret_value() if self.password else "")
        except paramiko.AuthenticationException as refused:
            means = "private key" if self.private_key is not None else "password"
            raise SshError(
                f"{address} refused the {means} of user {self.user} over SSH: {words_of(refused)}. "
                "Nothing was asked there. Correct what the Dom0SSH block holds, or run without it."
            ) from None
        except (paramiko.SSHException, EOFError, OSError) as broken:
            raise SshError(f"{address} broke off the SSH login: {words_of(broken)}") from None
        if not transport.is_authenticated():
            raise SshError(f"{address} wants more than one proof from user {self.user} over SSH")


class Dom0:
    """One host's control domain, as a logged-in user sees it. Every question may be asked again."""

    def __init__(self, address: str, transport: paramiko.Transport, timeout: float) -> None:
        self.address = address
        self._transport = transport
        self._timeout = timeout

    def packages(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """What is installed of these packages, as `name-version-release.arch`; empty when nothing is."""
        if wrong := [name for name in names if not _PACKAGE_NAME.fullmatch(name)]:
            raise InputError(f"no names of packages: {', '.join(map(repr, wrong))}")
        installed: dict[str, tuple[str, ...]] = dict.fromkeys(names, ())
        if not installed:
            return installed
        answer = self._ask("rpm", "-q", "--qf", _QUERY_FORMAT, *installed)
        absent = 0
        for line in answer.output.splitlines():
            match line.split():
                case [name, version, arch] if name in installed:
                    installed[name] += (f"{name}-{version}.{arch}",)
                case ["package", name, "is", "not", "installed"] if name in installed:
                    absent += 1
                case _:
                    raise answer.unexpected()
        complete = absent == list(installed.values()).count(())
        # rpm that cannot open its database calls every package "not installed"; only stderr tells.
        if not complete or (answer.status != 0) != (absent > 0) or "error:" in answer.complaint:
            raise answer.unexpected()
        return installed

    def boot_id(self) -> str:
        """The identifier that the kernel draws at each boot."""
        answer = self._ask("cat", "/proc/sys/kernel/random/boot_id")
        if answer.status != 0 or not _BOOT_ID.fullmatch(answer.output.strip()):
            raise answer.unexpected()
        return answer.output.strip()

    def hostname(self) -> str:
        """The host's name for itself."""
        answer = self._ask("hostname")
        if answer.status != 0 or not _HOST_NAME.fullmatch(answer.output.strip()):
            raise answer.unexpected()
        return answer.output.strip()

    def free_bytes(self, path: str) -> int:
        """The space that is left (bytes) on the file system of this path."""
        answer = self._ask("df", "-P", "-k", path)
        match [line.split() for line in answer.output.splitlines()]:
            case [_, [_, _, _, available, _, *_]] if answer.status == 0 and _NUMBER.fullmatch(available):
                return int(available) * 1024
        raise answer.unexpected()

    def _ask(self, *words: str) -> _Answer:
        command = shlex.join(words)
        deadline = time.monotonic() + self._timeout
        try:
            with self._transport.open_session(timeout=self._timeout) as channel:
                channel.settimeout(self._timeout)
                channel.exec_command(command)
                output = _read(channel, deadline)
                status = _status(channel, deadline)
                complaint = channel.recv_stderr(_OUTPUT_LIMIT) if channel.recv_stderr_ready() else b""
        except TimeoutError:
            raise SshError(f"{self.address} did not answer `{command}` in {self._timeout:.0f} s") from None
        except (paramiko.SSHException, EOFError, OSError) as broken:
            raise SshError(f"{self.address} broke off at `{command}`: {words_of(broken)}") from None
        said = (part.decode(errors="replace") for part in (output, complaint))
        return _Answer(self.address, command, status, *said)


@dataclass(frozen=True)
class _Answer:
    address: str
    command: str
    status: int
    output: str
    complaint: str

    def unexpected(self) -> SshError:
        said = (self.complaint.strip() or self.output.strip())[:300]
        return SshError(
            f"{self.address} gave no usable answer to `{self.command}` (exit code {self.status}): {said!r}"
        )


def _read(channel: paramiko.Channel, deadline: float) -> bytes:
    taken = bytearray()
    while True:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        if not (part := channel.recv(32768)):
            return bytes(taken)
        taken += part
        if len(taken) > _OUTPUT_LIMIT:
            raise paramiko.SSHException(f"more than {_OUTPUT_LIMIT} bytes of output")


def _status(channel: paramiko.Channel, deadline: float) -> int:
    if not channel.status_event.wait(max(deadline - time.monotonic(), 0.0)):
        raise TimeoutError
    return channel.recv_exit_status()


def _read_key(key: SecretStr) -> paramiko.PKey:
    kinds: tuple[type[paramiko.PKey], ...] = (paramiko.RSAKey, paramiko.ECDSAKey, paramiko.Ed25519Key)
    for kind in kinds:
        try:
            return kind.from_private_key(io.StringIO(key.get_secret_value()))
        except paramiko.PasswordRequiredException:
            raise InputError("the SSH private key is locked with a passphrase; give one without") from None
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise InputError("the SSH private key cannot be read; it must be an RSA, ECDSA or Ed25519 key as text")
