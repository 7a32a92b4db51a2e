"""[[attached]]: sensors wired to this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import NAME, ConfigError, Kind, checked, is_among, is_text, number, whole

# What can be wired to this machine: whether it hangs on a pin; on an I2C bus otherwise.
SENSORS = {"dht11": True, "dht22": True, "sht4x": False, "scd4x": False}


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


_ATTACHED = {
    "sensor": Kind(expected=f"one of {', '.join(SENSORS)}", accepts=is_among(SENSORS), required=True),
    "node": NAME,
    "site": NAME,
    "pin": Kind(expected="a pin's name, as D4", accepts=is_text),
    "bus": Kind(expected="the path of an I2C device", accepts=is_text),
    "address": whole(0x08, 0x77),
    "interval_s": number(2, 86_400),
}


def read(file: Path, tables: list[dict[str, Any]]) -> tuple[AttachedConfig, ...]:
    rows: list[AttachedConfig] = []
    for index, table in enumerate(tables, start=1):
        row = AttachedConfig(**checked(file, f"attached[{index}]", table, _ATTACHED))
        if SENSORS[row.sensor] and not row.pin:
            raise ConfigError(f"{file}: attached[{index}].pin is missing: expected the pin that the {row.sensor} is on")
        if row.node in [one.node for one in rows]:
            raise ConfigError(f"{file}: attached[{index}].node = {row.node!r}: expected a node that no other row has")
        rows.append(row)
    return tuple(rows)
