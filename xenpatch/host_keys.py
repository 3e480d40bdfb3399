"""The SSH host keys that are on record, and what is said when a host shows another one."""

from __future__ import annotations

from dataclasses import dataclass

import paramiko
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey

from xenpatch.errors import InputError, Untrusted

_SSH_PORT = 22
_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")  # one RSA key, three ways to sign with it


@dataclass(frozen=True)
class HostKeys:
    """Host keys in OpenSSH's known_hosts form: plain or hashed names, `[name]:port` off port 22.

    Patterns and markers (`*`, `!`, `@revoked`) are refused instead of half understood. Keys of a kind that
    is no longer spoken (ssh-dss) are left out, as if they were not on record.
    """

    entries: tuple[HostKeyEntry, ...]

    @classmethod
    def parse(cls, text: str) -> HostKeys:
        """Read the text of a known_hosts file; raise InputError with the number of a bad line."""
        lines = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
        read = (_entry(number, line) for number, line in lines if line and not line.startswith("#"))
        return cls(tuple(entry for entry in read if entry is not None))

    def of(self, address: str, port: int) -> tuple[paramiko.PKey, ...]:
        """The keys on record for one host."""
        name = name_on_record(address, port)
        return tuple(
            entry.key for entry in self.entries if any(_same(listed, name) for listed in entry.hostnames)
        )


def name_on_record(address: str, port: int) -> str:
    """The name that known_hosts uses for a host: `[name]:port` where the port is not 22."""
    return address.lower() if port == _SSH_PORT else f"[{address.lower()}]:{port}"


def signatures_of(keys: tuple[paramiko.PKey, ...]) -> list[str]:
    """The host key algorithms with which these keys can prove themselves."""
    kinds = dict.fromkeys(key.get_name() for key in keys)
    return [name for kind in kinds for name in (_RSA_SIGNATURES if kind == "ssh-rsa" else (kind,))]


def check(address: str, port: int, recorded: tuple[paramiko.PKey, ...], offered: paramiko.PKey) -> None:
    """Raise Untrusted unless the key that the host has just proved is one of those on record."""
    if offered in recorded:
        return
    where = name_on_record(address, port)
    told = "No password was sent and nothing was asked."
    if not recorded:
        raise Untrusted(
            f"no SSH host key of {where} is on record, so it is not trusted; it offers "
            f"{fingerprint(offered)}. {told} Compare this on the host's own console (ssh-keygen -l -f "
            f"/etc/ssh/ssh_host_*_key.pub), then add the line for {where} to the known host keys."
        )
    expected = " or ".join(fingerprint(key) for key in recorded)
    raise Untrusted(
        f"{where} shows another SSH host key than the one on record: expected {expected}; it offers "
        f"{fingerprint(offered)}. {told} If the host was reinstalled, compare the fingerprint on its own "
        "console and replace its line in the known host keys; if not, somebody may be in between."
    )


def fingerprint(key: paramiko.PKey) -> str:
    """A key as people compare it: its kind, SHA256 as of OpenSSH 6.8, MD5 as older ones print it."""
    return f"{key.get_name()} {key.fingerprint} (MD5 {key.get_fingerprint().hex(':')})"


def _entry(number: int, line: str) -> HostKeyEntry | None:
    bad = f"line {number} of the known host keys"
    names = line.split(maxsplit=1)[0]
    if names.startswith("@") or any(mark in names for mark in "*?!"):
        raise InputError(f"{bad} has a marker or a pattern; write the name of each host out")
    if len(line.split()) < 3:
        raise InputError(f"{bad} is not of the form `host kind key`")
    try:
        return HostKeyEntry.from_line(" ".join(line.split()[:3]), number)
    except (InvalidHostKey, paramiko.SSHException, ValueError, IndexError):
        raise InputError(f"{bad} holds a key that cannot be read") from None


def _same(listed: str, name: str) -> bool:
    if listed.startswith("|1|"):
        return paramiko.HostKeys.hash_host(name, listed) == listed
    return listed.lower() == name
