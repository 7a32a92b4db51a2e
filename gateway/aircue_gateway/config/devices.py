"""[[devices]]: other makers' devices."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.config.broker import BrokerConfig
from aircue_gateway.config.checks import NAME, ConfigError, Kind, checked, is_among, is_text
from aircue_gateway.payloads.formats import FORMATS
from aircue_gateway.quantities import LIMITS
from aircue_gateway.units import UnitError, line


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


_DEVICE = {
    "format": Kind(expected=f"one of {', '.join(FORMATS)}", accepts=is_among(FORMATS), required=True),
    "id": Kind(expected="the device's id as `aircue-gateway status` shows it", accepts=is_text, required=True),
    "node": NAME,
    "site": NAME,
    "quantity": Kind(expected=f"one of {', '.join(LIMITS)}", accepts=is_among(LIMITS)),
    "unit": Kind(expected="a unit, as °F", accepts=is_text),
}


def read(file: Path, tables: list[dict[str, Any]], broker: BrokerConfig | None) -> tuple[DeviceConfig, ...]:
    rows: list[DeviceConfig] = []
    for index, table in enumerate(tables, start=1):
        where = f"{file}: devices[{index}]"
        row = DeviceConfig(**checked(file, f"devices[{index}]", table, _DEVICE))
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
