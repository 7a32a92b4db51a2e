"""A simulated UART: bytes one after the other, a FIFO that overflows, a baud rate that must fit."""

from aircue_hil.air import Air
from aircue_hil.sensors.model import Glitches
from aircue_hil.sensors.pms5003 import Pms5003
from aircue_hil.uart import Wire

AIR = Air(temperature_c=21.0, humidity_pct=55.0, pm25_ugm3=12.0)
S = 1_000_000


def wire() -> Wire:
    """It speaks every second from 1 s on."""
    made = Wire(Pms5003(seed="seed", glitches=Glitches()))
    made.power_on(0)
    return made


def test_bytes_come_one_after_the_other() -> None:
    one = wire()
    one.listen(S, AIR)
    assert one.waiting(S) == 0
    assert one.waiting(S + 11_000) == 10
    assert one.waiting(S + 40_000) == 32


def test_a_measurement_counts_when_its_last_byte_is_read() -> None:
    one = wire()
    one.listen(S, AIR)
    first, none = one.read(31, S + 40_000)
    last, replies = one.read(31, S + 40_000)
    assert none == []
    assert first + last == replies[0].data


def test_what_nobody_reads_overflows() -> None:
    one = wire()
    one.listen(20 * S, AIR)
    assert one.waiting(30 * S) == 256
    assert one.waiting(30 * S) == 256


def test_at_another_baud_rate_bytes_are_wrong_and_count_as_nothing() -> None:
    one = wire()
    one.listen(S, AIR)
    one.baudrate = 115_200
    data, replies = one.read(32, 2 * S)
    assert data[:2] != b"\x42\x4d"
    assert replies == []


def test_unplugged_the_bytes_under_way_never_come() -> None:
    one = wire()
    one.listen(S, AIR)
    one.silence(S + 11_000)
    assert one.waiting(2 * S) == 10
