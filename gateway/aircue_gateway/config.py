"""The gateway's configuration: one TOML file, read once, checked key by key.

Errors: ConfigError, naming the file, the key, the value, what was expected and which keys exist.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aircue_gateway.quantities import LIMITS


class ConfigError(ValueError):
    """A configuration that cannot be used; the text says which key and what was expected."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A sensor board that may connect: user name and password are id and key."""

    id: str
    site: str
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Somebody who listens to all nodes and publishes nothing but Home Assistant's own status."""

    name: str
    key: str = field(repr=False)


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


@dataclass(frozen=True, kw_only=True)
class SerialConfig:
    """A node without a radio. path: its tty; node: an id of [[nodes]]."""

    path: Path
    node: str


@dataclass(frozen=True, kw_only=True)
class UplinkConfig:
    url: str
    key: str = field(repr=False)
    batch_window_s: float = 300.0


@dataclass(frozen=True, kw_only=True)
class SpikeConfig:
    """floor: the least scale a quantity, in its unit. Samples further apart than max_gap_s are not compared."""

    window: int = 7
    k: float = 3.0
    max_gap_s: float = 120.0
    floor: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeadbandConfig:
    """width: by quantity, in its unit; a quantity without one has no deadband."""

    heartbeat_s: float = 300.0
    width: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CleaningConfig:
    spike: SpikeConfig = field(default_factory=SpikeConfig)
    deadband: DeadbandConfig = field(default_factory=DeadbandConfig)


