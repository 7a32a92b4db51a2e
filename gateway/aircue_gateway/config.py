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

from aircue_gateway.intakes.recent import MOST
from aircue_gateway.payloads.formats import FORMATS
from aircue_gateway.quantities import LIMITS
from aircue_gateway.units import UnitError, line

# What can be wired to this machine: whether it hangs on a pin; on an I2C bus otherwise.
SENSORS = {"dht11": True, "dht22": True, "sht4x": False, "scd4x": False}


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
class BrokerConfig:
    """An MQTT broker that the gateway listens at. ca: a file with the certificates of who signed the broker's, None for
    the system's. group: name of a shared subscription, "" for one of its own. in_flight: as many messages as the broker
    sends without an acknowledgement. formats: listened to even without a device, so that status lists what is there.
    topics: by format, instead of the format's own."""

    host: str
    port: int = 1883
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca: Path | None = None
    client_id: str = ""
    group: str = ""
    in_flight: int = 20
    keep_alive_s: int = 60
    formats: tuple[str, ...] = ()
    topics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """Another maker's device. id: as its format names it, with /part behind it for one of its sensors alone. quantity
    and unit: where the format tells none."""

    format: str
    id: str
    node: str
    site: str
    quantity: str = ""
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class AttachedConfig:
    """A sensor wired to this machine. pin: name of a GPIO as Blinka has it (D4); bus: an I2C device."""

    sensor: str
    node: str
    site: str
    pin: str = ""
    bus: str = "/dev/i2c-1"
    address: int | None = None
    interval_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class RoomConfig:
    """Nodes whose sensors measure one air. name: what the room is called; no node has the same."""

    name: str
    site: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UplinkConfig:
    """via: "http", "object-store" or "mqtt". url: of the cloud; broker: of the cloud's broker, for "mqtt". ca: of the
    server's certificate, None for those that the system trusts. backlog_per_s: batches that had to wait, a second."""

    url: str = ""
    key: str = field(repr=False)
    batch_window_s: float = 300.0
    via: str = "http"
    broker: str = ""
    ca: Path | None = None
    backlog_per_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class StatusConfig:
    """The local status page and its /metrics. port 0: none."""

    host: str = "127.0.0.1"
    port: int = 8014


@dataclass(frozen=True, kw_only=True)
class RateConfig:
    """jump, per_s: what is possible, by quantity, in its unit; those of quantities.py where none is given."""

    max_gap_s: float = 600.0
    jump: Mapping[str, float] = field(default_factory=dict)
    per_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StuckConfig:
    """How long a sensor of fine, and one of coarse resolution may repeat one value."""

    fine_s: float = 3600.0
    coarse_s: float = 86_400.0
    max_gap_s: float = 3600.0


@dataclass(frozen=True, kw_only=True)
class SpoolConfig:
    """In millions of bytes: of what waits and what it takes to keep it, of refused batches, of dead letters."""

    max_mb: int = 512
    refused_mb: int = 16
    dead_letters_mb: int = 4


@dataclass(frozen=True, kw_only=True)
class SpikeConfig:
    """k: in scales; memory: changes the scale is learnt from; floor: the least scale a quantity, in its unit. Samples
    further apart than max_gap_s are not compared."""

    k: float = 4.0
    memory: int = 32
    max_gap_s: float = 120.0
    floor: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SmoothingConfig:
    """window_s: of the median. tau_s: of ewma. cutoff_hz, beta, speed_cutoff_hz: of one-euro. noise_steps, drift_steps:
    of kalman, in the quantity's step (quantities.py); the drift is that of a minute."""

    method: str = "median"
    window_s: float = 30.0
    tau_s: float = 30.0
    cutoff_hz: float = 0.02
    beta: float = 0.05
    speed_cutoff_hz: float = 0.02
    noise_steps: float = 2.0
    drift_steps: float = 1.0


@dataclass(frozen=True, kw_only=True)
class DeadbandConfig:
    """width: by quantity, in its unit; a quantity without one has no deadband."""

    heartbeat_s: float = 300.0
    width: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GapsConfig:
    """interval_s: the cadence, 0 to learn it. A gap of more than bridge_s is not bridged."""

    interval_s: float = 0.0
    bridge_s: float = 300.0


