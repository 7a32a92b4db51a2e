"""Sensor codecs against published vectors (datasheets; see each driver's docstring)."""

import ast
import struct
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aircue_node.sensors import bme280, dht, mhz19, mq135, pms5003, scd4x, sensirion, serial, sgp40, sht3x, sht4x
from aircue_node.sensors.errors import BrokenError, ChecksumError, MissingError, RangeError, StaleError


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


@pytest.mark.parametrize("span", [10000, 12500, 17500])
def test_crc_free_scale_is_rounded_right_for_every_word_of_sht_and_scd(span: int) -> None:
    """No word lies half-way between two whole numbers, so that a double tells which is nearer."""
    assert all(sensirion.scaled(word, span) == int(span * word / 65535 + 0.5) for word in range(65536))


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


def test_dht22_ends_at_100_percent() -> None:
    assert _dht("03E8015F") == [3510, 10000]


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
        ((53, 0, 24, 5), [2450, 5300]),
        ((53, 9, 10, 0x81), [-1010, 5390]),
        ((0, 0, 0, 0x85), [-50, 0]),
        ((53, 0, 24, 9), [2490, 5300]),
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
    for frame in ((53, 2, 24, 4, 0), (53, 2, 24, 4, 78), (53, 2, 24, 4, 76), (2, 53, 4, 24, 77)):
        with pytest.raises(ChecksumError, match="wrong checksum"):
            dht.decode_dht11(bytes(frame))


def test_commands_of_the_datasheets_of_sht3x_sht4x_scd4x_and_sgp40() -> None:
    assert [sht3x.SOFT_RESET.hex(), sht3x.MEASURE_HIGH_REPEATABILITY.hex()] == ["30a2", "2400"]
    assert [sht4x.SOFT_RESET.hex(), sht4x.MEASURE_HIGH_PRECISION.hex()] == ["94", "fd"]
    assert [scd4x.START_PERIODIC.hex(), scd4x.DATA_READY.hex(), scd4x.READ_MEASUREMENT.hex()] == [
        "21b1",
        "e4b8",
        "ec05",
    ]
    assert [sgp40.MEASURE_RAW.hex(), sgp40.SELF_TEST.hex()] == ["260f", "280e"]


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


@pytest.mark.parametrize(("word", "centi"), [(1872, -4000), (1876, -3999), (63662, 12500), (63660, 12499)])
def test_sht4x_at_the_ends_of_its_range(word: int, centi: int) -> None:
    assert sht4x.decode(_word(word) + _word(0x8000)) == [centi, 5650]


@pytest.mark.parametrize("word", [1870, 63665])
def test_sht4x_beyond_its_range_is_refused(word: int) -> None:
    with pytest.raises(RangeError):
        sht4x.decode(_word(word) + _word(0x8000))


@pytest.mark.parametrize(
    ("word", "centi"),
    [(0, 0), (3145, 0), (3148, 0), (3149, 1), (55573, 10000), (55570, 9999), (55579, 10000), (65535, 10000)],
)
def test_sht4x_humidity_beyond_0_and_100_is_cut_to_them(word: int, centi: int) -> None:
    exact = int(min(max(12500 * word / 65535 - 600, 0), 10000) + 0.5)
    assert sht4x.decode(_word(0x8000) + _word(word))[1] == exact == centi


@given(st.integers(0, 5), st.integers(1, 255))
def test_sht4x_with_one_changed_byte_is_refused(where: int, change: int) -> None:
    answer = bytearray(_word(0x6666) + _word(0x8000))
    answer[where] ^= change
    with pytest.raises(ChecksumError):
        sht4x.decode(answer)


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        ("8000A2", False),
        ("8006", True),
        ("0000", False),
        ("07FF", True),
        ("0001", True),
        ("0400", True),
        ("0800", False),
    ],
)
def test_scd4x_is_ready_when_one_of_the_lowest_eleven_bits_is_set(answer: str, ready: bool) -> None:
    data = bytes.fromhex(answer)[:2]
    assert scd4x.is_ready(data + bytes([sensirion.crc8(data)])) is ready


