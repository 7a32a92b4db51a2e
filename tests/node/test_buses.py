"""How a node frees a held I2C bus, opens a silent UART anew, and hands the climate on."""

import asyncio
import itertools

import pytest
from tests.node.fakes import FakeSensor

from aircue_node.sensors import bus, serial
from aircue_node.sensors.bus import RECOVER_AFTER, RecoveringBus, free
from aircue_node.sensors.climate import DEFAULT_CENTI, Climate, Telling, tells
from aircue_node.sensors.errors import ChecksumError, MissingError


class Wires:
    """Two lines with pull-ups, on which somebody holds SDA low for a number of clocks."""

    def __init__(self, holds: int) -> None:
        self.holds = holds
        self.scl_level = self.sda_level = 1
        self.log: list[tuple[str, int]] = []
        self.scl = Line(self, "scl")
        self.sda = Line(self, "sda")

    def drive(self, name: str, level: int) -> None:
        if name == "scl" and level == 1 and self.scl_level == 0 and self.holds > 0:
            self.holds -= 1
        setattr(self, name + "_level", level)
        self.log.append((name, level))

    def level(self, name: str) -> int:
        return 0 if name == "sda" and self.holds > 0 else int(getattr(self, name + "_level"))

    def clocks(self) -> int:
        """Rising edges of SCL."""
        levels = [level for name, level in self.log if name == "scl"]
        return sum(level == 1 and before == 0 for before, level in itertools.pairwise(levels))


class Line:
    def __init__(self, wires: Wires, name: str) -> None:
        self._wires = wires
        self._name = name

    def value(self, x: int | None = None) -> int | None:
        if x is None:
            return self._wires.level(self._name)
        self._wires.drive(self._name, x)
        return None


@pytest.mark.parametrize("holds", [0, 1, 8, 9])
def test_a_bus_gets_as_many_clocks_as_it_takes_then_a_stop(holds: int) -> None:
    wires, slept = Wires(holds), []
    assert free(wires.scl, wires.sda, slept.append)
    assert wires.clocks() == holds + 1
    assert wires.log[-4:] == [("scl", 0), ("sda", 0), ("scl", 1), ("sda", 1)]
    assert len(slept) == 2 * holds + 4
    assert set(slept) == {5}


def test_a_bus_that_stays_low_gets_nine_clocks_and_is_told_of() -> None:
    wires = Wires(1000)
    assert not free(wires.scl, wires.sda, lambda us: None)
    assert wires.clocks() == 9 + 1


class FakeBus:
    """Answers, or not, by a list; what is left of it is shared by all that were opened."""

    def __init__(self, answers: list[bool]) -> None:
        self._answers = answers

    def writeto(self, addr: int, buf: bytes) -> None:
        if not self._answers.pop(0):
            raise OSError(5)

    def readfrom_into(self, addr: int, buf: bytearray) -> None:
        self.writeto(addr, b"")
        buf[:] = bytes(len(buf))


def recoveries(answers: list[bool], read: bool = False) -> list[str]:
    """What is done to a bus whose transfers go as told."""
    done: list[str] = []

    def open_bus() -> FakeBus:
        done.append("open")
        return FakeBus(answers)

    watched = RecoveringBus(open_bus, lambda: done.append("free"))
    port = bus.Port(watched, 0x44)
    while answers:
        try:
            port.read(bytearray(2)) if read else port.write(b"\xfd")
        except MissingError as error:
            assert "0x44" in str(error)  # noqa: PT017 -- some transfers fail and some do not
    assert watched.recoveries == done.count("free")
    return done


@pytest.mark.parametrize("read", [False, True])
def test_a_bus_is_freed_and_opened_anew_after_failures_in_a_row(read: bool) -> None:
    assert recoveries([True] * 5, read) == ["open"]
    assert recoveries([False] * (RECOVER_AFTER - 1) + [True] + [False] * (RECOVER_AFTER - 1), read) == ["open"]
    assert recoveries([False] * RECOVER_AFTER, read) == ["open", "free", "open"]
    assert recoveries([False] * (2 * RECOVER_AFTER), read) == ["open", "free", "open", "free", "open"]


class FakeUart:
    """Says the given bytes after a request."""

    def __init__(self, says: bytes) -> None:
        self._says = says
        self._waiting = b""

    def any(self) -> int:
        return len(self._waiting)

    def read(self, nbytes: int) -> bytes | None:
        taken, self._waiting = self._waiting[:nbytes], self._waiting[nbytes:]
        return taken or None

    def write(self, buf: bytes) -> int:
        self._waiting += self._says
        return len(buf)


async def _now(ms: int) -> None:
    return None


@pytest.mark.parametrize(("says", "error"), [(b"", MissingError), (b"\x00\xff\x00\x00", ChecksumError)])
def test_a_uart_without_a_sound_answer_is_opened_anew_after_three_questions(says: bytes, error: type) -> None:
    opened: list[bytes] = []

    def open_uart() -> FakeUart:
        opened.append(says)
        return FakeUart(says if len(opened) < 3 else b"\xffok")

    line = serial.Line(open_uart, _now, b"\xff", 3, lambda frame: frame[1:] == b"ok")

    async def play() -> None:
        for asked in range(2 * serial.REOPEN_AFTER):
            assert len(opened) == 1 + asked // serial.REOPEN_AFTER
            with pytest.raises(error):
                await line.ask(b"?")
        assert await line.ask(b"?") == b"\xffok"

    asyncio.run(play())


def test_what_a_sensor_measured_is_the_climate_for_ten_minutes() -> None:
    now = [0]
    climate = Climate(lambda: now[0])
    assert climate.centi() == DEFAULT_CENTI == (2500, 5000)
    telling = Telling(FakeSensor([2112, 6034], MissingError("gone")), climate)
    assert (telling.name, telling.channels) == (FakeSensor.name, FakeSensor.channels)
    now[0] = 5_000
    assert asyncio.run(telling.read()) == [2112, 6034]
    with pytest.raises(MissingError):
        asyncio.run(telling.read())
    now[0] = 605_000
    assert climate.centi() == (2112, 6034)
    now[0] += 1
    assert climate.centi() == DEFAULT_CENTI


class Barometer:
    name = "barometer"
    channels = (("temperature", "Cel", 100), ("pressure", "hPa", 10))

    async def read(self) -> list[int]:
        return [2000, 10132]


class Turned:
    """Humidity comes before the temperature, and something else between."""

    name = "turned"
    channels = (("humidity", "%RH", 100), ("co2", "ppm", 1), ("temperature", "Cel", 100))

    async def read(self) -> list[int]:
        return [6034, 900, 2112]


def test_only_a_sensor_of_both_quantities_tells_the_climate_whatever_their_order() -> None:
    assert not tells(Barometer())
    assert tells(Turned())
    climate = Climate(lambda: 0)
    asyncio.run(Telling(Turned(), climate).read())
    assert climate.centi() == (2112, 6034)
