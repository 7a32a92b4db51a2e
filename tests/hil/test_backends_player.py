"""A second Pico as sensors: the bench's end and the player's own program talk to each other here, in CPython.

No hardware: the I2C controller and the DHT's host are written below, the pins of hil/aircue_hil/player/main.py are not
run. The sensors are simulated.
"""

import struct
from typing import Any

import pytest

from aircue_hil.air import Air
from aircue_hil.backends.played import Played, Unplayable
from aircue_hil.board import Board
from aircue_hil.config import NodeRow, SensorRow
from aircue_hil.player.player import LONGEST, Player, Target
from aircue_hil.radio import Wifi
from aircue_hil.sensors.model import crc8
from aircue_hil.transactions import Moment, Transaction

SHT4X, PIN = 0x44, 14


class ConstantAir:
    rooms = ("room",)

    def air(self, room: str, at: int) -> Air:
        return Air(temperature_c=21.0, humidity_pct=50.0)


class FakeLine:
    def __init__(self, pin: int) -> None:
        self.low = False
        self.played: list[int] = []

    def begun(self) -> bool:
        low, self.low = self.low, False
        return low

    def play(self, pulses: list[int]) -> None:
        self.played = pulses


class Rig:
    """Bench, player and the board under test, whose bus is driven by hand."""

    def __init__(self, *fitted: SensorRow) -> None:
        self.now_us = 0
        self.witness: list[Transaction] = []
        self.targets: dict[int, Any] = {}
        self.lines: dict[int, FakeLine] = {}
        row = NodeRow(id="n", air="x/room", sensors=fitted)
        board = Board(row, source=ConstantAir(), room="room", wifi=Wifi(), seed="1", note=self.witness.append)
        board.start("power-on", self.moment())
        self.now_us = 2_000_000
        self.bench = Played(board, row, self.moment)
        self.player = Player(self._connect, self._line)
        self.tell(self.bench.hello())

    def moment(self) -> Moment:
        return Moment(world_us=self.now_us, real_s=0.0, monotonic=0.0)

    def tell(self, lines: list[str]) -> None:
        assert [self.player.obey(line) for line in lines] == ["ok"] * len(lines)

    def settle(self, us: int) -> None:
        """News go to the bench, time passes, the bench looks again."""
        for line in self.player.news():
            self.tell(self.bench.heard(line))
        self.now_us += us
        self.tell(self.bench.tick())

    def write(self, data: bytes) -> None:
        target = self.targets[SHT4X]
        target.begin_write()
        for byte in data:
            target.take(byte)
        target.end_write()

    def read(self, count: int) -> bytes:
        target = self.targets[SHT4X]
        target.begin_read()
        data = bytes(target.give() for _ in range(count))
        target.end_read()
        return data

    def _connect(self, target: Any) -> None:
        self.targets[target.address] = target

    def _line(self, pin: int) -> FakeLine:
        self.lines[pin] = FakeLine(pin)
        return self.lines[pin]


def test_a_measurement_over_i2c_is_played_and_noted() -> None:
    rig = Rig(SensorRow(driver="sht4x"))
    rig.write(b"\xfd")
    rig.settle(10_000)
    data = rig.read(6)
    rig.settle(0)
    assert (crc8(data[0:2]), crc8(data[3:5])) == (data[2], data[5])
    assert [row.quantity for row in rig.witness if row.ok] == ["temperature", "humidity"]
    assert float(rig.witness[-1].value or 0) == pytest.approx(
        -6 + 125 * int.from_bytes(data[3:5], "big") / 65535, abs=1e-5
    )


def test_a_read_that_comes_too_early_gives_ff() -> None:
    rig = Rig(SensorRow(driver="sht4x"))
    rig.write(b"\xfd")
    rig.settle(100)
    assert rig.read(6) == b"\xff" * 6


def test_a_reading_is_given_once() -> None:
    rig = Rig(SensorRow(driver="sht4x"))
    rig.write(b"\xfd")
    rig.settle(10_000)
    rig.read(6)
    rig.settle(0)
    assert rig.read(6) == b"\xff" * 6


def test_a_start_pulse_is_answered_with_a_frame() -> None:
    rig = Rig(SensorRow(driver="dht22", pin=PIN))
    rig.lines[PIN].low = True
    rig.settle(0)
    pulses = rig.lines[PIN].played
    assert len(pulses) == 84
    bits = "".join("1" if high > 48 else "0" for high in pulses[4::2])
    humidity, temperature = struct.unpack(">2H", int(bits[:32], 2).to_bytes(4, "big"))
    assert [float(row.value or 0) * 10 for row in rig.witness] == pytest.approx([temperature, humidity])


def test_a_dht_that_is_asked_too_soon_does_not_answer() -> None:
    rig = Rig(SensorRow(driver="dht22", pin=PIN))
    for _ in range(2):
        rig.lines[PIN].played = []
        rig.lines[PIN].low = True
        rig.settle(1000)
    assert rig.lines[PIN].played == []


@pytest.mark.parametrize("order", ["X 1", "G 9 00", "P 3 1,2", "G", "T x", ""])
def test_an_order_that_cannot_be_obeyed_is_answered_with_the_reason(order: str) -> None:
    rig = Rig(SensorRow(driver="sht4x"))
    answer = rig.player.obey(order)
    assert answer.startswith("! ")
    rig.bench.heard(answer)
    assert len(rig.bench.refused) == 1


def test_a_write_longer_than_the_buffer_does_not_spoil_memory() -> None:
    target = Target(1)
    target.begin_write()
    for byte in range(LONGEST + 5):
        target.take(byte)
    target.end_write()
    assert target.ended() == ["w 1 " + bytes(range(LONGEST)).hex()]


@pytest.mark.parametrize(
    ("fitted", "named"),
    [
        ((SensorRow(driver="mhz19", uart=1),), "mhz19: a second Pico plays"),
        ((SensorRow(driver="sht4x", bus=1),), "sht4x: a second Pico plays"),
        (tuple(SensorRow(driver="sht4x", address=at) for at in (0x44, 0x45, 0x46)), "3 I2C sensors"),
    ],
)
def test_what_it_cannot_play_is_refused(fitted: tuple[SensorRow, ...], named: str) -> None:
    with pytest.raises(Unplayable, match=named):
        Rig(*fitted)


def test_what_has_ended_is_told_once() -> None:
    rig = Rig(SensorRow(driver="sht4x"))
    rig.write(b"\xfd")
    rig.read(3)
    assert rig.player.news() == ["w 68 fd", "r 68 3"]
    assert rig.player.news() == []
