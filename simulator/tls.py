"""Certificates and TLS contexts: of today, and of a 2012 host that speaks TLS 1.0 only."""

import os
import ssl
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID: Final = timedelta(days=3650)
_LEGACY_CIPHERS: Final = "AES256-SHA:AES128-SHA:@SECLEVEL=0"
_MODERN_NAME: Final = "simulated XenServer pool"
"""Not an address, as the legacy one's: OpenSSL tells the certificates of a bundle apart by their subjects."""
_SHA256_WITH_RSA: Final = bytes.fromhex("2a864886f70d01010b")
_SHA1_WITH_RSA: Final = bytes.fromhex("2a864886f70d010105")


@dataclass(frozen=True)
class Certificates:
    """Files of a pool's certificates and keys; ``bundle`` holds both certificates."""

    modern_cert: Path
    modern_key: Path
    legacy_cert: Path
    legacy_key: Path
    bundle: Path


def make_certificates(folder: Path, addresses: Sequence[str]) -> Certificates:
    """Make the self-signed certificates of a pool whose hosts have these addresses, or find those of before.

    The modern one is RSA 2048 with SHA-256 and names every address. The legacy one is as XenServer 6.0 made
    its own: RSA 1024 with SHA-1, the master's address as its common name and no alternative names.
    """
    names = ("tls.pem", "tls.key", "tls-legacy.pem", "tls-legacy.key", "certificates.pem")
    files = Certificates(*(folder / name for name in names))
    if not _still_good(files, addresses):
        modern_key, legacy_key = _key(files.modern_key, 2048), _key(files.legacy_key, 1024)
        modern = _modern(addresses, modern_key.public_key()).sign(modern_key, hashes.SHA256())
        files.modern_cert.write_bytes(modern.public_bytes(serialization.Encoding.PEM))
        files.legacy_cert.write_text(_signed_with_sha1(_named(addresses[0]), legacy_key))
        files.bundle.write_bytes(files.modern_cert.read_bytes() + files.legacy_cert.read_bytes())
    return files


def modern_context(files: Certificates) -> ssl.SSLContext:
    """Return the server's context for clients of today: TLS 1.2 and later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.modern_cert, files.modern_key)
    return context


def legacy_context(files: Certificates) -> ssl.SSLContext:
    """Return the server's context of a XenServer 6.0: TLS 1.0 only, RSA key exchange, AES in CBC mode."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(_LEGACY_CIPHERS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is outdated is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    context.load_cert_chain(files.legacy_cert, files.legacy_key)
    return context


def _still_good(files: Certificates, addresses: Sequence[str]) -> bool:
    paths = (files.modern_cert, files.modern_key, files.legacy_cert, files.legacy_key, files.bundle)
    if not all(path.is_file() for path in paths):
        return False
    certificate = x509.load_pem_x509_certificate(files.modern_cert.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return covered >= set(addresses) and certificate.not_valid_after_utc > datetime.now(UTC)


def _key(path: Path, bits: int) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    no_encryption = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    write_private(path, key.private_bytes(serialization.Encoding.PEM, form, no_encryption))
    return key


def _named(common_name: str) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer_name=name, subject_name=name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
    )


def _modern(addresses: Sequence[str], key: rsa.RSAPublicKey) -> x509.CertificateBuilder:
    names = [x509.IPAddress(ip_address(address)) for address in addresses]
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectAlternativeName([*names, x509.DNSName("localhost")]), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_key_usage(), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(key), False),
    ]
    builder = _named(_MODERN_NAME).public_key(key)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def _signed_with_sha1(builder: x509.CertificateBuilder, key: rsa.RSAPrivateKey) -> str:
    """Sign a certificate as in 2012, and return it as PEM.

    The library no longer signs certificates with SHA-1, but still signs bytes: it makes one with SHA-256, and
    the algorithm's name and the signature, both of the same length, are put in their places.
    """
    template = builder.public_key(key.public_key()).sign(key, hashes.SHA256())
    body = template.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    signature = key.sign(body, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  # what the host of 2012 has
    whole = template.public_bytes(serialization.Encoding.DER)
    whole = whole.replace(template.tbs_certificate_bytes, body).replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
    return ssl.DER_cert_to_PEM_cert(whole[: -len(signature)] + signature)


def _key_usage() -> x509.KeyUsage:
    used = {"digital_signature", "key_encipherment", "key_cert_sign"}
    unused = {
        "content_commitment",
        "data_encipherment",
        "key_agreement",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    }
    return x509.KeyUsage(**dict.fromkeys(used, True), **dict.fromkeys(unused, False))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
