"""SenML (RFC 8428), as JSON or CBOR: records with base names, times, units and values, resolved.

The name tells the quantity by its last word (`.../temperature`, `...:rh`), else the unit does where only one quantity
has it (Cel, %RH, hPa); ppm or an index alone tells none. Sums (s) are integrals over time, no readings.
"""

import math
import re
from typing import Any, NamedTuple

from aircue_gateway.payloads import cbor
from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.payloads.reading import Decoded, Reading, converted, number, parsed, shown

TOPICS = ()  # the standard fixes none: the configuration names them
_VERSION = 10  # 4.4
_RELATIVE_BELOW_S = 2**28  # 4.5.3
_LATEST_S = 2**40
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")  # 4.5.1
_LABELS = {-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs"}
_LABELS |= {0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd"}  # 6, table 4
_KNOWN = frozenset(_LABELS.values())
_WORDS = {
    "temperature": "temperature",
    "temp": "temperature",
    "humidity": "humidity",
    "hum": "humidity",
    "rh": "humidity",
    "co2": "co2",
    "pressure": "pressure",
    "pm1": "pm1",
    "pm25": "pm25",
    "pm2.5": "pm25",
    "pm10": "pm10",
    "voc_index": "voc_index",
    "gas_ratio": "gas_ratio",
}
_BY_UNIT = {"Cel": "temperature", "%RH": "humidity", "hPa": "pressure"}
_UNIT_OF_NONE = {"temperature": "Cel", "humidity": "%RH", "co2": "ppm", "pressure": "hPa"}


class _Base(NamedTuple):
    """What the records so far set for those behind them (4.1)."""

    name: str = ""
    time: float = 0.0
    unit: str = ""
    value: float = 0.0


def decode(topic: str, payload: bytes, now_ms: int) -> Decoded:
    """A reading for each record with a number; device: the name before the quantity's word, or the whole name."""
    pack = _pack(topic, payload)
    readings: list[Reading] = []
    faults: list[PayloadError] = []
    base = _Base()
    for index, record in enumerate(pack):
        where = f"[{index}]"
        base = _based(topic, where, record, base)
        try:
            reading = _resolved(topic, where, record, base, now_ms)
        except PayloadError as error:
            faults.append(error)
            continue
        if reading is not None:
            readings.append(reading)
    return Decoded(tuple(readings), tuple(faults))


def _pack(topic: str, payload: bytes) -> list[dict[str, Any]]:
    """The records with their JSON labels. A label that ends in _ and is unknown forbids to go on (12.3.1)."""
    found = parsed(topic, payload) if payload.lstrip()[:1] in (b"[", b"{") else _from_cbor(topic, payload)
    if not isinstance(found, list) or not found or not all(isinstance(record, dict) for record in found):
        raise PayloadError(topic, "payload", f"a list of SenML records, found {shown(found)}")
    named = [{_LABELS.get(label, label): value for label, value in record.items()} for record in found]
    for index, record in enumerate(named):
        for label in record:
            if str(label).endswith("_") and label not in _KNOWN:
                raise PayloadError(topic, f"[{index}].{label}", "no field that has to be understood and is unknown")
    return named


def _from_cbor(topic: str, payload: bytes) -> Any:
    try:
        return cbor.decode(payload)
    except cbor.CborError as error:
        raise PayloadError(topic, "payload", f"SenML in JSON or CBOR: {error}") from None


def _based(topic: str, where: str, record: dict[str, Any], base: _Base) -> _Base:
    """A base field that cannot be read spoils every record behind it, so it spoils the pack."""
    version = record.get("bver", _VERSION)
    if type(version) is not int or version > _VERSION:
        raise PayloadError(topic, f"{where}.bver", f"version {_VERSION} at most, found {shown(version)}")
    name, unit = record.get("bn", base.name), record.get("bu", base.unit)
    if type(name) is not str or type(unit) is not str:
        raise PayloadError(topic, f"{where}.bn", "texts in bn and bu")
    time = _seconds(topic, f"{where}.bt", record.get("bt", base.time))
    return _Base(name, time, unit, number(topic, f"{where}.bv", record.get("bv", base.value)))


def _resolved(topic: str, where: str, record: dict[str, Any], base: _Base, now_ms: int) -> Reading | None:
    if "v" not in record:
        return None
    name = base.name + _text(topic, f"{where}.n", record.get("n", ""))
    if not _NAME.fullmatch(name):
        raise PayloadError(topic, f"{where}.n", f"a name of letters, digits and -:./_, found {shown(name)}")
    unit = _text(topic, f"{where}.u", record.get("u", base.unit))
    device, quantity = _told(name, unit)
    if not quantity:
        return None
    value = base.value + number(topic, f"{where}.v", record["v"])
    value = converted(topic, f"{where}.u", quantity, value, unit or _UNIT_OF_NONE.get(quantity, ""))
    at_ms = _moment_ms(base.time + _seconds(topic, f"{where}.t", record.get("t", 0)), now_ms)
    return Reading(device, "", quantity, value, at_ms)


def _told(name: str, unit: str) -> tuple[str, str]:
    """(device, quantity)."""
    device, mark, word = _last_word(name)
    if mark and word.lower() in _WORDS:
        return device, _WORDS[word.lower()]
    return name, _BY_UNIT.get(unit, "")


def _last_word(name: str) -> tuple[str, str, str]:
    """At the last of / : - and _, where what follows is a quantity's word; voc_index holds an _ itself."""
    for mark in re.finditer(r"[/:\-_]", name):
        if name[mark.end() :].lower() in _WORDS:
            return name[: mark.start()], mark.group(), name[mark.end() :]
    return name, "", ""


def _text(topic: str, field: str, value: Any) -> str:
    if type(value) is not str:
        raise PayloadError(topic, field, f"a text, found {shown(value)}")
    return value


def _seconds(topic: str, field: str, value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) < _LATEST_S:
        raise PayloadError(topic, field, f"a time in seconds, found {shown(value)}")
    return float(value)


def _moment_ms(seconds: float, now_ms: int) -> int | None:
    """Times under 2^28 count from now on; 0 is now, which the receiver knows better."""
    if seconds >= _RELATIVE_BELOW_S:
        return round(seconds * 1000)
    return None if math.isclose(seconds, 0.0, abs_tol=1e-9) else now_ms + round(seconds * 1000)