@given(st.integers(0, 40000), st.integers(0, 65535), st.integers(0, 65535))
@example(40000, 65535, 65535)
def test_scd4x_is_the_datasheets_formulas_rounded(co2: int, temperature: int, humidity: int) -> None:
    expected = [co2, int(17500 * temperature / 65535 + 0.5) - 4500, int(10000 * humidity / 65535 + 0.5)]
    assert scd4x.decode(_word(co2) + _word(temperature) + _word(humidity)) == expected


def test_scd4x_beyond_its_range_is_refused() -> None:
    with pytest.raises(RangeError):
        scd4x.decode(_word(40001) + _word(0x6667) + _word(0x5EB9))


def test_sgp40_measuring_command_of_the_datasheet() -> None:
    assert sgp40.request(2500, 5000) == bytes.fromhex("260f 8000a2 666693")


@given(st.integers(-4500, 13000), st.integers(0, 10000))
@example(-4500, 0)
@example(13000, 10000)
@example(-2750, 1000)
def test_sgp40_is_told_the_datasheets_words_of_temperature_and_humidity(centi: int, centi_pct: int) -> None:
    humidity, crc_h, temperature, crc_t = struct.unpack(">2xHBHB", sgp40.request(centi, centi_pct))
    assert humidity == pytest.approx(centi_pct / 100 * 65535 / 100, abs=0.501)
    assert temperature == pytest.approx((centi / 100 + 45) * 65535 / 175, abs=0.501)
    if (centi, centi_pct) == (-2750, 1000):  # both lie half-way, and go up
        assert (temperature, humidity) == (6554, 6554)
    assert (crc_h, crc_t) == (
        sensirion.crc8(humidity.to_bytes(2, "big")),
        sensirion.crc8(temperature.to_bytes(2, "big")),
    )


@pytest.mark.parametrize(("centi", "centi_pct"), [(-4501, -1), (13001, 10001), (-30000, 30000)])
def test_sgp40_is_told_the_ends_of_its_scales_for_what_lies_beyond(centi: int, centi_pct: int) -> None:
    cut = min(max(centi, -4500), 13000), min(max(centi_pct, 0), 10000)
    assert sgp40.request(centi, centi_pct) == sgp40.request(*cut)


@given(st.integers(1, 64999))
@example(1)
@example(64999)
def test_sgp40_gives_the_raw_word(raw: int) -> None:
    assert sgp40.decode(_word(raw)) == raw


@pytest.mark.parametrize("raw", [0, 65000, 65535])
def test_sgp40_beyond_its_range_is_refused(raw: int) -> None:
    with pytest.raises(RangeError):
        sgp40.decode(_word(raw))


@given(st.integers(0, 2), st.integers(1, 255))
def test_sgp40_with_one_changed_byte_is_refused(where: int, change: int) -> None:
    answer = bytearray(_word(30000))
    answer[where] ^= change
    with pytest.raises(ChecksumError):
        sgp40.decode(answer)


def test_sgp40_that_passes_its_self_test_says_d400_and_another_is_named_broken() -> None:
    sgp40.check_self_test(bytes.fromhex("d400c6"))
    for result in (0x4B00, 0xD401, 0xD3FF):
        with pytest.raises(BrokenError, match=f"gave 0x{result:04x}: replace it"):
            sgp40.check_self_test(_word(result))


