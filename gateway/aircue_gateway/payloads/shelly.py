"""Shelly, second generation and later: <prefix>/events/rpc and <prefix>/status/<component>:<id>, JSON objects
(shelly-api-docs.shelly.cloud, Gen2+: Notifications, Temperature, Humidity).

Only the components temperature and humidity are readings of the air; the temperature inside a switch is the switch's.
A notification carries what changed, with its time (ts, Unix seconds); a status topic carries no time.
"""

from typing import Any

from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.payloads.reading import Collected, Decoded, Fields, fields_of, moment_ms

TOPICS = ("+/events/rpc",)
_EVENTS = "/events/rpc"
_STATUS = "/status/"
_METHODS = ("NotifyStatus", "NotifyFullStatus")
_COMPONENTS = {"temperature": ("tC", "temperature", "Cel"), "humidity": ("rh", "humidity", "%")}


def decode(topic: str, payload: bytes, _now_ms: int) -> Decoded:
    """Readings of <prefix>, each with the component's id as part: 0 is the device's own, 100 and up an add-on's."""
    if topic.endswith(_EVENTS):
        return _notification(topic, topic.removesuffix(_EVENTS), fields_of(topic, payload))
    device, status, component = topic.partition(_STATUS)
    if not status or _kind(component) not in _COMPONENTS:
        return Decoded()
    return _statuses(topic, device, {component: fields_of(topic, payload)}, None)


def _notification(topic: str, device: str, frame: Fields) -> Decoded:
    if frame.get("method") not in _METHODS:
        return Decoded()
    params = frame.get("params")
    if not isinstance(params, dict):
        raise PayloadError(topic, "params", "an object")
    return _statuses(topic, device, params, moment_ms(params.get("ts")))


def _statuses(topic: str, device: str, statuses: dict[str, Any], at_ms: int | None) -> Decoded:
    """A status that went away is null; a value that the sensor has not is null as well."""
    collected = Collected(topic, device)
    for component, status in statuses.items():
        row = _COMPONENTS.get(_kind(component))
        if row is None or status is None:
            continue
        if not isinstance(status, dict):
            collected.refuse(component, "an object")
            continue
        field, quantity, unit = row
        part = component.partition(":")[2]
        collected.take(f"{component}.{field}", quantity, status.get(field), unit, part, at_ms)
    return collected.decoded()


def _kind(component: str) -> str:
    return component.partition(":")[0]
