"""Aosong DHT22 / AM2302 and DHT11: temperature and humidity over one wire (datasheets AM2302, section 7; DHT11 1.3).

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
    _check(frame)
    humidity = frame[0] << 8 | frame[1]
    temperature = _signed(frame[2] << 8 | frame[3])
    if humidity > 1000 or temperature < -400 or temperature > 800:
        raise RangeError("outside 0 to 100 % or -40 to 80 degrees")
    return [temperature * 10, humidity * 10]


def _signed(word: int) -> int:
    if word & 0x8000:
        return word - 0x10000 if word & 0x4000 else -(word & 0x7FFF)
    return word - 0x1000 if word & 0x0800 else word


def decode_dht11(frame: bytes | bytearray) -> list[int]:
    """The same from a DHT11: whole percent, its tenths, whole degrees, their tenths; bit 7 of the tenths is the sign.

    The datasheet's checksum covers all four bytes. A clone that adds up the whole numbers alone is refused as soon as
    it sends tenths: its checksum cannot tell a flipped sign from a frost. Without tenths the two sums are the same.
    """
    _check_clone(frame)
    _check(frame)
    if frame[1] > 9 or frame[3] & 0x7F > 9:
        raise RangeError("tenths over 9: is it a dht22?")
    humidity = frame[0] * 10 + frame[1]
    temperature = frame[2] * 10 + (frame[3] & 0x7F)
    if frame[3] & 0x80:
        temperature = -temperature
    if humidity > 1000 or temperature < -200 or temperature > 600:
        raise RangeError("outside 0 to 100 % or -20 to 60 degrees")
    return [temperature * 10, humidity * 10]


def _check(frame: bytes | bytearray) -> None:
    if not _is_sound(frame):
        raise ChecksumError("wrong checksum: check the length of its cable and the pull-up")


def _check_clone(frame: bytes | bytearray) -> None:
    if (frame[0] + frame[2]) & 0xFF == frame[4] and not _is_sound(frame):
        raise ChecksumError("the checksum leaves the tenths out: a clone that cannot be trusted, replace it")


def _is_sound(frame: bytes | bytearray) -> bool:
    return (frame[0] + frame[1] + frame[2] + frame[3]) & 0xFF == frame[4]


class _Line:
    """A sensor on a pin; read_into is the port's dht_readinto."""

    def __init__(self, pin: object, read_into: "Callable[[object, bytearray], None]") -> None:
        self._pin = pin
        self._read_into = read_into
        self._frame = bytearray(5)

    def _receive(self) -> bytearray:
        try:
            self._read_into(self._pin, self._frame)
        except OSError:
            raise MissingError("no answer on the pin: check its power, the pin and the pull-up")
        return self._frame


class Dht22(_Line):
    """read() gives what the sensor measured at the read before (datasheet 7.2); reads must be 2 s apart."""

    name = "dht22"
    channels = (("temperature", "Cel", 100), ("humidity", "%RH", 100))

    async def read(self) -> list[int]:
        return decode_dht22(self._receive())


class Dht11(_Line):
    """Reads must be 1 s apart."""

    name = "dht11"
    channels = (("temperature", "Cel", 100), ("humidity", "%RH", 100))

    async def read(self) -> list[int]:
        return decode_dht11(self._receive())
