"""Sensirion SGP40: the VOC index over I2C (datasheet version 1.2, sections 3 and 4).

The part gives one raw signal a second, which its heater needs to be asked for, and voc_index.py makes the index of
them; both forget everything when the node starts.
"""

from aircue_node.sensors.bus import Port
from aircue_node.sensors.errors import BrokenError, MissingError, RangeError, SensorError, StaleError
from aircue_node.sensors.sensirion import framed, words
from aircue_node.sensors.voc_index import BLACKOUT_S, VocIndex

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Bus, SleepMs
    from aircue_node.sensors.climate import Climate

ADDRESS = 0x59
MEASURE_RAW = b"\x26\x0f"
SELF_TEST = b"\x28\x0e"
# The datasheet's 30 and 320 ms (table 8) and one more: a sleep may end within the running millisecond.
MEASURE_MS = 31
SELF_TEST_MS = 321
SECOND_MS = 1000
_TEST_PASSED = 0xD400
_RAW_MOST = 64999
# Seconds in a row without an answer after which the part may have been without power.
_SILENCES = 3
# Without a new raw signal for this long there is no index to speak of.
_STALE_MS = 10000


def request(temperature_centi: int, humidity_centi: int) -> bytes:
    """The measuring command with what it compensates by; 25 degrees and 50 % are 66 66 93 and 80 00 A2."""
    humidity = (_within(humidity_centi, 0, 10000) * 65535 + 5000) // 10000
    temperature = ((_within(temperature_centi, -4500, 13000) + 4500) * 65535 + 8750) // 17500
    return MEASURE_RAW + framed(humidity) + framed(temperature)


def decode(answer: bytes | bytearray) -> int:
    """The raw signal; it falls when gas comes."""
    raw = words(answer)[0]
    if raw < 1 or raw > _RAW_MOST:
        raise RangeError("raw signal outside 1 to 64999")
    return raw


def check_self_test(answer: bytes | bytearray) -> None:
    result = words(answer)[0]
    if result != _TEST_PASSED:
        raise BrokenError(f"its self-test gave 0x{result:04x}: replace it")


def _within(value: int, least: int, most: int) -> int:
    return min(max(value, least), most)


class Sgp40:
    """run() measures each second; read() gives the newest index or says why there is none. A part that was silent for
    seconds is tested again and its index learnt anew: it may have been without power."""

    name = "sgp40"
    channels = (("voc_index", "1", 1),)

    def __init__(
        self,
        bus: "Bus",
        sleep_ms: "SleepMs",
        uptime_ms: "Callable[[], int]",
        climate: "Climate",
        address: int = ADDRESS,
    ) -> None:
        self._port = Port(bus, address)
        self._sleep_ms = sleep_ms
        self._uptime_ms = uptime_ms
        self._climate = climate
        self._algorithm = VocIndex()
        self._tested = False
        self._silent = 0
        self._index = 0
        self._measured_at: int | None = None
        self._failure: tuple[type[SensorError], str] | None = None
        self._answer = bytearray(3)

    async def read(self) -> list[int]:
        if self._failure is not None:
            kind, text = self._failure
            raise kind(text)
        if self._measured_at is None or self._uptime_ms() - self._measured_at > _STALE_MS:
            raise StaleError("not measured for seconds")
        if self._index == 0:
            raise StaleError(f"learning the air for {BLACKOUT_S} s")
        return [self._index]

    async def run(self) -> None:
        """Never ends. A second that was missed is left out."""
        due = self._uptime_ms()
        while True:
            await self._second()
            now = self._uptime_ms()
            due += SECOND_MS * ((now - due) // SECOND_MS + 1)
            await self._sleep_ms(due - now)

    async def _second(self) -> None:
        try:
            if not self._tested:
                await self._begin()
            self._index = self._algorithm.update(decode(await self._ask(self._request(), MEASURE_MS)))
            self._measured_at, self._silent, self._failure = self._uptime_ms(), 0, None
        except SensorError as error:
            self._failure = type(error), str(error)
            self._note_silence(error)

    def _note_silence(self, error: SensorError) -> None:
        self._silent = self._silent + 1 if isinstance(error, MissingError) else 0
        if self._silent >= _SILENCES:
            self._tested = False

    async def _begin(self) -> None:
        check_self_test(await self._ask(SELF_TEST, SELF_TEST_MS))
        self._tested, self._silent, self._index = True, 0, 0
        self._algorithm = VocIndex()

    def _request(self) -> bytes:
        return request(*self._climate.centi())

    async def _ask(self, command: bytes, wait_ms: int) -> bytearray:
        self._port.write(command)
        await self._sleep_ms(wait_ms)
        self._port.read(self._answer)
        return self._answer
