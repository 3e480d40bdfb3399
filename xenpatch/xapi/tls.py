"""Who the other end must prove to be, before a password is sent to it."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from dataclasses import dataclass
from functools import cached_property

from xenpatch.errors import InputError, Untrusted

_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM = re.compile(f"{_BEGIN}(.+?)-----END CERTIFICATE-----", re.DOTALL)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


@dataclass(frozen=True)
class Trust:
    """What a pool's TLS certificates are checked against.

    | pinned | ca   | the server's certificate must                                            |
    |--------|------|--------------------------------------------------------------------------|
    | given  | -    | be one of these, byte for byte; its name and dates do not matter         |
    | -      | given| be signed by one of these, and carry the server's name                   |
    | -      | -    | be signed by an authority trusted on this machine, and carry its name    |

    ``legacy`` speaks TLS 1.0 and accepts small keys, as XenServer 6.x needs; the certificate is checked all
    the same. Nothing switches the check off.
    """

    pinned_pem: str | None = None
    ca_pem: str | None = None
    legacy: bool = False

    def __post_init__(self) -> None:
        """Raise InputError for text that holds no certificates, a damaged one, or a private key."""
        for pem in (self.pinned_pem, self.ca_pem):
            if pem is not None:
                certificates(pem)

    @property
    def weakness(self) -> str | None:
        """In words what ``legacy`` means for whoever uses it; None without it."""
        if not self.legacy:
            return None
        pin = "" if self.pinned_pem else " No certificate is pinned: pin those of the pool's members."
        return (
            "legacy TLS is allowed: the certificate is checked, but TLS 1.0 and small keys can be broken by "
            "who can change the traffic, and the password read. Use it only on a management network that you "
            f"trust.{pin}"
        )

    @cached_property
    def context(self) -> ssl.SSLContext:
        """A client context that verifies as the table says; `check_peer` completes it after the handshake."""
        if self.pinned_pem is None:
            authorities = b"".join(certificates(self.ca_pem)) if self.ca_pem is not None else None
            context = ssl.create_default_context(cadata=authorities)
        else:
            # `check_peer` compares byte for byte, which is stricter than a chain. OpenSSL's own check would
            # confuse two pins of one subject, and refuse a certificate of 2012 for its dates.
            context = accepting_context()
        if self.legacy:
            allow_legacy(context)
        return context

    def check_peer(self, connected: ssl.SSLSocket, address: str) -> None:
        """Compare the certificate the server has just proved with the pinned ones; raise Untrusted."""
        if self.pinned_pem is None:
            return
        offered = connected.getpeercert(binary_form=True) or b""
        pins = certificates(self.pinned_pem)
        if offered not in pins:
            raise Untrusted(_mismatch(address, fingerprint(offered), [fingerprint(pin) for pin in pins]))


def accepting_context() -> ssl.SSLContext:
    """A client context that takes any certificate: who uses it compares that himself, or sends nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def allow_legacy(context: ssl.SSLContext) -> None:
    """Have a context speak TLS 1.0 and take small keys, too; SSL 3 stays off."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED


def certificates(pem: str) -> list[bytes]:
    """The certificates in PEM text, in DER; raise InputError unless it holds some, all of them whole.

    A private key beside them, as in a host's own xapi-ssl.pem, is refused before it can get anywhere.
    """
    if _PRIVATE_KEY.search(pem):
        raise InputError(
            "the certificate text given holds a private key, which belongs on its host alone: take it out "
            "(and out of the Prefect block, if it was saved in one). It was neither used nor stored now."
        )
    bodies = _PEM.findall(pem)
    if not bodies:
        raise InputError(f"the certificate given is not PEM text ({_BEGIN})")
    if len(bodies) != pem.count(_BEGIN):
        raise InputError("the certificate text given is cut short: an END CERTIFICATE line is missing")
    return [_whole(number, body) for number, body in enumerate(bodies, 1)]


def _whole(number: int, body: str) -> bytes:
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        raise InputError(
            f"certificate {number} of those given is damaged: it cannot be read. Copy the whole file again; "
            "nothing was contacted."
        ) from None
    return der


def fingerprint(der: bytes) -> str:
    """The SHA-256 fingerprint of a certificate, as `openssl x509 -fingerprint -sha256` prints it."""
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _mismatch(address: str, offered: str, pinned: list[str]) -> str:
    return (
        f"{address} shows a certificate that is not pinned: it is {offered}, "
        f"pinned is {' or '.join(pinned)}. "
        "No password was sent. If the host was reinstalled, compare the fingerprint on its console and pin "
        "the new certificate; if not, somebody may be in between."
    )
