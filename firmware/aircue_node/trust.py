"""TLS towards the gateway: one CA, given by its owner, and nobody else is trusted.

Loaded where `tls` is set. Needs MicroPython 1.23 or newer. A certificate has a time of validity, and a board starts
without the time: until a time server has answered, ports that check it refuse the gateway's certificate as not valid
yet, and the journal keeps what is measured.
"""

import binascii

from aircue_node.config import SettingsError

MYPY = False
if MYPY:
    import ssl as tls
    from typing import Any
else:
    try:
        import tls
    except ImportError:
        import ssl as tls

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"


def load(path: str) -> "Any":
    """The ssl.SSLContext that takes certificates of the CA in this file (PEM, one or more, or DER) alone."""
    try:
        with open(path, "rb") as file:
            return context(file.read())
    except OSError:
        raise SettingsError(f"settings.json: ca is {path}, which is missing: copy the CA's certificate to the board")
    except ValueError as error:
        raise SettingsError(f"settings.json: ca is {path}, which holds no certificate (PEM or DER): {error}")


def context(ca: bytes) -> "Any":
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    setattr(made, "verify_mode", tls.CERT_REQUIRED)  # noqa: B010 -- the boards' type stubs lack the attribute
    for certificate in certificates(ca):
        _add(made, certificate)
    return made


def certificates(text: bytes) -> list[bytes]:
    """Each in DER. Some boards' TLS reads no PEM. ValueError where the text is neither."""
    if _BEGIN not in text:
        return [text]
    return [binascii.a2b_base64(block.split(_END)[0]) for block in text.split(_BEGIN)[1:]]


def _add(made: "Any", certificate: bytes) -> None:
    """MicroPython's own tls takes the bytes alone. CPython's error for bytes that are none is an OSError."""
    if hasattr(made, "check_hostname"):
        try:
            made.load_verify_locations(cadata=certificate)
        except OSError as error:
            raise ValueError(str(error))
    else:
        made.load_verify_locations(certificate)
