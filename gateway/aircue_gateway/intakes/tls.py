"""TLS on the gateway's own listener: its certificate, and the CA whose certificates log nodes in.

Errors: ConfigError, naming the file that cannot be used.
"""

import ssl
from typing import Any

from aircue_gateway.config import ConfigError, TlsConfig


def context(config: TlsConfig) -> ssl.SSLContext:
    """What the listener wraps its sockets with: TLS 1.2 or newer, client certificates where one is shown."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(config.certificate, config.key, password=_none)
    except (OSError, ValueError) as error:
        files = f"listener.tls.certificate = {config.certificate}, key = {config.key}"
        raise ConfigError(
            f"{files}: expected a certificate and its key in PEM, without a passphrase: {error}"
        ) from error
    if config.client_ca is not None:
        made.verify_mode = ssl.CERT_OPTIONAL
        try:
            made.load_verify_locations(cafile=config.client_ca)
        except OSError as error:
            raise ConfigError(f"listener.tls.client_ca = {config.client_ca}: expected a CA in PEM: {error}") from error
    return made


def _none() -> str:
    """OpenSSL would ask on the terminal otherwise."""
    raise ValueError("the key has a passphrase")


def certified(peer: dict[str, Any] | None) -> str:
    """The common name of a client's certificate that TLS has checked, empty where it showed none."""
    for row in (peer or {}).get("subject", ()):
        for name, value in row:
            if name == "commonName":
                return str(value)
    return ""
