"""What a host shows of itself before anybody has logged in, for a person to compare on its console."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

import paramiko

from xenpatch import host_keys
from xenpatch.errors import InputError, Untrusted
from xenpatch.ssh_transport import scan_keys
from xenpatch.xapi import tls
from xenpatch.xapi.transport import shown_certificate

_OF_A_CERTIFICATE: Final = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){31}")
_OF_A_KEY: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True)
class Identity:
    """A host's certificate (DER) and SSH host keys; ``name`` is its own once the pool has told it."""

    name: str
    url: str
    certificate: bytes
    keys: tuple[paramiko.PKey, ...]

    @property
    def address(self) -> str:
        """The address in its URL."""
        return urlsplit(self.url).hostname or ""

    def lines(self) -> tuple[str, ...]:
        """The fingerprints, as `openssl x509 -fingerprint -sha256` and `ssh-keygen -l` print them."""
        certificate = f"certificate  SHA256 Fingerprint={tls.fingerprint(self.certificate)}"
        return (certificate, *(f"SSH key      {host_keys.fingerprint(key)}" for key in self.keys))

    def pem(self) -> str:
        """The certificate as a block keeps it."""
        return ssl.DER_cert_to_PEM_cert(self.certificate)

    def known_hosts(self, port: int) -> tuple[str, ...]:
        """The keys as lines of OpenSSH's known_hosts."""
        name = host_keys.name_on_record(self.address, port)
        return tuple(f"{name} {key.get_name()} {key.get_base64()}" for key in self.keys)


def identify(name: str, url: str, *, legacy: bool, ssh_port: int | None) -> Identity:
    """Look what a host shows, its SSH keys only with a port; nobody logs in.

    Raises Unreachable, and SshError for a host that has no kind of key that we speak.
    """
    shown = Identity(name, url, shown_certificate(url, legacy=legacy), ())
    return shown if ssh_port is None else replace(shown, keys=scan_keys(shown.address, ssh_port))


@dataclass(frozen=True)
class Fingerprints:
    """SHA-256 fingerprints of certificates and SSH keys that a person has compared before."""

    certificates: frozenset[str]
    keys: frozenset[str]

    @classmethod
    def parse(cls, given: Iterable[str]) -> Fingerprints:
        """Read them as openssl and ssh-keygen print them; raise InputError for anything else."""
        certificates, keys = set(), set()
        for text in given:
            bare = text.strip().rpartition("=")[2]
            if _OF_A_KEY.fullmatch(bare):
                keys.add(bare)
            elif _OF_A_CERTIFICATE.fullmatch(bare.upper()):
                certificates.add(bare.upper())
            else:
                raise InputError(
                    f"{text!r:.120} is no SHA-256 fingerprint: that of a certificate is 32 pairs of "
                    "hexadecimal digits with colons, that of an SSH key SHA256: and 43 characters. Nothing "
                    "was contacted."
                )
        return cls(frozenset(certificates), frozenset(keys))

    def confirmed(self, shown: Identity) -> Identity:
        """What of the host is among them; raise Untrusted if its certificate or each of its keys is not."""
        if tls.fingerprint(shown.certificate) not in self.certificates:
            raise Untrusted(_not_given(shown, "certificate"))
        keys = tuple(key for key in shown.keys if key.fingerprint in self.keys)
        if shown.keys and not keys:
            raise Untrusted(_not_given(shown, "SSH host key"))
        return replace(shown, keys=keys)


def _not_given(shown: Identity, what: str) -> str:
    found = "\n".join(shown.lines())
    return (
        f"{shown.name} ({shown.address}) shows a {what} that is not among the fingerprints given. Nothing "
        f"was saved, and no password was sent to it. It shows:\n{found}"
    )
