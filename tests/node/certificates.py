"""Certificates for tests: a CA of our own and servers that it vouches for, or does not."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


class Authority:
    """A CA with a key of its own."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        made = _certificate(self._name, self._name, self._key.public_key(), timedelta(days=-30), timedelta(days=30))
        made = made.add_extension(constraint, critical=True).add_extension(_SIGNS, critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        self.certificate = made.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(_PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def server(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        since: timedelta = timedelta(days=-1),
        until: timedelta = timedelta(days=1),
    ) -> ssl.SSLContext:
        """A server with a certificate for an address, valid from now + since to now + until."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file(folder, address, since, until))
        return context

    def server_file(
        self,
        folder: Path,
        address: str = "127.0.0.1",
        since: timedelta = timedelta(days=-1),
        until: timedelta = timedelta(days=1),
    ) -> Path:
        """The certificate and its key in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        made = _certificate(_named("gateway"), self._name, key.public_key(), since, until)
        signed = self._signed(made.add_extension(names, critical=False))
        file = folder / f"{signed.serial_number}.pem"
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(signed.public_bytes(_PEM) + private)
        return file

    def client_file(self, folder: Path, name: str) -> Path:
        """The certificate of a client of this common name, and its key in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(_named(name), self._name, key.public_key(), timedelta(days=-1), timedelta(days=1))
        signed = self._signed(made)
        file = folder / f"{signed.serial_number}.pem"
        private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(signed.public_bytes(_PEM) + private)
        return file

    def _signed(self, made: x509.CertificateBuilder) -> x509.Certificate:
        """With the name of the signing key, which Python 3.13 asks for."""
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return made.add_extension(issuer, critical=False).sign(self._key, hashes.SHA256())


_SIGNS = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, since: timedelta, until: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
    )