STAGES = ("range", "rate", "stuck", "spike")
SMOOTHING = ("none", "median", "ewma", "one-euro", "kalman")
SURFACES = ("very-sensitive", "sensitive", "medium-resistant", "resistant")


@dataclass(frozen=True, kw_only=True)
class CleaningConfig:
    """stages: the checks, in their order. mould_surface: what the mould index is of."""

    stages: tuple[str, ...] = STAGES
    mould_surface: str = "sensitive"
    rate: RateConfig = field(default_factory=RateConfig)
    stuck: StuckConfig = field(default_factory=StuckConfig)
    spike: SpikeConfig = field(default_factory=SpikeConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    deadband: DeadbandConfig = field(default_factory=DeadbandConfig)
    gaps: GapsConfig = field(default_factory=GapsConfig)


@dataclass(frozen=True, kw_only=True)
class Config:
    file: Path
    name: str
    data_dir: Path
    uplink: UplinkConfig
    listener: ListenerConfig = field(default_factory=ListenerConfig)
    cleaning: CleaningConfig = field(default_factory=CleaningConfig)
    status: StatusConfig = field(default_factory=StatusConfig)
    spool: SpoolConfig = field(default_factory=SpoolConfig)
    nodes: Mapping[str, Node] = field(default_factory=dict)
    watchers: Mapping[str, Watcher] = field(default_factory=dict)
    serial: tuple[SerialConfig, ...] = ()
    broker: BrokerConfig | None = None
    devices: tuple[DeviceConfig, ...] = ()
    attached: tuple[AttachedConfig, ...] = ()
    rooms: tuple[RoomConfig, ...] = ()


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


def _is_stages(value: Any) -> bool:
    return isinstance(value, list) and all(one in STAGES for one in value) and len(set(value)) == len(value)


def _one_of(names: tuple[str, ...]) -> _Kind:
    return _Kind(expected=f"one of {', '.join(names)}", accepts=lambda value: value in names)


def _is_host(value: Any) -> bool:
    try:
        return _is_text(value) and bool(value.encode("idna"))
    except UnicodeError:
        return False


def _is_topics(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in FORMATS and isinstance(filters, list) and filters and all(map(_is_filter, filters))
        for name, filters in value.items()
    )


def _is_filter(value: Any) -> bool:
    """An MQTT topic filter, 4.7.1."""
    if not _is_text(value) or value.startswith("$"):
        return False
    levels = value.split("/")
    wild = all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)
    return wild and "#" not in levels[:-1]


