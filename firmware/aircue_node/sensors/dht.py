"""Aosong DHT22 / AM2302: temperature and humidity over one wire (datasheet AM2302, section 7).

The 40 bits come in through the port's own dht_readinto, which times the pulses.
"""

from aircue_node.sensors.errors import ChecksumError, MissingError, RangeError

MYPY = False
if MYPY:
    from collections.abc import Callable


def decode_dht22(frame: bytes | bytearray) -> list[int]:
    """[hundredths of a degree Celsius, hundredths of a percent] from the five bytes of a frame.

    Clones send negatives in three ways: sign and magnitude (80 65 = -10.1), 16-bit two's complement (FF E9 = -2.3) and
    12-bit two's complement (0F F8 = -0.8); within -40 to 80 degrees one rule reads all of them.
    """
    if (frame[0] + frame[1] + frame[2] + frame[3]) & 0xFF != frame[4]:
        raise ChecksumError("wrong checksum: check the length of its cable and the pull-up")
    humidity = frame[0] << 8 | frame[1]
    temperature = _signed(frame[2] << 8 | frame[3])
    if humidity > 1000 or temperature < -400 or temperature > 800:
        raise RangeError("outside 0 to 100 % or -40 to 80 degrees")
    return [temperature * 10, humidity * 10]


def _signed(word: int) -> int:
    if word & 0x8000:
        return word - 0x10000 if word & 0x4000 else -(word & 0x7FFF)
    return word - 0x1000 if word & 0x0800 else word


class Dht22:
    """read() gives what the sensor measured at the read before (datasheet 7.2); reads must be 2 s apart."""

    name = "dht22"
    channels = (("temperature", "Cel", 100), ("humidity", "%RH", 100))

    def __init__(self, pin: object, read_into: "Callable[[object, bytearray], None]") -> None:
        self._pin = pin
        self._read_into = read_into
        self._frame = bytearray(5)

    async def read(self) -> list[int]:
        try:
            self._read_into(self._pin, self._frame)
        except OSError:
            raise MissingError("no answer on the pin: check its power, the pin and the pull-up")
        return decode_dht22(self._frame)
