"""Zigbee2MQTT: <base>/<friendly name>, a JSON object of what the device exposes (www.zigbee2mqtt.io, MQTT topics).

A friendly name may hold slashes; the base is one level. last_seen, where it is switched on (ISO 8601 or epoch ms), is
the time of the reading. With `output: attribute` every value has a topic of its own below the name.
"""

from typing import Any

from aircue_gateway.payloads.reading import Collected, Decoded, Fields, fields_of, moment_ms, parsed

TOPICS = ("zigbee2mqtt/#",)
_BRIDGE = "bridge"
_NOT_STATE = ("availability", "set", "get")
_FIELDS = {
    "temperature": ("temperature", "Cel"),
    "humidity": ("humidity", "%"),
    "pressure": ("pressure", "hPa"),
    "co2": ("co2", "ppm"),
    "pm1": ("pm1", "ug/m3"),
    "pm25": ("pm25", "ug/m3"),
    "pm10": ("pm10", "ug/m3"),
    "voc_index": ("voc_index", "1"),
}


def decode(topic: str, payload: bytes, _now_ms: int) -> Decoded:
    """Readings of <friendly name>. A device's availability, requests to it and the bridge's own messages have none."""
    levels = topic.split("/")[1:]
    if not levels or not payload or levels[0] == _BRIDGE or _NOT_STATE[0] in levels or _is_request(levels):
        return Decoded()
    if len(levels) > 1 and payload[:1] != b"{":
        return _attribute(topic, "/".join(levels[:-1]), levels[-1], payload)
    fields = fields_of(topic, payload)
    return _state(topic, "/".join(levels), fields)


def _is_request(levels: list[str]) -> bool:
    """<name>/set, <name>/get, and both with an attribute behind."""
    return bool({*levels[1:]} & {*_NOT_STATE[1:]})


def _state(topic: str, device: str, fields: Fields) -> Decoded:
    collected = Collected(topic, device)
    at_ms = _seen_ms(fields)
    for field, (quantity, unit) in _FIELDS.items():
        if field in fields:
            collected.take(field, quantity, fields[field], unit, at_ms=at_ms)
    return collected.decoded()


def _seen_ms(fields: Fields) -> int | None:
    seen: Any = fields.get("last_seen")
    return moment_ms(seen / 1000 if type(seen) in (int, float) else seen)


def _attribute(topic: str, device: str, field: str, payload: bytes) -> Decoded:
    if field not in _FIELDS:
        return Decoded()
    return _state(topic, device, {field: parsed(topic, payload)})
