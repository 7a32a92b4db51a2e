"""RSA-SHA256 (PKCS #1 v1.5) as PayPal, Alipay and WeChat Pay sign with it, and their keys as they hand them out."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import load_pem_x509_certificate

from aircue_cloud.payment.provider import NotGenuine

_PEM = "-----BEGIN "
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_WEAKEST = 2048


def sign(key: RSAPrivateKey, message: bytes) -> str:
    """In base64."""
    return base64.b64encode(key.sign(message, PKCS1v15(), hashes.SHA256())).decode()


def verify(key: RSAPublicKey, message: bytes, signature: str) -> None:
    """signature: in base64. NotGenuine."""
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise NotGenuine("signature: it is not the provider's over this message") from error


def private_key(said: str) -> RSAPrivateKey:
    """PEM, or its base64 alone, PKCS #1 or #8. ValueError, which says nothing of the key."""
    loaded = load_pem_private_key(said.encode(), None) if _PEM in said else load_der_private_key(_der(said), None)
    if not isinstance(loaded, RSAPrivateKey) or loaded.key_size < _WEAKEST:
        raise ValueError(f"no RSA key of {_WEAKEST} bits or more")
    return loaded


def public_key(said: str) -> RSAPublicKey:
    """PEM of a key or a certificate, or a key's base64 alone. ValueError."""
    loaded = _public(said)
    if not isinstance(loaded, RSAPublicKey) or loaded.key_size < _WEAKEST:
        raise ValueError(f"no RSA key of {_WEAKEST} bits or more")
    return loaded


def _public(said: str) -> object:
    if _CERTIFICATE in said:
        return load_pem_x509_certificate(said.encode()).public_key()
    return load_pem_public_key(said.encode()) if _PEM in said else load_der_public_key(_der(said))


def _der(said: str) -> bytes:
    return base64.b64decode("".join(said.split()), validate=True)
