"""Tasmota: tele/<topic>/SENSOR, a JSON object with a block for each sensor (tasmota.github.io/docs/MQTT).

The full topic may be set otherwise, as long as its last level is SENSOR. "Time" is the device's local time without an
offset and says no moment; an "Epoch" beside it, or a number in its place, does.
"""

from typing import Any

from aircue_gateway.payloads.reading import Collected, Decoded, Fields, fields_of, moment_ms

TOPICS = ("tele/+/SENSOR",)
_PREFIX = "tele"
_NOT_AIR = ("ESP32", "ENERGY")  # the chip's own temperature; a plug's
_FIELDS = {
    "Temperature": "temperature",
    "Humidity": "humidity",
    "CarbonDioxide": "co2",
    "Pressure": "pressure",
    "PM1": "pm1",
    "PM2.5": "pm25",
    "PM10": "pm10",
}
_UNITS = {"temperature": "C", "humidity": "%", "pressure": "hPa", "co2": "ppm"}
_TEMPERATURE_UNITS = ("C", "F")


def decode(topic: str, payload: bytes, _now_ms: int) -> Decoded:
    """Readings of <topic>, each with its block as part: SCD40, BME280, DS18B20-2 ..."""
    fields = fields_of(topic, payload)
    collected = Collected(topic, device_of(topic))
    units = _units(fields, collected)
    at_ms = moment_ms(fields.get("Epoch", fields.get("Time")))
    for block, values in fields.items():
        if isinstance(values, dict) and block not in _NOT_AIR:
            _block(block, values, units, at_ms, collected)
    return collected.decoded()


def device_of(topic: str) -> str:
    levels = topic.split("/")[:-1]
    return "/".join(level for level in levels if level != _PREFIX)


def _units(fields: Fields, collected: Collected) -> dict[str, str]:
    """What the device states; a unit that is none makes its values refused, each by name."""
    stated = fields.get("TempUnit", "C")
    if stated not in _TEMPERATURE_UNITS:
        collected.refuse("TempUnit", f"C or F, found {stated!r}")
        stated = "unknown"
    return {**_UNITS, "temperature": stated, "pressure": str(fields.get("PressureUnit", "hPa"))}


def _block(block: str, values: dict[str, Any], units: dict[str, str], at_ms: int | None, collected: Collected) -> None:
    for field, quantity in _FIELDS.items():
        if field in values:
            unit = units.get(quantity, "ug/m3")
            collected.take(f"{block}.{field}", quantity, values[field], unit, block, at_ms)
