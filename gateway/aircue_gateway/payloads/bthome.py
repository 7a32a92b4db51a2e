"""BTHome version 2: service data of Bluetooth advertisements under UUID 0xFCD2 (bthome.io/format), and the JSON in
which OpenMQTTGateway and Theengs Gateway bring them.

Service data: a byte of flags (bit 0 encrypted, bit 1 a MAC follows, bits 5 to 7 the version), then objects of an id and
little-endian bytes whose length the id fixes. Encrypted advertisements are refused: no AES-CCM is at hand here.
"""

from typing import Any, NamedTuple

from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.payloads.reading import Collected, Decoded, Fields, fields_of, shown

TOPICS = ("home/+/BTtoMQTT/+", "home/+/undecoded/+")
_UUID = "fcd2"
_LONG_UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
_VERSION = 2
_ENCRYPTED, _HAS_MAC = 1, 2
_MAC_SIZE = 6
_PACKET_ID = 0x00
_COUNTED = (0x53, 0x54)  # text and raw: their length follows the id
_COMMAND = 0x3B  # the five low bits of the byte after the id count what follows the opcode


class Measured(NamedTuple):
    """An object whose value is a reading: `size` bytes, signed or not, times numerator / denominator, in `unit`."""

    quantity: str
    unit: str
    size: int
    signed: bool
    numerator: int
    denominator: int


_MEASURED = {
    0x02: Measured("temperature", "Cel", 2, True, 1, 100),
    0x03: Measured("humidity", "%", 2, False, 1, 100),
    0x04: Measured("pressure", "hPa", 3, False, 1, 100),
    0x0D: Measured("pm25", "ug/m3", 2, False, 1, 1),
    0x0E: Measured("pm10", "ug/m3", 2, False, 1, 1),
    0x12: Measured("co2", "ppm", 2, False, 1, 1),
    0x2E: Measured("humidity", "%", 1, False, 1, 1),
    0x45: Measured("temperature", "Cel", 2, True, 1, 10),
    0x57: Measured("temperature", "Cel", 1, True, 1, 1),
    0x58: Measured("temperature", "Cel", 1, True, 35, 100),
}
# Sizes of all other objects, so that what comes behind them can be found.
_SIZES = {
    **dict.fromkeys((0x00, 0x01, 0x09, *range(0x0F, 0x12), *range(0x15, 0x2E), 0x2F, 0x3A, 0x46, 0x59, 0x60), 1),
    **dict.fromkeys((0x64, 0x65), 1),
    **dict.fromkeys((0x06, 0x07, 0x08, 0x0C, 0x13, 0x14, 0x3C, 0x3D, 0x3F, 0x40, 0x41, 0x43, 0x44, 0x47), 2),
    **dict.fromkeys((0x48, 0x49, 0x4A, 0x51, 0x52, 0x56, 0x5A, 0x5D, 0x5E, 0x5F, 0x61, 0xF0), 2),
    **dict.fromkeys((0x05, 0x0A, 0x0B, 0x42, 0x4B, 0xF2), 3),
    **dict.fromkeys((0x3E, *range(0x4C, 0x51), 0x55, 0x5B, 0x5C, 0x62, 0x63, 0xF1), 4),
    **{ident: row.size for ident, row in _MEASURED.items()},
}
# What a bridge calls the values of a device whose advertisement it decodes itself.
_DECODED = {"tempc": ("temperature", "Cel"), "hum": ("humidity", "%"), "co2": ("co2", "ppm")}


def decode(topic: str, payload: bytes, _now_ms: int) -> Decoded:
    """Readings of the device whose MAC is the message's id, as a bridge brings them."""
    fields = fields_of(topic, payload)
    device = fields.get("id")
    if type(device) is not str:
        raise PayloadError(topic, "id", f"the device's MAC as text, found {shown(device)}")
    if _is_bthome(fields):
        return decode_service_data(topic, device.upper(), _bytes(topic, fields.get("servicedata")))
    return _by_the_bridge(topic, device.upper(), fields)


def _is_bthome(fields: Fields) -> bool:
    stated = str(fields.get("servicedatauuid", "")).lower().removeprefix("0x")
    return "servicedata" in fields and stated in (_UUID, _LONG_UUID)


def _bytes(topic: str, stated: Any) -> bytes:
    try:
        return bytes.fromhex(stated)
    except (ValueError, TypeError):
        raise PayloadError(topic, "servicedata", f"hexadecimal digits, found {shown(stated)}") from None


def _by_the_bridge(topic: str, device: str, fields: Fields) -> Decoded:
    collected = Collected(topic, device)
    for field, (quantity, unit) in _DECODED.items():
        if field in fields:
            collected.take(field, quantity, fields[field], unit)
    return collected.decoded()


def decode_service_data(topic: str, device: str, data: bytes) -> Decoded:
    """Readings in the service data. A quantity that a device tells twice has the parts "", "2", "3" ..."""
    flags = data[0] if data else 0
    _check(topic, data, flags)
    at = 1 + (_MAC_SIZE if flags & _HAS_MAC else 0)
    collected, counted, numbered = Collected(topic, device), dict[str, int](), False
    while at < len(data):
        ident = data[at]
        size, skipped = _size(data, at)
        value = data[at + skipped : at + skipped + size] if size is not None else b""
        if size is None or len(value) < size:
            collected.refuse("servicedata", f"objects of BTHome v2 to the end, found 0x{ident:02x} at byte {at}")
            break
        numbered = numbered or ident == _PACKET_ID
        _object(ident, value, counted, collected)
        at += skipped + size
    return collected.decoded(once=data if numbered else b"")


def _check(topic: str, data: bytes, flags: int) -> None:
    if not data or flags >> 5 != _VERSION:
        raise PayloadError(topic, "servicedata", f"BTHome version {_VERSION}, found {shown(data[:1].hex())}")
    if flags & _ENCRYPTED:
        expected = "an advertisement without encryption, this one is encrypted: switch the bind key off on the device"
        raise PayloadError(topic, "servicedata", expected)


def _size(data: bytes, at: int) -> tuple[int | None, int]:
    """(bytes of the object's value or None where the id is unknown, bytes before it)."""
    ident, rest = data[at], data[at + 1 : at + 2]
    if ident in _COUNTED or ident == _COMMAND:
        if not rest:
            return None, 1
        return (rest[0] if ident in _COUNTED else 1 + (rest[0] & 31)), 2
    return _SIZES.get(ident), 1


def _object(ident: int, value: bytes, counted: dict[str, int], collected: Collected) -> None:
    row = _MEASURED.get(ident)
    if row is None:
        return
    number = counted[row.quantity] = counted.get(row.quantity, 0) + 1
    whole = int.from_bytes(value, "little", signed=row.signed)
    part = "" if number == 1 else str(number)
    collected.take(f"0x{ident:02x}", row.quantity, whole * row.numerator / row.denominator, row.unit, part)
