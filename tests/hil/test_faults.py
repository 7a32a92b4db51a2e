"""The script of faults: order, clocks, whom it strikes, and a clear no to what cannot be played."""

import struct

import pytest

from aircue_hil.air import Air
from aircue_hil.board import Board, TransactionError
from aircue_hil.config import Config, ConfigError, HomeRow, NodeRow, SensorRow, check
from aircue_hil.faults import Fault, on_nodes, on_sensors, refuse_unplayable, steps
from aircue_hil.radio import Wifi
from aircue_hil.rig import ConstantAir
from aircue_hil.transactions import Moment, Transaction

S = 1_000_000
START = 1_768_368_600 * S
BATH = NodeRow(
    id="bath", air="flat/bathroom", sensors=(SensorRow(driver="sht4x"), SensorRow(driver="scd4x", bus=1)), strobe_pin=2
)


async def nothing(_node: str, _begins: bool) -> None: ...


def test_beginnings_and_ends_come_in_order() -> None:
    script = (
        Fault(at_s=5.0, what="wifi-outage", for_s=10.0, node="bath"),
        Fault(at_s=7.0, what="gateway-kill", for_s=1.0),
    )
    assert [(step.at_s, step.what, step.begins) for step in steps(script)] == [
        (5.0, "wifi-outage", True),
        (7.0, "gateway-kill", True),
        (8.0, "gateway-kill", False),
        (15.0, "wifi-outage", False),
    ]


def test_a_moment_of_the_world_comes_sooner_in_a_world_that_is_faster() -> None:
    script = (Fault(at_s=600.0, for_s=60.0, what="wifi-outage", clock="world"), Fault(at_s=600.0, what="gateway-kill"))
    assert [(step.at_s, step.what) for step in steps(script, 60.0)][:3] == [
        (10.0, "wifi-outage"),
        (11.0, "wifi-outage"),
        (600.0, "gateway-kill"),
    ]


def test_a_fault_that_nobody_plays_is_refused() -> None:
    with pytest.raises(ValueError, match="fault 'gateway-kill' cannot be played here; these can: wifi-outage"):
        refuse_unplayable([Fault(at_s=1.0, what="gateway-kill")], {"wifi-outage": nothing})


