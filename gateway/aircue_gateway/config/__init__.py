"""The gateway's configuration: one TOML file, read once, checked key by key; a file here for each section.

Errors: ConfigError, naming the file, the key, the value, what was expected and which keys exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aircue_gateway.config import (
    attached,
    broker,
    cleaning,
    devices,
    listener,
    nodes,
    rooms,
    serial,
    spool,
    status,
    uplink,
)
from aircue_gateway.config.attached import SENSORS, AttachedConfig
from aircue_gateway.config.broker import BrokerConfig
from aircue_gateway.config.checks import (
    NAME,
    TABLE,
    ConfigError,
    Kind,
    checked,
    is_table,
    is_tables,
    is_text,
    parsed,
    path_from,
)
from aircue_gateway.config.cleaning import (
    SMOOTHING,
    STAGES,
    SURFACES,
    CleaningConfig,
    DeadbandConfig,
    GapsConfig,
    RateConfig,
    SmoothingConfig,
    SpikeConfig,
    StuckConfig,
)
from aircue_gateway.config.devices import DeviceConfig
from aircue_gateway.config.listener import ListenerConfig, TlsConfig
from aircue_gateway.config.nodes import Node, Watcher
from aircue_gateway.config.rooms import RoomConfig
from aircue_gateway.config.serial import SerialConfig
from aircue_gateway.config.spool import SpoolConfig
from aircue_gateway.config.status import StatusConfig
from aircue_gateway.config.uplink import UplinkConfig

__all__ = [
    "SENSORS",
    "SMOOTHING",
    "STAGES",
    "SURFACES",
    "AttachedConfig",
    "BrokerConfig",
    "CleaningConfig",
    "Config",
    "ConfigError",
    "DeadbandConfig",
    "DeviceConfig",
    "GapsConfig",
    "ListenerConfig",
    "Node",
    "RateConfig",
    "RoomConfig",
    "SerialConfig",
    "SmoothingConfig",
    "SpikeConfig",
    "SpoolConfig",
    "StatusConfig",
    "StuckConfig",
    "TlsConfig",
    "UplinkConfig",
    "Watcher",
    "load",
    "load_cleaning",
]


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


_TOP = {
    "name": NAME,
    "data_dir": Kind(expected="the path of a folder", accepts=is_text, required=True),
    "listener": TABLE,
    "uplink": Kind(expected="a table", accepts=is_table, required=True),
    "cleaning": TABLE,
    "status": TABLE,
    "spool": TABLE,
    "nodes": Kind(expected="tables, each under [[nodes]]", accepts=is_tables),
    "watchers": Kind(expected="tables, each under [[watchers]]", accepts=is_tables),
    "serial": Kind(expected="tables, each under [[serial]]", accepts=is_tables),
    "broker": TABLE,
    "devices": Kind(expected="tables, each under [[devices]]", accepts=is_tables),
    "attached": Kind(expected="tables, each under [[attached]]", accepts=is_tables),
    "rooms": Kind(expected="tables, each under [[rooms]]", accepts=is_tables),
}


def load(file: Path) -> Config:
    """The configuration in a file. A relative data_dir starts at the file's own folder."""
    top = checked(file, "", parsed(file), _TOP)
    top["data_dir"] = path_from(file, top["data_dir"])
    top["uplink"] = uplink.read(file, top["uplink"])
    top["listener"] = listener.read(file, top.get("listener", {}))
    top["cleaning"] = cleaning.read(file, top.get("cleaning", {}))
    top["status"] = status.read(file, top.get("status", {}))
    top["spool"] = spool.read(file, top.get("spool", {}))
    top["nodes"] = nodes.read_nodes(file, top.get("nodes", []))
    top["watchers"] = nodes.read_watchers(file, top.get("watchers", []), top["nodes"])
    top["serial"] = serial.read(file, top.get("serial", []), top["nodes"])
    top["broker"] = broker.read(file, top["broker"]) if "broker" in top else None
    top["devices"] = devices.read(file, top.get("devices", []), top["broker"])
    top["attached"] = attached.read(file, top.get("attached", []))
    _check_places(file, top)
    top["rooms"] = rooms.read(file, top.get("rooms", []), _places(top))
    return Config(file=file, **top)


def load_cleaning(file: Path) -> CleaningConfig:
    """[cleaning] of a file, whatever else the file holds or lacks."""
    return cleaning.read(file, parsed(file).get("cleaning", {}))


def _places(top: dict[str, Any]) -> dict[str, str]:
    """The site of every node, whatever it is."""
    rows = [*top["devices"], *top["attached"]]
    return {node.id: node.site for node in top["nodes"].values()} | {row.node: row.site for row in rows}


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
