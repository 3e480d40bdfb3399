"""Certificates are checked before anything is sent."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from xenpatch.errors import InputError, Untrusted
from xenpatch.xapi.tls import Trust
from xenpatch.xapi.transport import open_connection

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def self_signed(folder: Path, name: str, *, expired: bool = False) -> tuple[Path, str]:
    """A key and certificate in one file, and the certificate alone; the subject is always the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "xenserver")])
    end = NOW - DAY if expired else NOW + DAY
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - 10 * DAY)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / name
    path.write_text(private.decode() + pem)
    return path, pem


Serve = Callable[[Path], tuple[str, list[bytes]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve TLS with a certificate; gives the URL, and what the client sent after the handshake."""
    served: list[tuple[threading.Thread, socket.socket]] = []

    def begin(certificate: Path) -> tuple[str, list[bytes]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener = socket.create_server(("127.0.0.1", 0))
        received: list[bytes] = []

        def accept() -> None:
            try:
                with listener.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as secure:
                    received.append(secure.recv(1000))
            except OSError:
                received.append(b"")

        thread = threading.Thread(target=accept)
        thread.start()
        served.append((thread, listener))
        return f"https://127.0.0.1:{listener.getsockname()[1]}", received

    yield begin
    for thread, listener in served:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize("expired", [False, True])
def test_a_pinned_certificate_is_accepted_whatever_its_name_and_dates(
    tmp_path: Path, serve: Serve, *, expired: bool
) -> None:
    file, pem = self_signed(tmp_path, "host", expired=expired)
    url, received = serve(file)

    connection = open_connection(url, Trust(pinned_pem=pem), 10)
    connection.sock.sendall(b"hello")
    connection.close()

    assert received in ([], [b"hello"])


def test_pins_of_several_hosts_may_have_one_subject(tmp_path: Path, serve: Serve) -> None:
    _, first = self_signed(tmp_path, "first")
    file, second = self_signed(tmp_path, "second")
    url, _ = serve(file)

    open_connection(url, Trust(pinned_pem=first + second), 10).close()


def test_a_certificate_that_is_not_pinned_is_refused_with_both_fingerprints(
    tmp_path: Path, serve: Serve
) -> None:
    _, pinned = self_signed(tmp_path, "pinned")
    file, _ = self_signed(tmp_path, "other")
    url, received = serve(file)

    with pytest.raises(Untrusted) as refused:
        open_connection(url, Trust(pinned_pem=pinned), 10)

    assert str(refused.value).count(":") > 60
    assert "No password was sent" in str(refused.value)
    assert b"".join(received) == b""


def test_without_a_pin_a_self_signed_certificate_is_refused(tmp_path: Path, serve: Serve) -> None:
    url, received = serve(self_signed(tmp_path, "host")[0])

    with pytest.raises(Untrusted):
        open_connection(url, Trust(), 10)

    assert b"".join(received) == b""


EMPTY = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
BAD = {
    "not PEM text": "a password, perhaps",
    "holds a private key": "{key}{whole}",
    "certificate 1 of those given is damaged": "{damaged}{whole}",
    "certificate 2 of those given is damaged": "{whole}" + EMPTY,
    "cut short": "{whole}{cut}",
}


def test_legacy_tls_is_called_what_it_is() -> None:
    assert Trust().weakness is None
    assert "password read" in str(Trust(legacy=True).weakness)
    assert "No certificate is pinned" in str(Trust(legacy=True).weakness)


@pytest.mark.parametrize("legacy", [False, True])
def test_without_a_pin_chain_and_name_are_always_verified(*, legacy: bool) -> None:
    context = Trust(legacy=legacy).context

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize("field", ["pinned_pem", "ca_pem"])
@pytest.mark.parametrize("complaint", BAD)
def test_text_that_is_no_certificate_is_bad_input(tmp_path: Path, field: str, complaint: str) -> None:
    file, pem = self_signed(tmp_path, "host")
    key = file.read_text().removesuffix(pem)
    damaged = pem.replace("\nMII", "\nM!!", 1)
    text: Any = BAD[complaint].format(key=key, whole=pem, damaged=damaged, cut=pem[:-40])

    with pytest.raises(InputError, match=complaint) as refused:
        replace(Trust(), **{field: text})

    assert key.splitlines()[1] not in str(refused.value)


def test_words_around_a_certificate_do_no_harm(tmp_path: Path, serve: Serve) -> None:
    file, pem = self_signed(tmp_path, "host")
    url, _ = serve(file)

    open_connection(url, Trust(pinned_pem=f"of the host in Zürich:\n{pem}\n"), 10).close()
    assert Trust(ca_pem=f"of Zürich:\n{pem}").context.cert_store_stats()["x509"] == 1
