"""The TLS listeners of today and of 2012, proved by handshakes of plain clients."""

import socket
import ssl
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulator import Model, SimulatedPool
from simulator.tls import Certificates, legacy_context, make_certificates, modern_context

ADDRESSES = ["127.0.0.1", "127.0.0.2"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), ADDRESSES)


def legacy_client(files: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(files.bundle))
    context.check_hostname = False
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, address: str = "127.0.0.1") -> str | None:
    """Return the protocol that both agreed on, after a byte has gone each way."""
    listener = socket.create_server((address, 0))

    def serve() -> None:
        try:
            with server.wrap_socket(listener.accept()[0], server_side=True) as connected:
                connected.sendall(connected.recv(1))
        except OSError:
            pass  # the client says what went wrong

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with (
            socket.create_connection(listener.getsockname(), timeout=10) as plain,
            client.wrap_socket(plain, server_hostname=address) as connected,
        ):
            connected.sendall(b"x")
            assert connected.recv(1) == b"x"
            return connected.version()
    finally:
        thread.join()
        listener.close()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_default_client_that_trusts_the_bundle_connects_to_every_host(
    files: Certificates, address: str
) -> None:
    client = ssl.create_default_context(cafile=str(files.bundle))
    assert handshake(modern_context(files), client, address) == "TLSv1.3"


def test_a_client_that_trusts_nothing_refuses_the_modern_listener(files: Certificates) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(modern_context(files), ssl.create_default_context())


def test_a_legacy_client_that_pins_the_certificate_connects_with_tls_1_0(files: Certificates) -> None:
    assert handshake(legacy_context(files), legacy_client(files)) == "TLSv1"


def test_a_default_client_refuses_the_legacy_listener(files: Certificates) -> None:
    client = ssl.create_default_context(cafile=str(files.bundle))
    client.check_hostname = False
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol version|internal error|handshake failure"):
        handshake(legacy_context(files), client)


def test_a_legacy_client_with_another_certificate_refuses(files: Certificates, tmp_path: Path) -> None:
    other = make_certificates(tmp_path, ADDRESSES)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(legacy_context(files), legacy_client(other))


def test_the_legacy_certificate_is_that_of_a_2012_host(files: Certificates) -> None:
    certificate = x509.load_pem_x509_certificate(files.legacy_cert.read_bytes())
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 1024
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA1)
    assert not list(certificate.extensions)
    key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA1())


def test_the_bundle_holds_both_certificates(files: Certificates) -> None:
    assert files.bundle.read_bytes() == files.modern_cert.read_bytes() + files.legacy_cert.read_bytes()


def test_only_the_owner_may_read_the_keys(files: Certificates) -> None:
    assert {path.stat().st_mode & 0o777 for path in (files.modern_key, files.legacy_key)} == {0o600}


def test_certificates_stay_the_same_in_the_same_folder(tmp_path: Path) -> None:
    before = make_certificates(tmp_path, ADDRESSES).bundle.read_bytes()
    assert make_certificates(tmp_path, ADDRESSES[:1]).bundle.read_bytes() == before
    assert make_certificates(tmp_path, ["127.0.0.9"]).bundle.read_bytes() != before


def test_pools_that_are_made_at_once_find_one_set_of_keys(tmp_path: Path) -> None:
    def certificate(_: int) -> bytes:
        with SimulatedPool(Model(hosts=1, vms=0), folder=tmp_path) as pool:
            return pool.certificate.read_bytes()

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(certificate, range(4)))) == 1