def test_a_sensors_fault_is_its_boards_and_nobody_elses() -> None:
    script = (Fault(at_s=1.0, what="nack", node="bath"), Fault(at_s=1.0, what="power-cut"), Fault(at_s=2.0, what="crc"))
    refuse_unplayable([script[0]], {})
    assert on_nodes(script) == script[1:2]
    assert on_sensors(script, "bath") == (script[0], script[2])
    assert on_sensors(script, "hall") == (script[2],)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(at_s=1, what="garbage"), r"no sensor of node \* can have garbage"),
        (Fault(at_s=1, what="crc", sensor="dht22"), r"faults\.sensor of crc is 'dht22'; known are \*, scd4x, sht4x"),
        (Fault(at_s=1, what="crc", clock="cuckoo"), r"faults\.clock is 'cuckoo'; known are real, world"),
        (Fault(at_s=1, what="power-cut", sensor="sht4x"), r"faults\.sensor of power-cut is 'sht4x'; known are \*"),
    ],
)
def test_a_fault_that_no_sensor_there_can_have_is_refused(fault: Fault, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check(Config(nodes=(BATH,), homes={"flat": HomeRow()}, faults=(fault,)))


class Bath:
    """A board with a script, read at moments of the world."""

    def __init__(self, *script: Fault, scale: float = 1.0) -> None:
        self.witness: list[Transaction] = []
        source = ConstantAir(Air(temperature_c=21.0, humidity_pct=55.0, co2_ppm=700.0))
        self.board = Board(
            BATH,
            source=source,
            room="room",
            wifi=Wifi(),
            seed="seed",
            note=self.witness.append,
            script=script,
            start_us=START,
            scale=scale,
        )
        self.board.start("power-on", moment(0.0))

    def ask(self, operation: str, payload: bytes, at_s: float) -> bytes:
        return self.board.handle(ord(operation), payload, moment(at_s))

    def answers(self, at_s: float, bus: int = 0, address: int = 0x44, command: bytes = b"\xfd", count: int = 6) -> bool:
        try:
            self.ask("W", bytes((bus, address)) + command, at_s)
            self.ask("R", struct.pack(">BBH", bus, address, count), at_s + 0.01)
        except TransactionError:
            return False
        return True


def moment(at_s: float) -> Moment:
    return Moment(world_us=START + round(at_s * S), real_s=0.0, monotonic=0.0)


def test_a_board_plays_its_script_at_the_worlds_moments_on_the_sensor_that_is_named() -> None:
    bath = Bath(Fault(at_s=10.0, for_s=5.0, what="nack", sensor="sht4x"))
    assert [bath.answers(at_s) for at_s in (9.9, 10.0, 14.9, 15.0)] == [True, False, False, True]
    assert bath.witness[-3].why == "nack"


def test_the_clock_of_a_fault_is_the_real_one_or_the_worlds() -> None:
    real, world = (
        Bath(Fault(at_s=10.0, for_s=5.0, what="nack", clock=clock), scale=60.0) for clock in ("real", "world")
    )
    assert [real.answers(at_s) for at_s in (12.0, 599.0, 601.0, 901.0)] == [True, True, False, True]
    assert [world.answers(at_s) for at_s in (9.0, 12.0, 16.0)] == [True, False, True]


def test_a_brown_out_in_the_middle_makes_a_sensor_forget_that_it_was_measuring() -> None:
    bath = Bath(Fault(at_s=20.0, for_s=1.0, what="brown-out", sensor="scd4x"))
    measure = {"bus": 1, "address": 0x62, "command": b"\xec\x05", "count": 9}
    bath.ask("W", bytes((1, 0x62)) + b"\x21\xb1", 2.0)
    assert bath.answers(10.0, **measure)  # type: ignore[arg-type]  # keywords by a table
    assert not bath.answers(20.5, **measure)  # type: ignore[arg-type]  # the same
    assert bath.witness[-1].why == "no power"
    assert not bath.answers(40.0, **measure)  # type: ignore[arg-type]  # the same
    bath.ask("W", bytes((1, 0x62)) + b"\x21\xb1", 41.0)
    assert bath.answers(50.0, **measure)  # type: ignore[arg-type]  # the same


SCL, SDA = 5, 4


def clock_once(bath: Bath, at_s: float) -> None:
    bath.ask("O", bytes((SCL, 0)), at_s)
    bath.ask("O", bytes((SCL, 1)), at_s)


def stop(bath: Bath, at_s: float) -> None:
    for pin, level in ((SCL, 0), (SDA, 0), (SCL, 1), (SDA, 1)):
        bath.ask("O", bytes((pin, level)), at_s)


def test_a_stuck_bus_holds_sda_for_eight_clocks_and_is_free_after_a_stop_the_other_bus_goes_on() -> None:
    bath = Bath(Fault(at_s=5.0, for_s=100.0, what="stuck-bus", sensor="sht4x"))
    bath.ask("C", bytes((0, SCL, SDA)), 1.0)
    assert bath.answers(4.0)
    assert not bath.answers(6.0)
    assert bath.witness[-1].why == "stuck bus"
    assert bath.answers(6.0, bus=1, address=0x62, command=b"\xe4\xb8", count=3)
    for clocks in range(8):
        assert bath.ask("I", bytes((SDA,)), 7.0) == b"\0", clocks
        clock_once(bath, 7.0)
    assert bath.ask("I", bytes((SDA,)), 7.0) == b"\1"
    assert not bath.answers(8.0)
    stop(bath, 9.0)
    assert bath.answers(10.0)


def test_a_stop_before_the_clocks_frees_nothing_and_a_power_cut_does() -> None:
    bath = Bath(Fault(at_s=5.0, for_s=100.0, what="stuck-bus", sensor="sht4x"))
    bath.ask("C", bytes((0, SCL, SDA)), 1.0)
    for _ in range(3):
        stop(bath, 6.0)
    assert not bath.answers(7.0)
    bath.board.start("power-on", moment(8.0))
    assert bath.answers(9.0)
