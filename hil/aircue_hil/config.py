"""The bench's configuration: one TOML file, read once, refused as a whole when a key is unknown or a value wrong.

Errors: ConfigError, naming the file, the key and what is known or expected.
"""

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from aircue_hil import faults, homes, traces
from aircue_hil.faults import Fault
from aircue_hil.radio import Wifi
from aircue_hil.sensors import ADC_MODELS, I2C_MODELS, LINE_MODELS, MODELS, UART_MODELS
from aircue_hil.sensors.model import Glitches

Row = TypeVar("Row")


class ConfigError(ValueError):
    """The bench cannot be built from this file; the message says which key and what is expected."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Simulated time. `start` is the time of day it begins with (naive = UTC); without it the world begins now.

    With `shift_to_now` the world, traces included, is moved by whole days so that `run_s` real seconds of it end just
    before the real now.
    """

    scale: int = 1
    seed: int = 1
    start: datetime | None = None
    shift_to_now: bool = True
    run_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class HomeRow:
    """A simulated home; `season` is a name of homes.SEASONS."""

    season: str = "winter"
    people: int = 2


@dataclass(frozen=True, kw_only=True)
class TraceRow:
    """A replayed file; `layout` is "long" or a name of traces.LAYOUTS."""

    file: Path
    layout: str = traces.LONG
    max_gap_s: int = traces.DEFAULT_MAX_GAP_S


@dataclass(frozen=True, kw_only=True)
class SensorRow:
    """One sensor: on an I2C bus (`bus`, `address`; None = the model's own), on a `pin` or on a `uart`."""

    driver: str
    bus: int = 0
    address: int | None = None
    pin: int | None = None
    uart: int | None = None
    glitches: Glitches = field(default_factory=Glitches)


@dataclass(frozen=True, kw_only=True)
class NodeRow:
    """A board. `air` = "<home or trace>/<room>"; `port` = where its network reaches the gateway (0 = a free one)."""

    id: str
    air: str
    sensors: tuple[SensorRow, ...]
    strobe_pin: int | None = None
    port: int = 0


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Where the access point forwards to."""

    host: str = "127.0.0.1"
    port: int = 1883


@dataclass(frozen=True, kw_only=True)
class Config:
    """`port`: the nodes' line to the bench (0 = a free one); `transactions`: the witness's JSONL file, None = none."""

    nodes: tuple[NodeRow, ...]
    world: World = field(default_factory=World)
    wifi: Wifi = field(default_factory=Wifi)
    gateway: Gateway = field(default_factory=Gateway)
    homes: dict[str, HomeRow] = field(default_factory=dict)
    traces: dict[str, TraceRow] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    port: int = 0
    transactions: Path | None = None


def load(path: Path) -> Config:
    """Paths in the file count from the file's folder."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: no TOML: {error}") from error
    return check(_build(Config, table, where=str(path), folder=path.parent), where=str(path))


def check(config: Config, *, where: str = "configuration") -> Config:
    """The same configuration; ConfigError where its parts do not fit together."""
    if not config.nodes:
        raise ConfigError(f"{where}: nodes is empty; give at least one [[nodes]]")
    _refuse_twice([node.id for node in config.nodes], f"{where}: two nodes are called")
    if config.world.scale < 1:
        raise ConfigError(f"{where}: world.scale is {config.world.scale}, 1 or more is expected")
    if config.traces and config.world.start is None:
        raise ConfigError(f"{where}: world.start is missing; a trace needs the moment in it to begin with")
    for name, home in config.homes.items():
        _one_of(home.season, homes.SEASONS, f"{where}: homes.{name}.season")
    for name, trace in config.traces.items():
        _one_of(trace.layout, traces.LAYOUT_NAMES, f"{where}: traces.{name}.layout")
    for fault in config.faults:
        _check_fault(fault, config, where)
    for node in config.nodes:
        _check_node(node, config, f"{where}: node {node.id}")
    return config


