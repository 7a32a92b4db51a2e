"""Sensor codecs against published vectors (datasheets; see each driver's docstring)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_node.sensors import dht, scd4x, sensirion, sht3x, sht4x
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


def _dht11(humidity: int, humidity_tenths: int, degrees: int, tenths: int, change: int = 0) -> list[int]:
    body = bytes((humidity, humidity_tenths, degrees, tenths))
    return dht.decode_dht11(body + bytes(((sum(body) + change) & 0xFF,)))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ((53, 0, 24, 4), [2440, 5300]),
        ((53, 9, 10, 0x81), [-1010, 5390]),
        ((0, 0, 0, 0x85), [-50, 0]),
        ((100, 0, 60, 0), [6000, 10000]),
        ((20, 0, 20, 0x80), [-2000, 2000]),
    ],
)
def test_dht11_has_tenths_in_bytes_of_their_own_and_the_sign_in_bit_7(
    frame: tuple[int, int, int, int], expected: list[int]
) -> None:
    assert _dht11(*frame) == expected


@pytest.mark.parametrize(
    "frame", [(100, 1, 20, 0), (50, 0, 60, 1), (50, 0, 20, 0x81), (50, 10, 20, 0), (50, 0, 20, 10), (50, 0, 20, 0x8A)]
)
def test_dht11_beyond_its_range_is_refused(frame: tuple[int, int, int, int]) -> None:
    with pytest.raises(RangeError):
        _dht11(*frame)


def test_a_frame_of_a_dht22_read_as_a_dht11_is_refused_and_says_so() -> None:
    with pytest.raises(RangeError, match="is it a dht22"):
        dht.decode_dht11(bytes.fromhex("028C015FEE"))


@given(st.integers(1, 255))
def test_dht11_with_a_wrong_checksum_is_refused(change: int) -> None:
    with pytest.raises(ChecksumError):
        _dht11(53, 0, 24, 4, change)


def test_a_clone_whose_checksum_leaves_the_tenths_out_is_refused_and_named() -> None:
    with pytest.raises(ChecksumError, match="leaves the tenths out"):
        dht.decode_dht11(bytes((53, 0, 24, 4, 77)))
    assert dht.decode_dht11(bytes((53, 0, 24, 0, 77))) == [2400, 5300]


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_sht3x_is_the_datasheets_formula_rounded_to_hundredths(temperature: int, humidity: int) -> None:
    degrees, percent = -45 + 175 * temperature / 65535, 100 * humidity / 65535
    answer = _word(temperature) + _word(humidity)
    if degrees < -40.005 or degrees > 125.005:
        with pytest.raises(RangeError):
            sht3x.decode(answer)
    elif -39.995 < degrees < 124.995:
        assert sht3x.decode(answer) == pytest.approx([degrees * 100, percent * 100], abs=0.501)


@pytest.mark.parametrize(("word", "centi"), [(1872, -4000), (63662, 12500), (0x6666, 2500)])
def test_sht3x_at_the_ends_of_its_range(word: int, centi: int) -> None:
    assert sht3x.decode(_word(word) + _word(0x8000)) == [centi, 5000]


@pytest.mark.parametrize("word", [1870, 63665])
def test_sht3x_beyond_its_range_is_refused(word: int) -> None:
    with pytest.raises(RangeError):
        sht3x.decode(_word(word) + _word(0x8000))


@given(st.integers(0, 5), st.integers(1, 255))
def test_sht3x_with_one_changed_byte_is_refused(where: int, change: int) -> None:
    answer = bytearray(_word(0x6666) + _word(0x8000))
    answer[where] ^= change
    with pytest.raises(ChecksumError):
        sht3x.decode(answer)


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
