"""[listener] and [listener.tls]."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import TABLE, ConfigError, Kind, checked, is_text, number, path_from, whole


@dataclass(frozen=True, kw_only=True)
class TlsConfig:
    """certificate and key: PEM files, the key without a passphrase. client_ca: whose certificates log a node in
    without its key."""

    certificate: Path
    key: Path
    port: int = 8883
    client_ca: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ListenerConfig:
    """host 0.0.0.0: nodes come from the home's network. port 0: any free one, named in the log. plain: whether it
    listens without TLS. The limits: login_s to log in, messages_per_s and burst of one connection."""

    host: str = "0.0.0.0"
    port: int = 1883
    plain: bool = True
    commit_window_ms: int = 5000
    max_packet: int = 65536
    max_connections: int = 256
    max_connections_per_address: int = 128
    max_subscriptions: int = 100
    login_s: float = 10.0
    messages_per_s: float = 2000.0
    burst: int = 10_000
    tls: TlsConfig | None = None


_LISTENER = {
    "host": Kind(expected="an address to listen on", accepts=is_text),
    "port": whole(0, 65535),
    "plain": Kind(expected="true or false", accepts=lambda value: type(value) is bool),
    "commit_window_ms": whole(1, 60_000),
    "max_packet": whole(1024, 16 * 1024 * 1024),
    "max_connections": whole(1, 100_000),
    "max_connections_per_address": whole(1, 100_000),
    "max_subscriptions": whole(1, 10_000),
    "login_s": number(0.1, 600),
    "messages_per_s": number(1, 1_000_000),
    "burst": whole(1, 1_000_000),
    "tls": TABLE,
}


_FILE = Kind(expected="the path of a PEM file", accepts=is_text, required=True)


_TLS = {
    "port": whole(0, 65535),
    "certificate": _FILE,
    "key": _FILE,
    "client_ca": Kind(expected=_FILE.expected, accepts=is_text),
}


def read(file: Path, table: dict[str, Any]) -> ListenerConfig:
    fields = checked(file, "listener", table, _LISTENER)
    if "tls" in fields:
        tls = checked(file, "listener.tls", fields["tls"], _TLS)
        for name in ("certificate", "key", "client_ca"):
            if name in tls:
                tls[name] = path_from(file, tls[name])
        fields["tls"] = TlsConfig(**tls)
    elif fields.get("plain") is False:
        raise ConfigError(f"{file}: listener.plain = False: expected true, or a table [listener.tls] to listen with")
    return ListenerConfig(**fields)