@dataclass(frozen=True, kw_only=True)
class Config:
    file: Path
    name: str
    data_dir: Path
    uplink: UplinkConfig
    listener: ListenerConfig = field(default_factory=ListenerConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    watchers: Mapping[str, Watcher] = field(default_factory=dict)
    serial: tuple[SerialConfig, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What a key takes. A secret's value is never repeated in an error."""

    expected: str
    accepts: Callable[[Any], bool]
    required: bool = False
    secret: bool = False


def _whole(low: int, high: int) -> _Kind:
    return _Kind(
        expected=f"a whole number from {low} to {high}",
        accepts=lambda value: type(value) is int and low <= value <= high,
    )


def _number(low: float, high: float) -> _Kind:
    return _Kind(
        expected=f"a number from {low:g} to {high:g}",
        accepts=lambda value: type(value) in (int, float) and low <= value <= high,
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1000


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and 8 <= len(value) <= 200


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).netloc)


def _is_quantities(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in LIMITS and type(number) in (int, float) and number > 0 for name, number in value.items()
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


_NAME = _Kind(expected="1 to 63 letters, digits, - or _", accepts=_is_name, required=True)
_KEY = _Kind(expected="a text of 8 to 200 characters", accepts=_is_key, required=True, secret=True)
_TABLE = _Kind(expected="a table", accepts=_is_table)
_QUANTITIES = _Kind(expected=f"a table of numbers over 0, its keys among {', '.join(LIMITS)}", accepts=_is_quantities)

_TOP = {
    "name": _NAME,
    "data_dir": _Kind(expected="the path of a folder", accepts=_is_text, required=True),
    "listener": _TABLE,
    "uplink": _Kind(expected="a table", accepts=_is_table, required=True),
    "cleaning": _TABLE,
    "nodes": _Kind(expected="tables, each under [[nodes]]", accepts=_is_tables),
    "watchers": _Kind(expected="tables, each under [[watchers]]", accepts=_is_tables),
    "serial": _Kind(expected="tables, each under [[serial]]", accepts=_is_tables),
}
_LISTENER = {
    "host": _Kind(expected="an address to listen on", accepts=_is_text),
    "port": _whole(0, 65535),
    "plain": _Kind(expected="true or false", accepts=lambda value: type(value) is bool),
    "commit_window_ms": _whole(1, 60_000),
    "max_packet": _whole(1024, 16 * 1024 * 1024),
    "max_connections": _whole(1, 100_000),
    "max_connections_per_address": _whole(1, 100_000),
    "max_subscriptions": _whole(1, 10_000),
    "login_s": _number(0.1, 600),
    "messages_per_s": _number(1, 1_000_000),
    "burst": _whole(1, 1_000_000),
    "tls": _TABLE,
}
_FILE = _Kind(expected="the path of a PEM file", accepts=_is_text, required=True)
_TLS = {
    "port": _whole(0, 65535),
    "certificate": _FILE,
    "key": _FILE,
    "client_ca": _Kind(expected=_FILE.expected, accepts=_is_text),
}
_UPLINK = {
    "url": _Kind(expected="the cloud's address, http://... or https://...", accepts=_is_url, required=True),
    "key": _KEY,
    "batch_window_s": _number(0.1, 86_400),
}
_CLEANING = {"spike": _TABLE, "deadband": _TABLE}
_SPIKE = {
    "window": _whole(3, 99),
    "k": _number(0.5, 100),
    "max_gap_s": _number(0.001, 86_400),
    "floor": _QUANTITIES,
}
_DEADBAND = {"heartbeat_s": _number(1, 86_400), "width": _QUANTITIES}
_WATCHER = {"name": _NAME, "key": _KEY}
_NODE = {"id": _NAME, "site": _NAME, "key": _KEY}
_SERIAL = {"path": _Kind(expected="the path of a tty", accepts=_is_text, required=True), "node": _NAME}


def load(file: Path) -> Config:
    """The configuration in a file. A relative data_dir starts at the file's own folder."""
    top = _checked(file, "", _parsed(file), _TOP)
    top["data_dir"] = _path(file, top["data_dir"])
    top["uplink"] = UplinkConfig(**_checked(file, "uplink", top["uplink"], _UPLINK))
    top["listener"] = _listener(file, top.get("listener", {}))
    top["cleaning"] = _cleaning(file, top.get("cleaning", {}))
    top["nodes"] = _nodes(file, top.get("nodes", []))
    top["watchers"] = _watchers(file, top.get("watchers", []), top["nodes"])
    top["serial"] = _serial(file, top.get("serial", []), top["nodes"])
    return Config(file=file, **top)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{file}: is no TOML: {error}") from error


def _checked(file: Path, path: str, table: dict[str, Any], kinds: dict[str, _Kind]) -> dict[str, Any]:
    """The table itself once every key in it is known and fits, and none that is required is missing."""
    known = f"known keys here: {', '.join(kinds)}"
    for key, value in table.items():
        if key not in kinds:
            raise ConfigError(f"{file}: unknown key {_full(path, key)} (value {_shown(value)}); {known}")
        if not kinds[key].accepts(value):
            shown = "(not shown)" if kinds[key].secret else _shown(value)
            raise ConfigError(f"{file}: {_full(path, key)} = {shown}: expected {kinds[key].expected}; {known}")
    for key, kind in kinds.items():
        if kind.required and key not in table:
            raise ConfigError(f"{file}: {_full(path, key)} is missing: expected {kind.expected}; {known}")
    return dict(table)


def _full(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _cleaning(file: Path, table: dict[str, Any]) -> CleaningConfig:
    parts = _checked(file, "cleaning", table, _CLEANING)
    spike = _checked(file, "cleaning.spike", parts.get("spike", {}), _SPIKE)
    deadband = _checked(file, "cleaning.deadband", parts.get("deadband", {}), _DEADBAND)
    return CleaningConfig(spike=SpikeConfig(**spike), deadband=DeadbandConfig(**deadband))


def _listener(file: Path, table: dict[str, Any]) -> ListenerConfig:
    fields = _checked(file, "listener", table, _LISTENER)
    if "tls" in fields:
        tls = _checked(file, "listener.tls", fields["tls"], _TLS)
        for name in ("certificate", "key", "client_ca"):
            if name in tls:
                tls[name] = _path(file, tls[name])
        fields["tls"] = TlsConfig(**tls)
    elif fields.get("plain") is False:
        raise ConfigError(f"{file}: listener.plain = False: expected true, or a table [listener.tls] to listen with")
    return ListenerConfig(**fields)


def _path(file: Path, text: str) -> Path:
    """A relative one starts at the file's own folder."""
    return (file.parent / Path(text).expanduser()).resolve()


def _watchers(file: Path, tables: list[dict[str, Any]], nodes: Mapping[str, Node]) -> dict[str, Watcher]:
    watchers: dict[str, Watcher] = {}
    for index, table in enumerate(tables, start=1):
        one = Watcher(**_checked(file, f"watchers[{index}]", table, _WATCHER))
        if one.name in watchers or one.name in nodes:
            where = f"watchers[{index}].name = {one.name!r}"
            raise ConfigError(f"{file}: {where}: expected a name that no other watcher or node has")
        watchers[one.name] = one
    return watchers


def _nodes(file: Path, tables: list[dict[str, Any]]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for index, table in enumerate(tables, start=1):
        node = Node(**_checked(file, f"nodes[{index}]", table, _NODE))
        if node.id in nodes:
            raise ConfigError(f"{file}: nodes[{index}].id = {node.id!r}: expected an id that no other node has")
        nodes[node.id] = node
    return nodes


def _serial(file: Path, tables: list[dict[str, Any]], nodes: Mapping[str, Node]) -> tuple[SerialConfig, ...]:
    rows: list[SerialConfig] = []
    for index, table in enumerate(tables, start=1):
        fields = _checked(file, f"serial[{index}]", table, _SERIAL)
        row = SerialConfig(path=Path(fields["path"]), node=fields["node"])
        if row.node not in nodes:
            known = ", ".join(nodes) or "none"
            raise ConfigError(f"{file}: serial[{index}].node = {row.node!r}: expected an id of [[nodes]]: {known}")
        if row.node in [one.node for one in rows] or row.path in [one.path for one in rows]:
            raise ConfigError(f"{file}: serial[{index}]: expected a path and a node that no other row has")
        rows.append(row)
    return tuple(rows)
