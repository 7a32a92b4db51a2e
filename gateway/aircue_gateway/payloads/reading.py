"""What every foreign format is decoded to, and the checks they share. Pure: no clock, no I/O.

A decoder takes (topic, payload, now_ms) and gives a Decoded. Fields it does not know are passed over; a known one with
an impossible type or unit is a fault, and costs no other reading of its message. A message that cannot be read at all
is a PayloadError. null stands for "not measured" and is none of the two.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.units import UnitError, canonical

_LARGEST = 1_000_000.0  # in a canonical unit; times the largest scale still a 31-bit integer
_LATEST_S = 2**40
_SHOWN = 60


class Reading(NamedTuple):
    """One value of one device. part: which of the device's sensors, "" where it has one place alone. quantity: "" where
    only the configuration can tell it; value in the contract's unit, or as it came where the quantity is "". at_ms:
    the device's own time in ms since the epoch, None where it told none."""

    device: str
    part: str
    quantity: str
    value: float
    at_ms: int | None = None


class Decoded(NamedTuple):
    """faults: what was refused in this message. once: not empty where the device repeats a message on purpose; the
    same bytes again from the same device are the same measurement."""

    readings: tuple[Reading, ...] = ()
    faults: tuple[PayloadError, ...] = ()
    once: bytes = b""


Decode = Callable[[str, bytes, int], Decoded]
Fields = dict[str, Any]


class Collected:
    """The readings and faults of one message so far."""

    def __init__(self, topic: str, device: str) -> None:
        self._topic = topic
        self._device = device
        self._readings: list[Reading] = []
        self._faults: list[PayloadError] = []

    def take(self, field: str, quantity: str, value: Any, unit: str, part: str = "", at_ms: int | None = None) -> None:
        """A value under a known field; null is passed over."""
        if value is None:
            return
        try:
            measured = converted(self._topic, field, quantity, number(self._topic, field, value), unit)
        except PayloadError as error:
            self._faults.append(error)
            return
        self._readings.append(Reading(self._device, part, quantity, measured, at_ms))

    def refuse(self, field: str, expected: str) -> None:
        self._faults.append(PayloadError(self._topic, field, expected))

    def decoded(self, once: bytes = b"") -> Decoded:
        return Decoded(tuple(self._readings), tuple(self._faults), once)


def fields_of(topic: str, payload: bytes) -> Fields:
    """The JSON object that a payload is."""
    found = parsed(topic, payload)
    if not isinstance(found, dict):
        raise PayloadError(topic, "payload", f"a JSON object, found {shown(found)}")
    return found


def parsed(topic: str, payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        raise PayloadError(topic, "payload", f"JSON, found {shown(payload)}") from None


def number(topic: str, field: str, value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) <= _LARGEST:
        raise PayloadError(topic, field, f"a number within +-{_LARGEST:.0f}, found {shown(value)}")
    return float(value)


def converted(topic: str, field: str, quantity: str, value: float, unit: str) -> float:
    try:
        found = canonical(quantity, value, unit)
    except UnitError as error:
        raise PayloadError(topic, field, str(error)) from None
    return number(topic, field, found)


def moment_ms(value: Any) -> int | None:
    """ms since the epoch from an ISO 8601 text with its offset, or a number of seconds; None for anything else: a local
    time without an offset says no moment."""
    if type(value) is str:
        return _iso_ms(value)
    if type(value) not in (int, float) or not 0 < value < _LATEST_S:
        return None
    return round(float(value) * 1000)


def _iso_ms(text: str) -> int | None:
    try:
        found = datetime.fromisoformat(text)
        return None if found.tzinfo is None else round(found.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