def _is_among(names: Mapping[str, Any]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in names


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2 and all(map(_is_name, value)) and len(set(value)) == len(value)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _is_broker(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("mqtt", "mqtts") and bool(urlsplit(value).hostname)


_NAME = _Kind(expected="1 to 63 letters, digits, - or _", accepts=_is_name, required=True)
_NAME_OR_NONE = _Kind(expected="1 to 63 letters, digits, - or _", accepts=_is_name)
_KEY = _Kind(expected="a text of 8 to 200 characters", accepts=_is_key, required=True, secret=True)
_TABLE = _Kind(expected="a table", accepts=_is_table)
_QUANTITIES = _Kind(expected=f"a table of numbers over 0, its keys among {', '.join(LIMITS)}", accepts=_is_quantities)

_TOP = {
    "name": _NAME,
    "data_dir": _Kind(expected="the path of a folder", accepts=_is_text, required=True),
    "listener": _TABLE,
    "uplink": _Kind(expected="a table", accepts=_is_table, required=True),
    "cleaning": _TABLE,
    "status": _TABLE,
    "spool": _TABLE,
    "nodes": _Kind(expected="tables, each under [[nodes]]", accepts=_is_tables),
    "watchers": _Kind(expected="tables, each under [[watchers]]", accepts=_is_tables),
    "serial": _Kind(expected="tables, each under [[serial]]", accepts=_is_tables),
    "broker": _TABLE,
    "devices": _Kind(expected="tables, each under [[devices]]", accepts=_is_tables),
    "attached": _Kind(expected="tables, each under [[attached]]", accepts=_is_tables),
    "rooms": _Kind(expected="tables, each under [[rooms]]", accepts=_is_tables),
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
_STATUS = {
    "host": _Kind(expected="an address to listen on", accepts=_is_text),
    "port": _whole(0, 65535),
}
# Ways to the cloud, and the key each needs.
_WAYS = {"http": "url", "object-store": "url", "mqtt": "broker"}
_UPLINK = {
    "url": _Kind(expected="the cloud's address, http://... or https://...", accepts=_is_url),
    "key": _KEY,
    "batch_window_s": _number(0.1, 86_400),
    "via": _Kind(expected=f"one of {', '.join(_WAYS)}", accepts=lambda value: value in tuple(_WAYS)),
    "broker": _Kind(expected="the cloud's broker, mqtt://HOST:PORT or mqtts://HOST:PORT", accepts=_is_broker),
    "ca": _Kind(expected="the path of a file of certificates", accepts=_is_text),
    "backlog_per_s": _number(0.01, 1000),
}
_CLEANING = {
    "stages": _Kind(expected=f"a list of some of {', '.join(STAGES)}, each once", accepts=_is_stages),
    "mould_surface": _one_of(SURFACES),
    "rate": _TABLE,
    "stuck": _TABLE,
    "spike": _TABLE,
    "smoothing": _TABLE,
    "deadband": _TABLE,
    "gaps": _TABLE,
}
_RATE = {"max_gap_s": _number(0.001, 86_400), "jump": _QUANTITIES, "per_s": _QUANTITIES}
_STUCK = {
    "fine_s": _number(60, 31_536_000),
    "coarse_s": _number(60, 31_536_000),
    "max_gap_s": _number(0.001, 86_400),
}
_SPOOL = {"max_mb": _whole(16, 1_000_000), "refused_mb": _whole(1, 100_000), "dead_letters_mb": _whole(1, 1000)}
_SPIKE = {
    "k": _number(0.5, 100),
    "memory": _whole(8, 10_000),
    "max_gap_s": _number(0.001, 86_400),
    "floor": _QUANTITIES,
}
_SMOOTHING = {
    "method": _one_of(SMOOTHING),
    "window_s": _number(0.001, 86_400),
    "tau_s": _number(0.001, 86_400),
    "cutoff_hz": _number(1e-6, 100),
    "beta": _number(0, 1000),
    "speed_cutoff_hz": _number(1e-6, 100),
    "noise_steps": _number(0.001, 1000),
    "drift_steps": _number(0.001, 1000),
}
_DEADBAND = {"heartbeat_s": _number(1, 86_400), "width": _QUANTITIES}
_GAPS = {"interval_s": _number(0, 86_400), "bridge_s": _number(0, 86_400)}
_WATCHER = {"name": _NAME, "key": _KEY}
_NODE = {"id": _NAME, "site": _NAME, "key": _KEY}
_BROKER = {
    "host": _Kind(expected="the broker's name or address", accepts=_is_host, required=True),
    "port": _whole(1, 65535),
    "username": _Kind(expected="a text", accepts=_is_text),
    "password": _Kind(expected="a text", accepts=_is_text, secret=True),
    "tls": _Kind(expected="true or false", accepts=lambda value: type(value) is bool),
    "ca": _Kind(expected="the path of a file with certificates", accepts=_is_text),
    "client_id": _NAME_OR_NONE,
    "group": _NAME_OR_NONE,
    "in_flight": _whole(1, MOST),
    "keep_alive_s": _whole(5, 3600),
    "formats": _Kind(
        expected=f"a list of {', '.join(FORMATS)}",
        accepts=lambda value: isinstance(value, list) and all(isinstance(one, str) and one in FORMATS for one in value),
    ),
    "topics": _Kind(
        expected=f"a table of lists of MQTT topic filters, its keys among {', '.join(FORMATS)}", accepts=_is_topics
    ),
}
_DEVICE = {
    "format": _Kind(expected=f"one of {', '.join(FORMATS)}", accepts=_is_among(FORMATS), required=True),
    "id": _Kind(expected="the device's id as `aircue-gateway status` shows it", accepts=_is_text, required=True),
    "node": _NAME,
    "site": _NAME,
    "quantity": _Kind(expected=f"one of {', '.join(LIMITS)}", accepts=_is_among(LIMITS)),
    "unit": _Kind(expected="a unit, as °F", accepts=_is_text),
}
_ATTACHED = {
    "sensor": _Kind(expected=f"one of {', '.join(SENSORS)}", accepts=_is_among(SENSORS), required=True),
    "node": _NAME,
    "site": _NAME,
    "pin": _Kind(expected="a pin's name, as D4", accepts=_is_text),
    "bus": _Kind(expected="the path of an I2C device", accepts=_is_text),
    "address": _whole(0x08, 0x77),
    "interval_s": _number(2, 86_400),
}
_ROOM = {
    "name": _NAME,
    "site": _NAME,
    "nodes": _Kind(expected="a list of two or more nodes, each once", accepts=_is_names, required=True),
}
_SERIAL = {"path": _Kind(expected="the path of a tty", accepts=_is_text, required=True), "node": _NAME}


def load(file: Path) -> Config:
    """The configuration in a file. A relative data_dir starts at the file's own folder."""
    top = _checked(file, "", _parsed(file), _TOP)
    top["data_dir"] = _path(file, top["data_dir"])
    top["uplink"] = _uplink(file, top["uplink"])
    top["listener"] = _listener(file, top.get("listener", {}))
    top["cleaning"] = _cleaning(file, top.get("cleaning", {}))
    top["status"] = StatusConfig(**_checked(file, "status", top.get("status", {}), _STATUS))
    top["spool"] = SpoolConfig(**_checked(file, "spool", top.get("spool", {}), _SPOOL))
    top["nodes"] = _nodes(file, top.get("nodes", []))
    top["watchers"] = _watchers(file, top.get("watchers", []), top["nodes"])
    top["serial"] = _serial(file, top.get("serial", []), top["nodes"])
    top["broker"] = _broker(file, top["broker"]) if "broker" in top else None
    top["devices"] = _devices(file, top.get("devices", []), top["broker"])
    top["attached"] = _attached(file, top.get("attached", []))
    _check_places(file, top)
    top["rooms"] = _rooms(file, top.get("rooms", []), _places(top))
    return Config(file=file, **top)


def load_cleaning(file: Path) -> CleaningConfig:
    """[cleaning] of a file, whatever else the file holds or lacks."""
    return _cleaning(file, _parsed(file).get("cleaning", {}))


def _uplink(file: Path, table: dict[str, Any]) -> UplinkConfig:
    """A relative ca starts at the file's own folder."""
    fields = _checked(file, "uplink", table, _UPLINK)
    way = fields.get("via", "http")
    if _WAYS[way] not in fields:
        kind = _UPLINK[_WAYS[way]]
        known = f"known keys here: {', '.join(_UPLINK)}"
        raise ConfigError(f"{file}: uplink.{_WAYS[way]} is missing: expected {kind.expected}; {known}")
    if "ca" in fields:
        fields["ca"] = (file.parent / Path(fields["ca"]).expanduser()).resolve()
    return UplinkConfig(**fields)


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
    for name, (kind, kinds) in _CLEANING_PARTS.items():
        parts[name] = kind(**_checked(file, f"cleaning.{name}", parts.get(name, {}), kinds))
    if "stages" in parts:
        parts["stages"] = tuple(parts["stages"])
    return CleaningConfig(**parts)


_CLEANING_PARTS: Mapping[str, tuple[Callable[..., Any], dict[str, _Kind]]] = {
    "rate": (RateConfig, _RATE),
    "stuck": (StuckConfig, _STUCK),
    "spike": (SpikeConfig, _SPIKE),
    "smoothing": (SmoothingConfig, _SMOOTHING),
    "deadband": (DeadbandConfig, _DEADBAND),
    "gaps": (GapsConfig, _GAPS),
}


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


def _broker(file: Path, table: dict[str, Any]) -> BrokerConfig:
    fields = _checked(file, "broker", table, _BROKER)
    if "ca" in fields:
        fields["ca"] = (file.parent / Path(fields["ca"]).expanduser()).resolve()
        if not fields.get("tls") or not fields["ca"].is_file():
            raise ConfigError(
                f"{file}: broker.ca = {str(fields['ca'])!r}: expected a file that is there, and tls = true"
            )
    fields["formats"] = tuple(fields.get("formats", ()))
    fields["topics"] = {name: tuple(filters) for name, filters in fields.get("topics", {}).items()}
    return BrokerConfig(**fields)


def _devices(file: Path, tables: list[dict[str, Any]], broker: BrokerConfig | None) -> tuple[DeviceConfig, ...]:
    rows: list[DeviceConfig] = []
    for index, table in enumerate(tables, start=1):
        where = f"{file}: devices[{index}]"
        row = DeviceConfig(**_checked(file, f"devices[{index}]", table, _DEVICE))
        if (row.format, row.id) in [(one.format, one.id) for one in rows]:
            raise ConfigError(f"{where}.id = {row.id!r}: expected a device that no other row has")
        if broker is None or not (broker.topics.get(row.format) or FORMATS[row.format].topics):
            raise ConfigError(f"{where}: expected a table [broker], with topics.{row.format} where the format has none")
        _check_unit(where, row)
        rows.append(row)
    return tuple(rows)


def _check_unit(where: str, row: DeviceConfig) -> None:
    """A unit belongs to a quantity; what a device tells by itself has its unit by its format."""
    if not row.unit:
        return
    if not row.quantity:
        raise ConfigError(f"{where}.unit = {row.unit!r}: expected a quantity beside it")
    try:
        line(row.quantity, row.unit)
    except UnitError as error:
        raise ConfigError(f"{where}.unit: expected {error}") from error


def _attached(file: Path, tables: list[dict[str, Any]]) -> tuple[AttachedConfig, ...]:
    rows: list[AttachedConfig] = []
    for index, table in enumerate(tables, start=1):
        row = AttachedConfig(**_checked(file, f"attached[{index}]", table, _ATTACHED))
        if SENSORS[row.sensor] and not row.pin:
            raise ConfigError(f"{file}: attached[{index}].pin is missing: expected the pin that the {row.sensor} is on")
        if row.node in [one.node for one in rows]:
            raise ConfigError(f"{file}: attached[{index}].node = {row.node!r}: expected a node that no other row has")
        rows.append(row)
    return tuple(rows)


def _places(top: dict[str, Any]) -> dict[str, str]:
    """The site of every node, whatever it is."""
    rows = [*top["devices"], *top["attached"]]
    return {node.id: node.site for node in top["nodes"].values()} | {row.node: row.site for row in rows}


def _rooms(file: Path, tables: list[dict[str, Any]], sites: Mapping[str, str]) -> tuple[RoomConfig, ...]:
    rows: list[RoomConfig] = []
    for index, table in enumerate(tables, start=1):
        where, fields = f"{file}: rooms[{index}]", _checked(file, f"rooms[{index}]", table, _ROOM)
        row = RoomConfig(**{**fields, "nodes": tuple(fields["nodes"])})
        if row.name in sites or row.name in [one.name for one in rows]:
            raise ConfigError(f"{where}.name = {row.name!r}: expected a name that no node and no other room has")
        taken = {node for one in rows for node in one.nodes}
        wrong = [node for node in row.nodes if sites.get(node) != row.site or node in taken]
        if wrong:
            expected = f"nodes at site {row.site} that are in no other room"
            raise ConfigError(f"{where}.nodes: expected {expected}, found {', '.join(wrong)}")
        rows.append(row)
    return tuple(rows)


def _check_places(file: Path, top: dict[str, Any]) -> None:
    """A node is either a board of our own, or a device's or more, or a wired sensor's; and it is at one site."""
    sites: dict[str, str] = {}
    for kind in ("devices", "attached"):
        for index, row in enumerate(top[kind], start=1):
            where = f"{file}: {kind}[{index}].node = {row.node!r}"
            others = [one.node for one in top["devices"]] if kind == "attached" else []
            if row.node in top["nodes"] or row.node in others:
                raise ConfigError(f"{where}: expected a node that [[nodes]] and [[devices]] have not")
            if sites.setdefault(row.node, row.site) != row.site:
                raise ConfigError(f"{where}: expected the site it has elsewhere, {sites[row.node]!r}")