# BMP280 datasheet, section 3.12.
_T = (27504, 26435, -1000)
_P = (36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
_H = (75, 362, 3, 313, -50, 30)
_LOW = struct.pack("<HhhHhhhhhhhh", *_T, *_P) + bytes((0, _H[0]))
# 313 is 0x139 and -50 is 0xFCE: their low nibbles 9 and E share one byte.
_HIGH = bytes.fromhex("6a01 03 13 e9 fc 1e")


def _burst(raw_t: int, raw_p: int, raw_h: int | None = None) -> bytes:
    registers = (raw_p << 4).to_bytes(3, "big") + (raw_t << 4).to_bytes(3, "big")
    return registers if raw_h is None else registers + raw_h.to_bytes(2, "big")


def _t_fine(raw: int) -> float:
    """BST-BME280-DS002 8.1, in floating point, as are the next two."""
    t1, t2, t3 = _T
    return (raw / 16384.0 - t1 / 1024.0) * t2 + (raw / 131072.0 - t1 / 8192.0) ** 2 * t3


def _pascals(t_fine: float, raw: int) -> float:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = _P
    var1 = t_fine / 2.0 - 64000.0
    var2 = var1 * var1 * p6 / 32768.0
    var2 = var2 + var1 * p5 * 2.0
    var2 = var2 / 4.0 + p4 * 65536.0
    var1 = (p3 * var1 * var1 / 524288.0 + p2 * var1) / 524288.0
    var1 = (1.0 + var1 / 32768.0) * p1
    pressure = 1048576.0 - raw
    pressure = (pressure - var2 / 4096.0) * 6250.0 / var1
    var1 = p9 * pressure * pressure / 2147483648.0
    var2 = pressure * p8 / 32768.0
    return pressure + (var1 + var2 + p7) / 16.0


def _percent(h: tuple[int, ...], t_fine: float, raw: int) -> float:
    h1, h2, h3, h4, h5, h6 = h
    var = t_fine - 76800.0
    var = (raw - (h4 * 64.0 + h5 / 16384.0 * var)) * (
        h2 / 65536.0 * (1.0 + h6 / 67108864.0 * var * (1.0 + h3 / 67108864.0 * var))
    )
    return min(max(var * (1.0 - h1 * var / 524288.0), 0.0), 100.0)


def test_bmp280_example_of_the_datasheet() -> None:
    calibration = bme280.Calibration(_LOW)
    assert (calibration.t, calibration.p, calibration.h) == (_T, _P, ())
    assert bme280.fine_temperature(_T, 519888) >> 34 == 128422
    # The datasheet's figure prints 25767236, the 64-bit formula beside it gives 3 less: a hundredth of a pascal.
    assert bme280.pressure(_P, 128422, 415148) == 25767236 - 3
    assert bme280.decode(calibration, _burst(519888, 415148)) == [2508, 10065]


def test_bme280_calibration_has_two_signed_twelve_bit_words_that_share_a_byte() -> None:
    assert bme280.Calibration(_LOW, _HIGH).h == _H
    other = bme280.Calibration(_LOW, bytes.fromhex("6a01 03 f1 2e 03 80")).h
    assert other[3:] == (-256 + 16 + 14, 0x32, -128)


@given(st.integers(314_000, 712_000).filter(lambda raw: raw != 0x80000))
def test_bme280_temperature_is_the_datasheets_formula_rounded_to_hundredths(raw: int) -> None:
    centi = _t_fine(raw) / 51.2
    assert -4000 < centi < 8500
    assert bme280.decode(bme280.Calibration(_LOW), _burst(raw, 415148))[0] == pytest.approx(centi, abs=0.5001)


@given(st.integers(300_000, 650_000), st.integers(340_000, 600_000))
def test_bme280_pressure_is_the_datasheets_formula_within_half_a_pascal(raw_t: int, raw_p: int) -> None:
    t_fine = _t_fine(raw_t)
    assert bme280.pressure(_P, int(t_fine), raw_p) / 256 == pytest.approx(_pascals(t_fine, raw_p), abs=0.5)


@given(
    st.integers(300_000, 650_000),
    st.integers(0, 65535),
    st.tuples(
        st.integers(0, 255),
        st.integers(300, 420),
        st.integers(0, 255),
        st.integers(-2048, 2047),
        st.integers(-2048, 2047),
        st.integers(-128, 127),
    ),
)
def test_bme280_humidity_is_the_datasheets_formula_rounded_to_hundredths(
    raw_t: int, raw_h: int, h: tuple[int, ...]
) -> None:
    t_fine = int(_t_fine(raw_t))
    assert bme280.humidity(h, t_fine, raw_h) == pytest.approx(100 * _percent(h, t_fine, raw_h), abs=0.51)


def test_bme280_gives_temperature_humidity_and_pressure_in_this_order() -> None:
    values = bme280.decode(bme280.Calibration(_LOW, _HIGH), _burst(519888, 415148, 30000))
    percent = _percent(_H, 128422, 30000)
    assert 40 < percent < 70
    assert values == [2508, round(100 * percent), 10065]


@pytest.mark.parametrize(("raw_h", "centi"), [(0, 0), (65535, 10000)])
def test_bme280_humidity_ends_at_0_and_100(raw_h: int, centi: int) -> None:
    assert bme280.decode(bme280.Calibration(_LOW, _HIGH), _burst(519888, 415148, raw_h))[1] == centi


@pytest.mark.parametrize(
    ("raw_t", "raw_p", "raw_h"), [(0x80000, 415148, 1), (519888, 0x80000, 1), (519888, 415148, 0x8000)]
)
def test_bme280_with_a_skipped_conversion_has_nothing_to_give(raw_t: int, raw_p: int, raw_h: int) -> None:
    with pytest.raises(StaleError, match="check its power"):
        bme280.decode(bme280.Calibration(_LOW, _HIGH), _burst(raw_t, raw_p, raw_h))


@pytest.mark.parametrize(
    ("raw_t", "raw_p", "named"),
    [
        (313689, 415148, "temperature outside"),
        (712491, 415148, "temperature outside"),
        (519888, 0, "pressure outside"),
        (519888, 1000000, "pressure outside"),
    ],
)
def test_bme280_beyond_its_range_is_refused(raw_t: int, raw_p: int, named: str) -> None:
    with pytest.raises(RangeError, match=named):
        bme280.decode(bme280.Calibration(_LOW), _burst(raw_t, raw_p))


@pytest.mark.parametrize(("centi", "fits"), [(-4001, False), (-4000, True), (8500, True), (8501, False)])
def test_bme280_measures_minus_40_to_85_degrees_ends_included(centi: int, fits: bool) -> None:
    fine = (centi * 512 << 34) // 10
    if fits:
        assert bme280._centi(fine) == centi
    else:
        with pytest.raises(RangeError, match="temperature outside"):
            bme280._centi(fine)


@pytest.mark.parametrize("tenths", [3000, 10132, 11000])
def test_bme280_pressure_is_rounded_to_tenths_of_a_hpa_within_300_to_1100(tenths: int) -> None:
    """A tenth is 10 Pa, and 256 steps are a Pa."""
    assert bme280._decihecto(tenths * 2560 - 1280) == tenths
    assert bme280._decihecto(tenths * 2560 + 1279) == tenths


@pytest.mark.parametrize("pascals_256", [3000 * 2560 - 1281, 11000 * 2560 + 1280])
def test_bme280_pressure_beyond_300_to_1100_is_refused(pascals_256: int) -> None:
    with pytest.raises(RangeError, match="pressure outside"):
        bme280._decihecto(pascals_256)


@given(st.integers(0, 0xFFFFF), st.integers(0, 15), st.integers(0, 9))
def test_bme280_conversions_are_the_upper_20_bits_of_three_bytes(raw: int, rest: int, at: int) -> None:
    burst = bytes(at) + (raw << 4 | rest).to_bytes(3, "big") + b"\xff"
    assert bme280.raw20(burst, at) == raw


@pytest.mark.parametrize("empty", ["t1", "p1", "all"])
def test_bme280_without_a_calibration_is_refused(empty: str) -> None:
    low = {"t1": bytes(2) + _LOW[2:], "p1": _LOW[:6] + bytes(2) + _LOW[8:], "all": bytes(26)}[empty]
    with pytest.raises(RangeError, match="empty calibration"):
        bme280.Calibration(low)


def test_bme280_of_whose_calibration_only_other_words_are_0_or_all_are_1_is_accepted() -> None:
    others = struct.pack("<HhhHhhhhhhhh", 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0) + bytes(2)
    assert bme280.Calibration(others).t == (1, 0, 0)


def test_bme280_knows_its_family_by_their_ids_and_its_commands_by_their_registers() -> None:
    family = {"bmp280": (0x56, 0x57, 0x58), "bme280": (0x60,), "bme680": (0x61,)}
    assert {ident: name for name, idents in family.items() for ident in idents} == bme280.PARTS
    assert [bme280._MEASURE.hex(), bme280._MEASURE_WITH_HUMIDITY.hex(), bme280._RESET.hex()] == [
        "f425",
        "f201f425",
        "e0b6",
    ]


def _mhz19(co2: int) -> bytes:
    body = bytes((0x86, co2 >> 8, co2 & 0xFF, 0x47, 0, 0, 0))
    return b"\xff" + body + bytes(((0x100 - sum(body)) & 0xFF,))


def test_mhz19_answer_of_the_datasheet() -> None:
    assert mhz19.decode(bytes.fromhex("FF 86 02 60 47 00 00 00 D1")) == [608]


def test_mhz19_request_carries_its_own_checksum() -> None:
    assert bytes.fromhex("FF 01 86 00 00 00 00 00 79") == mhz19.READ_CO2
    assert mhz19.is_sound(mhz19.READ_CO2)


@given(st.integers(0, 10_000))
@example(10_000)
def test_mhz19_reads_every_value_of_its_range(co2: int) -> None:
    assert mhz19.decode(_mhz19(co2)) == [co2]


def test_mhz19_beyond_its_range_is_refused() -> None:
    with pytest.raises(RangeError):
        mhz19.decode(_mhz19(10_001))


@given(st.integers(1, 8), st.integers(1, 255))
def test_mhz19_with_one_changed_byte_is_refused(where: int, change: int) -> None:
    frame = bytearray(_mhz19(608))
    frame[where] ^= change
    with pytest.raises(ChecksumError):
        mhz19.decode(bytes(frame))


def _pms(*words: int) -> bytes:
    whole = bytes.fromhex("424D001C") + struct.pack(">13H", *words)
    return whole + sum(whole).to_bytes(2, "big")


def test_pms_commands_of_the_data_manual() -> None:
    commands = [pms5003.PASSIVE, pms5003.READ, pms5003.WAKE]
    assert commands == [bytes.fromhex(text) for text in ("424DE100000170", "424DE200000171", "424DE400010174")]
    assert [sum(one[:5]) for one in commands] == [int.from_bytes(one[5:], "big") for one in commands]


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
@example(1000, 1000, 1000)
@example(256, 255, 511)
def test_pms_publishes_the_fourth_to_the_sixth_word_in_tenths(pm1: int, pm25: int, pm10: int) -> None:
    frame = _pms(1, 2, 3, pm1, pm25, pm10, 7, 8, 9, 10, 11, 12, 13)
    assert pms5003.decode(frame) == [pm1 * 10, pm25 * 10, pm10 * 10]


@pytest.mark.parametrize("dust", [(1001, 5, 6), (4, 1001, 6), (4, 5, 1001)])
def test_pms_beyond_its_range_is_refused(dust: tuple[int, int, int]) -> None:
    with pytest.raises(RangeError):
        pms5003.decode(_pms(1, 2, 3, *dust, 7, 8, 9, 10, 11, 12, 13))


@given(st.integers(0, 31), st.integers(1, 255))
def test_pms_with_one_changed_byte_is_refused(where: int, change: int) -> None:
    frame = bytearray(_pms(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13))
    frame[where] ^= change
    with pytest.raises(ChecksumError):
        pms5003.decode(bytes(frame))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_frame_is_found_among_garbage(before: bytes, after: bytes) -> None:
    frame = _pms(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
    assert serial.find(before + frame + after, pms5003.HEAD, pms5003.SIZE, pms5003.is_sound) == frame


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_frame_is_found_after_the_beginning_of_another(cut: int) -> None:
    frame = _mhz19(608)
    whole = frame[:cut] + frame
    assert serial.find(whole, mhz19.HEAD, mhz19.SIZE, mhz19.is_sound) == frame
    assert serial.find(whole[:-1], mhz19.HEAD, mhz19.SIZE, mhz19.is_sound) is None


@pytest.mark.parametrize("data", [b"", bytes(20), b"\x86\xff" * 10, mhz19.HEAD + b"\x7a"])
def test_no_frame_is_found_where_no_whole_one_is_though_its_sum_be_right(data: bytes) -> None:
    assert serial.find(data, mhz19.HEAD, mhz19.SIZE, mhz19.is_sound) is None


def test_a_frame_that_begins_one_byte_after_a_head_is_found() -> None:
    assert serial.find(b"\xff\xff\xff\x02", b"\xff\xff", 3, lambda frame: frame[2] == 2) == b"\xff\xff\x02"


def test_of_two_frames_the_first_is_found() -> None:
    data = _mhz19(608) + _mhz19(700)
    assert serial.find(data, mhz19.HEAD, mhz19.SIZE, mhz19.is_sound) == _mhz19(608)


@given(st.integers(1_000, 65_534), st.integers(1_000, 100_000), st.integers(10_000, 200_000), st.integers(2_000, 4_900))
def test_mq135_is_the_ratio_of_resistances(raw: int, load_ohm: int, clean_ohm: int, full_mv: int) -> None:
    volts = full_mv / 1000 * raw / 65535
    ratio = load_ohm * (5.0 / volts - 1.0) / clean_ohm
    assert mq135.decode(raw, load_ohm, clean_ohm, full_mv) == [pytest.approx(1000 * ratio, abs=0.501, rel=1e-9)]


def test_mq135_takes_a_module_of_10_kohm_and_the_manuals_clean_air_on_a_pin_of_3_3_v_unless_told() -> None:
    assert (mq135.LOAD_OHM, mq135.CLEAN_OHM, mq135.FULL_SCALE_MV) == (10_000, 76_630, 3_300)


def test_mq135_at_exactly_20_mv_has_an_answer_and_at_exactly_5_v_none() -> None:
    """65535 steps of 4369 mV: 300 of them are 20 mV; of 7500 mV: 43690 of them are 5 V."""
    assert mq135.decode(300, 10_000, 76_630, 4_369) == [32_494]
    with pytest.raises(MissingError):
        mq135.decode(299, 10_000, 76_630, 4_369)
    with pytest.raises(RangeError):
        mq135.decode(43_690, 10_000, 76_630, 7_500)
    assert mq135.decode(43_689, 10_000, 76_630, 7_500) == [0]


def test_mq135_in_clean_air_is_one() -> None:
    """5 V over 76.63 and 10 kohm leaves 0.5772 V at the load."""
    assert mq135.decode(round(0.5772 / 3.3 * 65535), 10_000, 76_630, 3300) == [1000]


@pytest.mark.parametrize("raw", [0, 397])
def test_mq135_without_a_voltage_is_missing(raw: int) -> None:
    with pytest.raises(MissingError, match="check wiring"):
        mq135.decode(raw, 10_000, 76_630, 3300)
    assert mq135.decode(398, 10_000, 76_630, 3300)


@pytest.mark.parametrize(("raw", "full_mv"), [(65535, 3300), (54613, 6000)])
def test_mq135_beyond_the_converter_or_its_supply_is_refused(raw: int, full_mv: int) -> None:
    with pytest.raises(RangeError, match="divider"):
        mq135.decode(raw, 10_000, 76_630, full_mv)
    assert mq135.decode(raw - 1, 10_000, 76_630, full_mv)


FIRMWARE = Path(sensirion.__file__).parent


@pytest.mark.parametrize("name", sorted(path.name for path in FIRMWARE.glob("*.py") if path.name != "voc_index.py"))
def test_a_driver_computes_in_integers_so_that_a_boards_32_bit_floats_cannot_round(name: str) -> None:
    """The VOC index alone needs floats; its own tests run it in 32 bits."""
    nodes = list(ast.walk(ast.parse((FIRMWARE / name).read_text())))
    assert not [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, float)]
    assert not [node for node in nodes if isinstance(node, ast.Div)]
    assert not [node for node in nodes if isinstance(node, ast.Name) and node.id == "float"]
