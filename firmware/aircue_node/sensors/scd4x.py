"""Sensirion SCD4x: CO2, temperature and humidity over I2C (datasheet version 1.6, section 3)."""

from aircue_node.sensors.bus import Port
from aircue_node.sensors.errors import MissingError, RangeError, StaleError
from aircue_node.sensors.sensirion import scaled, temperature_centi, words

MYPY = False
if MYPY:
    from aircue_node.ports import Bus, SleepMs

ADDRESS = 0x62
START_PERIODIC = b"\x21\xb1"
DATA_READY = b"\xe4\xb8"
READ_MEASUREMENT = b"\xec\x05"
# The datasheet's 1 ms and one more: a sleep of 1 ms may end within the running millisecond.
COMMAND_MS = 2
_READY_BITS = 0x07FF
# Reads are a second apart or more, so this many without news outlast a period: the sensor lost its power and idles.
_STALE_LIMIT = 6
_CO2_LARGEST = 40000


def decode(answer: bytes | bytearray) -> list[int]:
    """[ppm, hundredths of a degree Celsius, hundredths of a percent] from the nine bytes of a measurement."""
    co2, temperature, humidity = words(answer)
    if co2 > _CO2_LARGEST:
        raise RangeError("co2 over 40000 ppm")
    return [co2, temperature_centi(temperature), scaled(humidity, 10000)]


def is_ready(answer: bytes | bytearray) -> bool:
    return words(answer)[0] & _READY_BITS != 0


class Scd4x:
    """Measures by itself every 5 s once started; read() gives the newest result or says that there is none yet."""

    name = "scd4x"
    channels = (("co2", "ppm", 1), ("temperature", "Cel", 100), ("humidity", "%RH", 100))

    def __init__(self, bus: "Bus", sleep_ms: "SleepMs", address: int = ADDRESS) -> None:
        self._port = Port(bus, address)
        self._sleep_ms = sleep_ms
        self._started = False
        self._stale = 0
        self._status = bytearray(3)
        self._answer = bytearray(9)

    async def read(self) -> list[int]:
        if not self._started:
            await self._start()
        if not is_ready(await self._ask(DATA_READY, self._status)):
            self._count_stale()
            raise StaleError("no new measurement yet")
        self._stale = 0
        return decode(await self._ask(READ_MEASUREMENT, self._answer))

    def _count_stale(self) -> None:
        self._stale += 1
        if self._stale == _STALE_LIMIT:
            self._started, self._stale = False, 0

    async def _start(self) -> None:
        """A sensor that kept measuring through a restart of the board refuses the start command; it then answers the
        question for data."""
        try:
            self._port.write(START_PERIODIC)
            await self._sleep_ms(COMMAND_MS)
        except MissingError:
            await self._ask(DATA_READY, self._status)
        self._started = True

    async def _ask(self, command: bytes, buffer: bytearray) -> bytearray:
        self._port.write(command)
        await self._sleep_ms(COMMAND_MS)
        self._port.read(buffer)
        return buffer
