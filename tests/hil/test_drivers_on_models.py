"""Every driver of the firmware against the simulated sensor of its name, on a board of the bench, in CPython.

One property suite for every driver in the table; the oracle is the bench's record of what crossed the wires.
"""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from aircue_hil.air import Air
from aircue_hil.board import Board, TransactionError
from aircue_hil.config import NodeRow, SensorRow
from aircue_hil.radio import Wifi
from aircue_hil.sensors import MODELS
from aircue_hil.sensors.model import Glitches
from aircue_hil.transactions import Moment, Transaction
from aircue_node import sensors
from aircue_node.contract import QUANTITIES
from aircue_node.ports import Sensor
from aircue_node.sensors.errors import ChecksumError, MissingError, SensorError, StaleError, WrongPartError

AIR = Air(temperature_c=-3.5, humidity_pct=55.0, co2_ppm=900.0, pm25_ugm3=37.5)
STROBE, PIN, UART = 2, 15, 1
INTERVAL_MS = 30_000
# Reads until a sensor that was switched on must give values, warm-up included.
PATIENCE = 10
PLACES: dict[str, dict[str, int]] = {
    "dht11": {"pin": PIN},
    "dht22": {"pin": PIN},
    "mq135": {"pin": PIN},
    "mhz19": {"uart": UART},
    "pms5003": {"uart": UART},
    "pms7003": {"uart": UART},
}
EVERY = sorted(sensors.DRIVERS)


class ConstantAir:
    rooms = ("room",)

    def air(self, room: str, at: int) -> Air:
        return AIR


class Uart:
    """machine.UART as the bench plays it, without MicroPython."""

    def __init__(self, ask: Callable[[str, bytes], bytes]) -> None:
        self._ask = ask

    def any(self) -> int:
        return int.from_bytes(self._ask("U", bytes((UART,)) + b"A"), "big")

    def read(self, nbytes: int) -> bytes | None:
        return self._ask("U", bytes((UART,)) + b"R" + nbytes.to_bytes(2, "big")) or None

    def write(self, buf: bytes) -> int:
        self._ask("U", bytes((UART,)) + b"W" + buf)
        return len(buf)


@dataclass
class Rig:
    """A board with one sensor, and the driver on it. Time passes only while the driver sleeps or the rig rests."""

    name: str
    glitches: Glitches = field(default_factory=Glitches)
    now_us: int = 1_768_368_600_000_000
    witness: list[Transaction] = field(default_factory=list)

    def __post_init__(self) -> None:
        row = SensorRow(driver=self.name, glitches=self.glitches, **PLACES.get(self.name, {}))
        node = NodeRow(id="n", air="x/room", sensors=(row,), strobe_pin=STROBE)
        self.board = Board(node, source=ConstantAir(), room="room", wifi=Wifi(), seed="seed", note=self.witness.append)
        self.board.start("power-on", self._moment())
        self.rest(1_000)
        self.driver = self._driver()

    def _driver(self) -> Sensor:
        row = {"driver": self.name, **PLACES.get(self.name, {})}
        return sensors.build([row], self.wired())[0][0]

    def wired(self) -> sensors.Board:
        """The board as drivers see it."""
        return sensors.Board(
            {0: self},
            lambda number: number,
            self.dht_readinto,
            self.sleep_ms,
            lambda: self.now_us // 1000,
            {UART: Uart(self._ask)},
            lambda number: self,
        )

    def restart_the_node(self) -> None:
        """The program begins anew, the sensor stays powered."""
        self.board.start("soft", self._moment())
        self.driver = self._driver()

    def switch_the_sensor_off_and_on(self) -> None:
        self.board.start("power-on", self._moment())
        self.rest(5_000)

    def read(self) -> list[int]:
        """One read within a sample, then a rest to the next."""
        self._ask("O", bytes((STROBE, 1)))
        try:
            return asyncio.run(self.driver.read())
        finally:
            self._ask("O", bytes((STROBE, 0)))
            self.rest(INTERVAL_MS)

    def read_until_it_works(self) -> list[int]:
        for _ in range(PATIENCE):
            try:
                return self.read()
            except SensorError:
                pass
        raise AssertionError(f"{self.name} never gave a value again")

    def on_the_wire(self) -> list[float]:
        """What the newest sample's last bytes stand for, in the driver's scales and order."""
        rows = [row for row in self.witness if row.sequence == self.board.sequence and row.boot == self.board.boot]
        newest = {row.quantity: row.value for row in rows if row.value is not None}
        return [float(newest[name]) * scale for name, _, scale in self.driver.channels]

    def rest(self, ms: int) -> None:
        self.now_us += ms * 1000

    def read_u16(self) -> int:
        return int.from_bytes(self._ask("V", bytes((PIN,))), "big")

    def set_baudrate(self, baudrate: int) -> None:
        """The node's side of the UART."""
        self._ask("U", bytes((UART,)) + b"B" + baudrate.to_bytes(4, "big"))

    async def sleep_ms(self, ms: int) -> None:
        self.rest(ms)

    def writeto(self, addr: int, buf: bytes) -> int:
        self._ask("W", bytes((0, addr)) + bytes(buf))
        return len(buf)

    def readfrom_into(self, addr: int, buf: bytearray) -> None:
        buf[:] = self._ask("R", struct.pack(">BBH", 0, addr, len(buf)))

    def dht_readinto(self, pin: object, buf: bytearray) -> None:
        """A naive decoder of the pulse train: a pulse over 48 us is a one; a short train is a time-out."""
        train = self._ask("D", bytes((PIN,)) + (18_000).to_bytes(2, "big"))
        pulses = struct.unpack(f">{len(train) // 2}H", train)
        if len(pulses) < 84:
            raise OSError(110)
        bits = "".join("1" if high > 48 else "0" for high in pulses[4:84:2])
        buf[:] = int(bits, 2).to_bytes(5, "big")

    def _ask(self, operation: str, payload: bytes) -> bytes:
        try:
            return self.board.handle(ord(operation), payload, self._moment())
        except TransactionError as error:
            raise OSError(error.number) from error

    def _moment(self) -> Moment:
        return Moment(world_us=self.now_us, real_s=0.0, monotonic=0.0)


