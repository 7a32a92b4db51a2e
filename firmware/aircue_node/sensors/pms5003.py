"""Plantower PMS5003 and PMS7003: fine dust over a UART of 9600 baud (data manual PMS5003 version 2.3, appendix I)."""

from aircue_node.sensors.errors import ChecksumError, RangeError
from aircue_node.sensors.serial import Asked, Line

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import SleepMs, Uart

WAKE = b"\x42\x4d\xe4\x00\x01\x01\x74"
PASSIVE = b"\x42\x4d\xe1\x00\x00\x01\x70"
READ = b"\x42\x4d\xe2\x00\x00\x01\x71"
# The length is part of the head: answers to commands are shorter frames.
HEAD = b"\x42\x4d\x00\x1c"
SIZE = 32
WARM_UP_MS = 30000
# Where the fourth to the sixth of the 13 words lie: PM1, PM2.5 and PM10 under atmospheric conditions.
_AT = (10, 12, 14)
_CHANNELS = (("pm1", "ug/m3", 10), ("pm25", "ug/m3", 10), ("pm10", "ug/m3", 10))
_LARGEST = 1000


def is_sound(frame: bytes) -> bool:
    """The last word is the sum of the 30 bytes before it."""
    return sum(frame[:30]) == frame[30] << 8 | frame[31]


def decode(frame: bytes) -> list[int]:
    """Tenths of a ug/m3 of PM1, PM2.5 and PM10 from the 32 bytes of a measurement."""
    if not is_sound(frame):
        raise ChecksumError("wrong checksum")
    values = []
    for at in _AT:
        dust = frame[at] << 8 | frame[at + 1]
        if dust > _LARGEST:
            raise RangeError("dust over 1000 ug/m3")
        values.append(dust * 10)
    return values


class Pms5003(Asked):
    """Asked in passive mode; the fan must have run for 30 s (data manual, circuit attention 5)."""

    name = "pms5003"
    channels = _CHANNELS
    setup = (WAKE, PASSIVE)
    request = READ
    warm_up_ms = WARM_UP_MS

    def __init__(self, open_uart: "Callable[[], Uart]", sleep_ms: "SleepMs", uptime_ms: "Callable[[], int]") -> None:
        super().__init__(Line(open_uart, sleep_ms, HEAD, SIZE, is_sound), uptime_ms)

    def decode(self, frame: bytes) -> list[int]:
        return decode(frame)


class Pms7003(Pms5003):
    """The same frames from a flatter part."""

    name = "pms7003"
