"""Bytes of a bus, one after the other, become the board's transactions: no chip and no emulator here."""

import pytest

from aircue_hil.air import Air
from aircue_hil.backends.target import I2cTarget
from aircue_hil.board import Board
from aircue_hil.config import NodeRow, SensorRow
from aircue_hil.radio import Wifi
from aircue_hil.sensors.model import crc8
from aircue_hil.transactions import Moment, Transaction

ADDRESS, NOBODY = 0x44, 0x29


class ConstantAir:
    rooms = ("room",)

    def air(self, room: str, at: int) -> Air:
        return Air(temperature_c=21.0, humidity_pct=50.0)


class Rig:
    def __init__(self) -> None:
        self.now_us = 0
        self.witness: list[Transaction] = []
        row = NodeRow(id="n", air="x/room", sensors=(SensorRow(driver="sht4x"),))
        self.board = Board(row, source=ConstantAir(), room="room", wifi=Wifi(), seed="1", note=self.witness.append)
        self.board.start("power-on", self.moment())
        self.target = I2cTarget(0, self.board, self.moment)
        self.now_us = 1_000_000

    def moment(self) -> Moment:
        return Moment(world_us=self.now_us, real_s=0.0, monotonic=0.0)

    def measure(self) -> None:
        assert self.target.start(ADDRESS, reading=False)
        assert self.target.take(0xFD, last=True)
        self.target.stop()
        self.now_us += 10_000

    def read(self, count: int) -> bytes:
        assert self.target.start(ADDRESS, reading=True)
        data = bytes(self.target.give() for _ in range(count))
        self.target.stop()
        return data


def test_a_measurement_is_read_byte_by_byte_and_noted_once() -> None:
    rig = Rig()
    rig.measure()
    data = rig.read(6)
    assert (crc8(data[0:2]), crc8(data[3:5])) == (data[2], data[5])
    assert [row.quantity for row in rig.witness] == ["temperature", "humidity"]
    raw = int.from_bytes(data[0:2], "big")
    assert float(rig.witness[0].value or 0) == pytest.approx(-45 + 175 * raw / 65535, abs=1e-6)


def test_only_what_was_clocked_out_is_noted_as_delivered() -> None:
    rig = Rig()
    rig.measure()
    rig.read(3)
    assert [row.quantity for row in rig.witness] == ["temperature"]


def test_nobody_acknowledges_an_address_without_a_sensor() -> None:
    target = Rig().target
    assert not target.start(NOBODY, reading=False)
    assert not target.start(NOBODY, reading=True)


def test_a_sensor_that_is_busy_does_not_acknowledge_a_read_and_the_bench_notes_it() -> None:
    rig = Rig()
    rig.target.start(ADDRESS, reading=False)
    rig.target.take(0xFD, last=True)
    assert not rig.target.start(ADDRESS, reading=True)
    rig.target.stop()
    assert {row.why for row in rig.witness} == {"read before the command was done"}


def test_an_unknown_command_is_not_acknowledged_with_its_last_byte() -> None:
    rig = Rig()
    assert rig.target.start(ADDRESS, reading=False)
    assert rig.target.take(0x12, last=False)
    assert not rig.target.take(0x34, last=True)


def test_a_write_without_a_stop_counts_when_the_next_start_comes() -> None:
    rig = Rig()
    rig.target.start(ADDRESS, reading=False)
    rig.target.take(0xFD, last=False)
    rig.now_us += 1
    assert not rig.target.start(ADDRESS, reading=True)
    rig.now_us += 20_000
    assert len(rig.read(6)) == 6
    assert rig.witness[-1].value is not None


def test_a_silent_sensor_gives_nothing() -> None:
    rig = Rig()
    rig.measure()
    rig.board.unplugged = True
    assert not rig.target.start(ADDRESS, reading=True)


def test_on_a_bus_that_is_held_nobody_acknowledges_an_address_and_the_witness_says_why() -> None:
    rig = Rig()
    rig.board.act("stuck-bus", True, rig.now_us)
    assert not rig.target.start(ADDRESS, reading=False)
    assert {row.why for row in rig.witness} == {"stuck bus"}
    assert not rig.target.start(ADDRESS, reading=True)
    rig.board.act("stuck-bus", False, rig.now_us)
    rig.measure()
    assert len(rig.read(6)) == 6