def _check_fault(fault: Fault, config: Config, where: str) -> None:
    _one_of(fault.what, faults.KINDS, f"{where}: faults.what")
    _one_of(fault.clock, faults.CLOCKS, f"{where}: faults.clock")
    _one_of(fault.node, [faults.EVERY_NODE, *(node.id for node in config.nodes)], f"{where}: faults.node")
    if fault.what in faults.ON_NODES:
        _one_of(fault.sensor, [faults.EVERY_SENSOR], f"{where}: faults.sensor of {fault.what}")
        return
    fitted = {
        sensor.driver for node in config.nodes if fault.node in (faults.EVERY_NODE, node.id) for sensor in node.sensors
    }
    able = [driver for driver in fitted if driver in MODELS and fault.what in MODELS[driver].faults]
    if not able:
        raise ConfigError(f"{where}: faults: no sensor of node {fault.node} can have {fault.what}")
    _one_of(fault.sensor, [faults.EVERY_SENSOR, *able], f"{where}: faults.sensor of {fault.what}")


def _check_node(node: NodeRow, config: Config, where: str) -> None:
    _one_of(node.air.partition("/")[0], [*config.homes, *config.traces], f"{where}: air")
    for sensor in node.sensors:
        _one_of(sensor.driver, MODELS, f"{where}: driver")
        if sensor.driver in (*LINE_MODELS, *ADC_MODELS) and sensor.pin is None:
            raise ConfigError(f"{where}: sensor {sensor.driver} needs the key pin")
        if sensor.driver in UART_MODELS and sensor.uart is None:
            raise ConfigError(f"{where}: sensor {sensor.driver} needs the key uart")
        _check_glitches(sensor, where)
    places = [_place(sensor) for sensor in node.sensors]
    _refuse_twice(
        [repr(place) for place in places], f"{where}: two sensors share (bus, line or UART, and address, pin or id)"
    )


def _check_glitches(sensor: SensorRow, where: str) -> None:
    for rate in dataclasses.fields(Glitches):
        chance = getattr(sensor.glitches, rate.name)
        if not 0.0 <= chance <= 1.0:
            raise ConfigError(
                f"{where}: {sensor.driver} glitch {rate.name} is {chance}, a chance of 0 to 1 is expected"
            )
        if chance > 0.0:
            _one_of(rate.name, MODELS[sensor.driver].glitches, f"{where}: {sensor.driver} glitches")


def _place(sensor: SensorRow) -> tuple[str, int | None]:
    if sensor.driver in (*LINE_MODELS, *ADC_MODELS):
        return "line", sensor.pin
    if sensor.driver in UART_MODELS:
        return "UART", sensor.uart
    return f"bus {sensor.bus}", address_of(sensor)


def address_of(sensor: SensorRow) -> int:
    """The I2C address given, or the model's own."""
    return I2C_MODELS[sensor.driver].address if sensor.address is None else sensor.address


def _one_of(found: str, known: typing.Iterable[str], where: str) -> None:
    if found not in known:
        raise ConfigError(f"{where} is {found!r}; known are {', '.join(sorted(known))}")


def _refuse_twice(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{what} {name}; change one of them")


def _build(row: type[Row], table: dict[str, Any], *, where: str, folder: Path) -> Row:
    """A frozen dataclass from a TOML table, by the types of its fields."""
    known = typing.get_type_hints(row)
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key}; known are {', '.join(sorted(known))}")
    given = {key: _value(known[key], cell, f"{where}: {key}", folder) for key, cell in table.items()}
    for one in dataclasses.fields(row):  # type: ignore[arg-type]  # every row is a dataclass
        needed = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        if needed and one.name not in given:
            raise ConfigError(f"{where}: key {one.name} is missing")
    return row(**given)


def _value(kind: Any, cell: Any, where: str, folder: Path) -> Any:
    """`cell` as a field of type `kind` holds it."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _value(inner[0], cell, where, folder)
    if origin is tuple:
        return tuple(_value(inner[0], one, f"{where}[{i}]", folder) for i, one in enumerate(_typed(list, cell, where)))
    if origin is dict:
        return {
            name: _value(inner[1], one, f"{where}.{name}", folder) for name, one in _typed(dict, cell, where).items()
        }
    if dataclasses.is_dataclass(kind):
        return _build(typing.cast("type[Any]", kind), _typed(dict, cell, where), where=where, folder=folder)
    if kind is Path:
        return folder / _typed(str, cell, where)
    if kind is float and type(cell) is int:
        return float(cell)
    return _aware(_typed(kind, cell, where))


def _typed(kind: type[Any], cell: Any, where: str) -> Any:
    if type(cell) is not kind:
        raise ConfigError(f"{where} is {cell!r}, a {kind.__name__} is expected")
    return cell


def _aware(cell: Any) -> Any:
    return cell.replace(tzinfo=UTC) if isinstance(cell, datetime) and cell.tzinfo is None else cell
