"""Winsen MH-Z19B / MH-Z19C: CO2 over a UART of 9600 baud (datasheet MH-Z19B version 1.6, "UART output").

The byte that many take for a temperature is not in the datasheet and tells the warmth of the part itself; it is not
published.
"""

from aircue_node.sensors.errors import ChecksumError, RangeError
from aircue_node.sensors.serial import Asked, Line

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import SleepMs, Uart

READ_CO2 = b"\xff\x01\x86\x00\x00\x00\x00\x00\x79"
HEAD = b"\xff\x86"
SIZE = 9
WARM_UP_MS = 180000
_CO2_LARGEST = 10000


def is_sound(frame: bytes) -> bool:
    """The last byte is the two's complement of the sum of those between the first and it."""
    return sum(frame[1:]) & 0xFF == 0


def decode(frame: bytes) -> list[int]:
    """[ppm] from the nine bytes of an answer."""
    if not is_sound(frame):
        raise ChecksumError("wrong checksum")
    co2 = frame[2] << 8 | frame[3]
    if co2 > _CO2_LARGEST:
        raise RangeError("co2 over 10000 ppm")
    return [co2]


class Mhz19(Asked):
    """Not believed for the first three minutes (datasheet: preheat time)."""

    name = "mhz19"
    channels = (("co2", "ppm", 1),)
    request = READ_CO2
    warm_up_ms = WARM_UP_MS

    def __init__(self, open_uart: "Callable[[], Uart]", sleep_ms: "SleepMs", uptime_ms: "Callable[[], int]") -> None:
        super().__init__(Line(open_uart, sleep_ms, HEAD, SIZE, is_sound), uptime_ms)

    def decode(self, frame: bytes) -> list[int]:
        return decode(frame)