def with_glitch(kind: str) -> list[str]:
    return [name for name in EVERY if kind in MODELS[name].glitches]


def test_every_driver_has_its_simulated_sensor() -> None:
    assert sorted(MODELS) == EVERY


@pytest.mark.parametrize("name", EVERY)
def test_channels_are_those_of_the_contract_and_of_the_simulated_sensor(name: str) -> None:
    channels = Rig(name).driver.channels
    assert tuple(channel[0] for channel in channels) == MODELS[name].quantities
    assert all(QUANTITIES[quantity] == (unit, scale) for quantity, unit, scale in channels)


@pytest.mark.parametrize("name", EVERY)
def test_a_driver_gives_what_crossed_the_wire(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    for _ in range(20):
        assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


@pytest.mark.parametrize("name", EVERY)
def test_a_silent_sensor_is_missing(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.board.unplugged = True
    for _ in range(3):
        with pytest.raises(MissingError, match="no answer"):
            rig.read()
    rig.board.unplugged = False
    rig.read_until_it_works()
    assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


@pytest.mark.parametrize("name", with_glitch("crc"))
def test_spoilt_bytes_are_never_a_value(name: str) -> None:
    rig = Rig(name, Glitches(crc=0.3))
    rig.read_until_it_works()
    refused = 0
    for _ in range(60):
        try:
            assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)
        except ChecksumError:
            refused += 1
    assert 5 < refused < 40


@pytest.mark.parametrize("name", with_glitch("nack"))
def test_a_bus_that_often_fails_gives_right_values_or_none(name: str) -> None:
    rig = Rig(name, Glitches(nack=0.1))
    right = 0
    for _ in range(100):
        try:
            assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)
            right += 1
        except SensorError:
            pass
    assert right > 25


@pytest.mark.parametrize("name", EVERY)
def test_a_driver_recovers_when_the_sensor_lost_its_power(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.switch_the_sensor_off_and_on()
    rig.read_until_it_works()
    assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


@pytest.mark.parametrize("name", EVERY)
def test_a_restarted_node_reads_a_sensor_that_stayed_powered(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.restart_the_node()
    rig.read_until_it_works()
    assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


def test_an_sht3x_left_measuring_by_itself_is_reset_and_read() -> None:
    rig = Rig("sht3x")
    rig.writeto(0x44, b"\x21\x30")
    rig.rest(10)
    assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


@pytest.mark.parametrize(("fitted", "named"), [("bme280", "bmp280"), ("bmp280", "bme280")])
def test_another_part_of_the_family_is_named(fitted: str, named: str) -> None:
    rig = Rig(fitted)
    rig.driver = sensors.build([{"driver": named}], rig.wired())[0][0]
    with pytest.raises(WrongPartError, match=f"is {fitted}, not {named}: change driver in settings.json"):
        rig.read()


@pytest.mark.parametrize(("name", "warm_up_s"), [("mhz19", 180), ("mq135", 180), ("pms5003", 30), ("pms7003", 30)])
def test_a_cold_sensor_is_not_asked_and_says_how_long_it_takes(name: str, warm_up_s: int) -> None:
    rig = Rig(name)
    for _ in range(0, 1000 * warm_up_s, INTERVAL_MS):
        with pytest.raises(StaleError, match=f"warming up for {warm_up_s} s"):
            rig.read()
    assert all(row.sequence == 0 or row.why == "warming up" for row in rig.witness)
    assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


@pytest.mark.parametrize("name", with_glitch("garbage"))
def test_garbage_before_a_frame_does_not_hide_it(name: str) -> None:
    rig = Rig(name, Glitches(garbage=1.0))
    rig.read_until_it_works()
    for _ in range(20):
        assert rig.read() == pytest.approx(rig.on_the_wire())


@pytest.mark.parametrize("name", with_glitch("garbage"))
def test_half_a_frame_is_no_value_and_does_not_spoil_the_next(name: str) -> None:
    rig = Rig(name, Glitches(short=0.3))
    rig.read_until_it_works()
    refused = 0
    for _ in range(40):
        try:
            assert rig.read() == pytest.approx(rig.on_the_wire())
        except ChecksumError:
            refused += 1
    assert 3 < refused < 25


@pytest.mark.parametrize("name", with_glitch("garbage"))
def test_a_wrong_baud_rate_gives_no_value(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.set_baudrate(115_200)
    with pytest.raises(SensorError):
        rig.read()
    rig.set_baudrate(9_600)
    assert rig.read() == pytest.approx(rig.on_the_wire())


@pytest.mark.parametrize("name", with_glitch("garbage"))
def test_a_sensor_that_answers_again_after_silence_warms_up_anew(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.board.unplugged = True
    for _ in range(2):
        with pytest.raises(MissingError, match="check tx, rx and the 5 V supply"):
            rig.read()
    rig.board.unplugged = False
    with pytest.raises(StaleError, match="warming up"):
        rig.read()


@pytest.mark.parametrize("name", with_glitch("garbage"))
def test_one_answer_that_is_lost_costs_one_value(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.board.unplugged = True
    with pytest.raises(MissingError):
        rig.read()
    rig.board.unplugged = False
    assert rig.read() == pytest.approx(rig.on_the_wire())
