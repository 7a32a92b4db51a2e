"""Sensirion SHT4x: temperature and humidity over I2C (datasheet version 6, sections 4.5 and 4.6)."""

from aircue_node.sensors.bus import Port
from aircue_node.sensors.errors import RangeError, SensorError
from aircue_node.sensors.sensirion import scaled, temperature_centi, words

MYPY = False
if MYPY:
    from aircue_node.ports import Bus, SleepMs

ADDRESS = 0x44
SOFT_RESET = b"\x94"
MEASURE_HIGH_PRECISION = b"\xfd"
# The datasheet's 1 ms (table 4) and one more: a sleep of 1 ms may end within the running millisecond.
RESET_MS = 2
MEASURE_MS = 10


def decode(answer: bytes | bytearray) -> list[int]:
    """[hundredths of a degree Celsius, hundredths of a percent] from the six bytes of a measurement.

    RH = -6 + 125 S / 65535; the datasheet has values beyond 0 and 100, an effect of the linear formula, cut to them.
    """
    temperature, humidity = words(answer)
    centi = scaled(humidity, 12500) - 600
    checked = temperature_centi(temperature)
    if checked < -4000 or checked > 12500:
        raise RangeError("temperature outside -40 to 125")
    return [checked, min(max(centi, 0), 10000)]


class Sht4x:
    """Reset after a failed read, so that whatever disturbed it leaves nothing behind."""

    name = "sht4x"
    channels = (("temperature", "Cel", 100), ("humidity", "%RH", 100))

    def __init__(self, bus: "Bus", sleep_ms: "SleepMs", address: int = ADDRESS) -> None:
        self._port = Port(bus, address)
        self._sleep_ms = sleep_ms
        self._disturbed = False
        self._answer = bytearray(6)

    async def read(self) -> list[int]:
        if self._disturbed:
            await self._reset()
        try:
            return await self._measure()
        except SensorError:
            self._disturbed = True
            raise

    async def _reset(self) -> None:
        self._port.write(SOFT_RESET)
        await self._sleep_ms(RESET_MS)
        self._disturbed = False

    async def _measure(self) -> list[int]:
        self._port.write(MEASURE_HIGH_PRECISION)
        await self._sleep_ms(MEASURE_MS)
        self._port.read(self._answer)
        return decode(self._answer)
