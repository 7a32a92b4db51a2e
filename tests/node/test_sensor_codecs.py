"""Sensor codecs against published vectors (datasheets; see each driver's docstring)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_node.sensors import dht, scd4x, sensirion, sht4x
from aircue_node.sensors.errors import ChecksumError, RangeError


def _dht(hexadecimal: str) -> list[int]:
    frame = bytes.fromhex(hexadecimal)
    return dht.decode_dht22(frame + bytes([sum(frame) & 0xFF]) if len(frame) == 4 else frame)


def _word(value: int) -> bytes:
    data = value.to_bytes(2, "big")
    return data + bytes([sensirion.crc8(data)])


def test_crc_of_the_datasheets_example() -> None:
    assert sensirion.crc8(b"\xbe\xef") == 0x92


@pytest.mark.parametrize(("word", "crc"), [("8000", 0xA2), ("6666", 0x93), ("0000", 0x81), ("ffff", 0xAC)])
def test_crc_of_sgp40s_datasheet(word: str, crc: int) -> None:
    assert sensirion.crc8(bytes.fromhex(word)) == crc


def test_scd4x_measurement_of_the_datasheet() -> None:
    assert scd4x.decode(bytes.fromhex("01F4336667A25EB93C")) == [500, 2500, 3700]


def test_dht22_frame_of_the_datasheet() -> None:
    assert _dht("028C015FEE") == [3510, 6520]


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [("8065", -1010), ("FFE9", -230), ("0FF8", -80), ("8001", -10), ("0000", 0), ("0320", 8000), ("8190", -4000)],
)
def test_dht22_negatives_in_all_three_encodings(temperature: str, expected: int) -> None:
    assert _dht(f"0190{temperature}") == [expected, 4000]


@given(st.integers(-400, 800))
def test_dht22_one_rule_reads_every_encoding_over_the_whole_range(tenths: int) -> None:
    words = {tenths & 0xFFFF, tenths & 0x0FFF, abs(tenths) | (0x8000 if tenths < 0 else 0)}
    for word in words:
        assert _dht(f"0190{word:04x}")[0] == tenths * 10


@pytest.mark.parametrize("frame", ["03E9015F", "01900321", "01908191"])
def test_dht22_beyond_its_range_is_refused(frame: str) -> None:
    with pytest.raises(RangeError):
        _dht(frame)


def test_dht22_with_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(ChecksumError):
        _dht("028C015FEF")


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_sht4x_is_the_datasheets_formula_rounded_to_hundredths(temperature: int, humidity: int) -> None:
    degrees = -45 + 175 * temperature / 65535
    percent = min(max(-6 + 125 * humidity / 65535, 0), 100)
    answer = _word(temperature) + _word(humidity)
    if degrees < -40.005:
        with pytest.raises(RangeError):
            sht4x.decode(answer)
    elif -39.995 < degrees < 124.995:
        assert sht4x.decode(answer) == pytest.approx([degrees * 100, percent * 100], abs=0.501)


@given(st.integers(0, 5), st.integers(1, 255))
def test_sht4x_with_one_changed_byte_is_refused(where: int, change: int) -> None:
    answer = bytearray(_word(0x6666) + _word(0x8000))
    answer[where] ^= change
    with pytest.raises(ChecksumError):
        sht4x.decode(answer)


@pytest.mark.parametrize(("answer", "ready"), [("8000A2", False), ("8006", True), ("0000", False), ("07FF", True)])
def test_scd4x_is_ready_when_one_of_the_lowest_eleven_bits_is_set(answer: str, ready: bool) -> None:
    data = bytes.fromhex(answer)[:2]
    assert scd4x.is_ready(data + bytes([sensirion.crc8(data)])) is ready


def test_scd4x_beyond_its_range_is_refused() -> None:
    with pytest.raises(RangeError):
        scd4x.decode(_word(40001) + _word(0x6667) + _word(0x5EB9))
