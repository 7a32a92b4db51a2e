"""Sensirion SHT3x (SHT30, SHT31, SHT35): temperature and humidity over I2C (datasheet version 7, section 4)."""

from aircue_node.sensors.bus import Port
from aircue_node.sensors.errors import RangeError, SensorError
from aircue_node.sensors.sensirion import scaled, temperature_centi, words

MYPY = False
if MYPY:
    from aircue_node.ports import Bus, SleepMs

ADDRESS = 0x44
SOFT_RESET = b"\x30\xa2"
# High repeatability, no clock stretching: a sensor that holds the clock would hold every sensor of the bus.
MEASURE_HIGH_REPEATABILITY = b"\x24\x00"
# The datasheet's 1.5 and 15.5 ms (table 4) and one more: a sleep may end within the running millisecond.
RESET_MS = 3
MEASURE_MS = 17


def decode(answer: bytes | bytearray) -> list[int]:
    """[hundredths of a degree Celsius, hundredths of a percent] from the six bytes of a measurement.

    T = -45 + 175 S / 65535 and RH = 100 S / 65535 (section 4.13).
    """
    temperature, humidity = words(answer)
    checked = temperature_centi(temperature)
    if checked < -4000 or checked > 12500:
        raise RangeError("temperature outside -40 to 125")
    return [checked, scaled(humidity, 10000)]


class Sht3x:
    """Reset before the first read and after a failed one: a sensor that some other program left measuring by itself
    refuses single measurements."""

    name = "sht3x"
    channels = (("temperature", "Cel", 100), ("humidity", "%RH", 100))

    def __init__(self, bus: "Bus", sleep_ms: "SleepMs", address: int = ADDRESS) -> None:
        self._port = Port(bus, address)
        self._sleep_ms = sleep_ms
        self._fresh = False
        self._answer = bytearray(6)

    async def read(self) -> list[int]:
        if not self._fresh:
            await self._reset()
        try:
            return await self._measure()
        except SensorError:
            self._fresh = False
            raise

    async def _reset(self) -> None:
        self._port.write(SOFT_RESET)
        await self._sleep_ms(RESET_MS)
        self._fresh = True

    async def _measure(self) -> list[int]:
        self._port.write(MEASURE_HIGH_REPEATABILITY)
        await self._sleep_ms(MEASURE_MS)
        self._port.read(self._answer)
        return decode(self._answer)
