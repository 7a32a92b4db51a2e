"""Simulated sensors: one property suite for every model that is listed, then what each part's datasheet says.

Expected bytes are published vectors or worked out here by a naive decoder, never by the firmware's drivers.
"""

import copy
from collections.abc import Callable
from decimal import Decimal

import pytest

from aircue_hil.air import Air
from aircue_hil.sensors import I2C_MODELS, LINE_MODELS, MODELS, dht, dht11, dht22, mhz19, pms5003, scd4x, sht3x, sht4x
from aircue_hil.sensors.bme280 import Bme280, Bmp280, Bosch
from aircue_hil.sensors.dht11 import Dht11
from aircue_hil.sensors.dht22 import Dht22
from aircue_hil.sensors.mhz19 import Mhz19
from aircue_hil.sensors.model import DhtSensor, Glitches, I2cSensor, Reply, UartSensor, crc8
from aircue_hil.sensors.mq135 import Mq135
from aircue_hil.sensors.pms5003 import Pms5003
from aircue_hil.sensors.scd4x import Scd4x
from aircue_hil.sensors.sgp40 import Sgp40
from aircue_hil.sensors.sht3x import Sht3x
from aircue_hil.sensors.sht4x import Sht4x

AIR = Air(temperature_c=21.0, humidity_pct=55.0, co2_ppm=900.0, pm25_ugm3=37.0)
TRUE = {
    "temperature": 21.0,
    "humidity": 55.0,
    "co2": 900.0,
    "pressure": 1013.25,
    "pm1": 25.9,
    "pm25": 37.0,
    "pm10": 44.4,
    "gas_ratio": 0.767,
    "voc_index": 100.0,
}
ACCURACY = {
    "temperature": 1.2,
    "humidity": 8.0,
    "co2": 130.0,
    "pressure": 1.5,
    "pm1": 7.0,
    "pm25": 8.0,
    "pm10": 10.0,
    "gas_ratio": 0.2,
    "voc_index": 30.0,
}
COARSE = {("dht11", "temperature"): 2.5}
NO_GLITCH = Glitches()
S = 1_000_000
START = 1_768_368_600 * S

Read = Callable[[str, Glitches, int], list[Reply]]


def read_sht4x(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Sht4x(seed=seed, glitches=glitches)
    sensor.power_on(START - S)
    replies = []
    for now in range(START, START + count * 30 * S, 30 * S):
        written = sensor.write(b"\xfd", now, AIR)
        replies.append(sensor.read(6, now + 10_000) if written.ack else written)
    return replies


def read_sht3x(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Sht3x(seed=seed, glitches=glitches)
    sensor.power_on(START - S)
    replies = []
    for now in range(START, START + count * 30 * S, 30 * S):
        written = sensor.write(b"\x24\x00", now, AIR)
        replies.append(sensor.read(6, now + 15_500) if written.ack else written)
    return replies


def read_scd4x(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Scd4x(seed=seed, glitches=glitches)
    sensor.power_on(START - 3600 * S)
    while not sensor.write(b"\x21\xb1", START - 600 * S, AIR).ack and glitches.nack < 1.0:
        pass
    replies = []
    for now in range(START, START + count * 30 * S, 30 * S):
        written = sensor.write(b"\xec\x05", now, AIR)
        replies.append(sensor.read(9, now + 1_000) if written.ack else written)
    return replies


def read_bme280(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    return read_bosch(Bme280(seed=seed, glitches=glitches), count)


def read_bmp280(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    return read_bosch(Bmp280(seed=seed, glitches=glitches), count)


def read_bosch(sensor: Bosch, count: int) -> list[Reply]:
    """The whole burst after one forced measurement; of a failure the first one."""
    sensor.power_on(START - S)
    replies = []
    for now in range(START, START + count * 30 * S, 30 * S):
        forced = sensor.write(b"\xf2\x01\xf4\x25", now, AIR)
        pointed = sensor.write(b"\xf7", now + 9_300, AIR)
        burst = sensor.read(sensor.burst, now + 9_300)
        replies.append(next((reply for reply in (forced, pointed) if not reply.ack), burst))
    return replies


def read_mhz19(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Mhz19(seed=seed, glitches=glitches)
    sensor.power_on(START - 600 * S)
    return read_asked(sensor, bytes.fromhex("ff 01 86 00 00 00 00 00 79"), count)


def read_pms5003(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Pms5003(seed=seed, glitches=glitches)
    sensor.power_on(START - 600 * S)
    sensor.write(bytes.fromhex("42 4d e1 00 00 01 70"), START - 600 * S, AIR)
    sensor.sent(START - S, AIR)
    return read_asked(sensor, bytes.fromhex("42 4d e2 00 00 01 71"), count)


def read_asked(sensor: UartSensor, request: bytes, count: int) -> list[Reply]:
    replies = []
    for now in range(START, START + count * 30 * S, 30 * S):
        sensor.write(request, now, AIR)
        replies += [reply for _, reply in sensor.sent(now + S, AIR)]
    return replies


def read_dht11(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Dht11(seed=seed, glitches=glitches)
    sensor.power_on(START - 10 * S, AIR)
    return [sensor.frame(18_000, now, AIR) for now in range(START, START + count * 30 * S, 30 * S)]


def read_dht22(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Dht22(seed=seed, glitches=glitches)
    sensor.power_on(START - 10 * S, AIR)
    return [sensor.frame(18_000, now, AIR) for now in range(START, START + count * 30 * S, 30 * S)]


def read_mq135(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    sensor = Mq135(seed=seed, glitches=glitches)
    sensor.power_on(START - 600 * S)
    return [sensor.convert(now, AIR) for now in range(START, START + count * 30 * S, 30 * S)]


SGP40_MEASURE = bytes.fromhex("260f 8ccc2c 608cd3")


def read_sgp40(seed: str, glitches: Glitches, count: int) -> list[Reply]:
    """One answer each 30 s after a quarter of an hour of one a second, so that the index is there."""
    sensor = Sgp40(seed=seed, glitches=glitches)
    sensor.power_on(START - 2000 * S)
    replies = []
    for second in range(-900, 30 * count):
        now = START + second * S
        written = sensor.write(SGP40_MEASURE, now, AIR)
        reply = sensor.read(3, now + 30_000) if written.ack else written
        if second >= 0 and second % 30 == 0:
            replies.append(reply)
    return replies


READ: dict[str, Read] = {
    "bme280": read_bme280,
    "bmp280": read_bmp280,
    "sht3x": read_sht3x,
    "sht4x": read_sht4x,
    "scd4x": read_scd4x,
    "sgp40": read_sgp40,
    "mhz19": read_mhz19,
    "mq135": read_mq135,
    "pms5003": read_pms5003,
    "pms7003": read_pms5003,
    "dht11": read_dht11,
    "dht22": read_dht22,
}


CHECKED = [name for name in MODELS if "crc" in MODELS[name].glitches]


def accuracy(name: str, quantity: str) -> float:
    return COARSE.get((name, quantity), ACCURACY[quantity])


def frame_of(pulses: tuple[int, ...]) -> bytes:
    """A naive decoder of a DHT pulse train: high, low, high, then 40 times low and high."""
    bits = "".join("1" if high > 48 else "0" for high in pulses[4:84:2])
    return int(bits, 2).to_bytes(5, "big")


def is_sound(name: str, reply: Reply) -> bool:
    """Whether CRCs or the checksum of a reply are right; parts without either have nothing that could be wrong."""
    if "crc" not in MODELS[name].glitches:
        return True
    if reply.pulses:
        frame = frame_of(reply.pulses)
        return sum(frame[:4]) & 0xFF == frame[4]
    data = reply.data
    if name == "mhz19":
        return data[0] == 0xFF and sum(data[1:]) % 256 == 0
    if name.startswith("pms"):
        return data[:2] == b"\x42\x4d" and sum(data[:30]) == int.from_bytes(data[30:], "big")
    return all(crc8(data[i : i + 2]) == data[i + 2] for i in range(0, len(data), 3))


def test_every_listed_model_is_read_here() -> None:
    assert set(READ) == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_measurement_is_sound_and_near_the_true_air(name: str) -> None:
    for reply in READ[name]("seed", NO_GLITCH, 20):
        assert reply.ack
        assert is_sound(name, reply)
        assert tuple(one.quantity for one in reply.measured) == MODELS[name].quantities
        for one in reply.measured:
            assert float(one.value) == pytest.approx(TRUE[one.quantity], abs=accuracy(name, one.quantity))


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_is_the_same_specimen_and_another_is_another(name: str) -> None:
    assert READ[name]("one", NO_GLITCH, 5) == READ[name]("one", NO_GLITCH, 5)
    assert READ[name]("one", NO_GLITCH, 5) != READ[name]("other", NO_GLITCH, 5)


@pytest.mark.parametrize("name", MODELS)
def test_noise_is_there_and_small(name: str) -> None:
    values = [float(reply.measured[0].value) for reply in READ[name]("seed", NO_GLITCH, 50)]
    assert len(set(values)) > 1
    assert max(values) - min(values) < accuracy(name, MODELS[name].quantities[0])


@pytest.mark.parametrize("name", CHECKED)
def test_a_flipped_bit_is_seen_by_the_check_and_delivers_no_value(name: str) -> None:
    for reply in READ[name]("seed", Glitches(crc=1.0), 20):
        assert not is_sound(name, reply)
        assert reply.why in ("crc", "checksum")
        assert reply.measured == ()


@pytest.mark.parametrize("name", [name for name in MODELS if "nack" in MODELS[name].glitches])
def test_a_nack_delivers_nothing_and_says_so(name: str) -> None:
    for reply in READ[name]("seed", Glitches(nack=1.0), 5):
        assert (reply.ack, reply.data, reply.pulses, reply.measured) == (False, b"", (), ())
        assert reply.why


@pytest.mark.parametrize("name", MODELS)
def test_a_spike_is_a_wrong_value_under_a_right_check(name: str) -> None:
    for reply in READ[name]("seed", Glitches(spike=1.0), 20):
        assert is_sound(name, reply)
        assert reply.why == "spike"
        assert any(abs(float(one.value) - TRUE[one.quantity]) > 5.0 for one in reply.measured)


@pytest.mark.parametrize("name", CHECKED)
def test_glitches_come_at_about_their_rate(name: str) -> None:
    spoilt = [reply for reply in READ[name]("seed", Glitches(crc=0.1), 400) if reply.why in ("crc", "checksum")]
    assert 15 < len(spoilt) < 80


@pytest.mark.parametrize("name", I2C_MODELS)
def test_an_i2c_sensor_answers_nothing_before_it_is_powered_up(name: str) -> None:
    sensor: I2cSensor = I2C_MODELS[name](seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START)
    assert not sensor.write(b"\xfd", START, AIR).ack
    assert not sensor.read(6, START).ack


@pytest.mark.parametrize("name", ["sht3x", "sht4x", "scd4x", "sgp40"])
def test_a_sensirion_sensor_answers_nothing_without_a_command_that_it_knows(name: str) -> None:
    sensor: I2cSensor = I2C_MODELS[name](seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START)
    assert not sensor.read(6, START + 10 * S).ack
    assert not sensor.write(b"\x01", START + 10 * S, AIR).ack


@pytest.mark.parametrize("name", LINE_MODELS)
def test_a_line_sensor_wants_its_start_pulse_and_its_pause(name: str) -> None:
    sensor: DhtSensor = LINE_MODELS[name](seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START, AIR)
    assert not sensor.frame(18_000, START + S // 2, AIR).ack
    assert not sensor.frame(500, START + 2 * S, AIR).ack
    assert sensor.frame(18_000, START + 2 * S, AIR).ack
    assert not sensor.frame(18_000, START + 2 * S + 900_000, AIR).ack
    assert sensor.frame(18_000, START + 4 * S, AIR).ack


def test_sensirion_crc_vectors() -> None:
    assert [crc8(bytes.fromhex(word)) for word in ("beef", "0000", "ffff", "8000")] == [0x92, 0x81, 0xAC, 0xA2]


def test_scd4x_example_of_the_datasheet() -> None:
    reply = scd4x.encode(0x01F4, 0x6667, 0x5EB9)
    assert reply.data == bytes.fromhex("01f433 6667a2 5eb93c")
    assert [round(one.value, 1) for one in reply.measured] == [Decimal(500), Decimal("25.0"), Decimal("37.0")]


def test_dht22_example_of_the_datasheet_and_below_zero() -> None:
    assert dht22.encode(351, 652) == bytes.fromhex("028c015f")
    assert Dht22(seed="seed", glitches=NO_GLITCH).summed(bytes.fromhex("028c015f")) == 0xEE
    assert [one.value for one in dht.stand_for(351, 652)] == [Decimal("35.1"), Decimal("65.2")]
    assert dht22.encode(-101, 652)[2:4] == bytes.fromhex("8065")


def test_dht22_answers_again_only_after_two_seconds() -> None:
    sensor = Dht22(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START, AIR)
    assert sensor.frame(1_000, START + 2 * S, AIR).ack
    assert not sensor.frame(1_000, START + 3 * S, AIR).ack


def test_dht11_sends_whole_numbers_and_tenths_with_the_sign_among_the_tenths() -> None:
    assert dht11.encode(-101, 652) == bytes((65, 2, 10, 0x81))
    assert Dht11(seed="seed", glitches=NO_GLITCH).summed(bytes((65, 2, 10, 0x81))) == 65 + 2 + 10 + 0x81


def test_dht11_wants_a_start_pulse_of_18_ms() -> None:
    sensor = Dht11(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START, AIR)
    assert not sensor.frame(17_000, START + 2 * S, AIR).ack


def test_mhz19_example_of_the_datasheet() -> None:
    reply = mhz19.encode(608, 31.0)
    assert reply.data == bytes.fromhex("ff 86 02 60 47 00 00 00 d1")
    assert [one.value for one in reply.measured] == [608]


def test_mhz19_says_410_ppm_for_three_minutes_and_nothing_to_a_spoilt_request() -> None:
    sensor = Mhz19(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START)
    sensor.write(bytes.fromhex("ff 01 86 00 00 00 00 00 78"), START + S, AIR)
    assert sensor.sent(START + 2 * S, AIR) == []
    sensor.write(bytes.fromhex("ff 01 86 00 00 00 00 00 79"), START + 179 * S, AIR)
    (_, cold), *_ = sensor.sent(START + 179 * S, AIR)
    assert (cold.measured[0].value, cold.why) == (410, "warming up")


def test_pms5003_speaks_every_second_until_it_is_told_to_wait() -> None:
    sensor = Pms5003(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START)
    assert len(sensor.sent(START + 5 * S, AIR)) == 5
    sensor.write(bytes.fromhex("42 4d e1 00 00 01 70"), START + 5 * S, AIR)
    assert [reply.data for _, reply in sensor.sent(START + 60 * S, AIR)] == [bytes.fromhex("42 4d 00 04 e1 00 01 74")]
    assert sensor.sent(START + 90 * S, AIR) == []


def test_pms5003_asleep_says_nothing_and_is_cold_after_waking() -> None:
    sensor = Pms5003(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - 60 * S)
    sensor.sent(START, AIR)
    sensor.write(bytes.fromhex("42 4d e4 00 00 01 73"), START, AIR)
    assert sensor.sent(START + 60 * S, AIR) == []
    sensor.write(bytes.fromhex("42 4d e4 00 01 01 74"), START + 60 * S, AIR)
    whys = [reply.why for _, reply in sensor.sent(START + 65 * S, AIR)]
    assert whys == ["warming up"] * 5


def test_pms5003_frame_has_13_words_and_their_sum() -> None:
    data = pms5003.encode(40).data
    assert (len(data), data[:4]) == (32, bytes.fromhex("42 4d 00 1c"))
    assert int.from_bytes(data[12:14], "big") == 40


def started_bme280() -> Bme280:
    sensor = Bme280(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    return sensor


def registers(sensor: Bosch, first: int, count: int, now: int) -> bytes:
    assert sensor.write(bytes((first,)), now, AIR).ack
    return sensor.read(count, now).data


def test_bme280_has_its_id_and_its_calibration_where_the_datasheet_has_them() -> None:
    sensor = started_bme280()
    assert registers(sensor, 0xD0, 1, START) == b"\x60"
    low, high = registers(sensor, 0x88, 26, START), registers(sensor, 0xE1, 7, START)
    assert int.from_bytes(low[:2], "little") == sensor.trim.t[0]
    assert int.from_bytes(low[22:24], "little", signed=True) == sensor.trim.p[8]
    assert (low[25], high[2]) == (sensor.trim.h[0], sensor.trim.h[2])
    h4, h5 = high[3] << 4 | high[4] & 0x0F, high[5] << 4 | high[4] >> 4
    assert [h4 - (h4 >> 11 << 12), h5 - (h5 >> 11 << 12)] == list(sensor.trim.h[3:5])


def test_bmp280_has_an_id_of_its_own() -> None:
    sensor = Bmp280(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    assert registers(sensor, 0xD0, 1, START) == b"\x58"


def test_bme280_shows_skipped_conversions_until_it_measured_and_is_busy_for_9_3_ms() -> None:
    sensor = started_bme280()
    assert registers(sensor, 0xF7, 8, START) == bytes.fromhex("8000008000008000")
    assert sensor.write(b"\xf2\x01\xf4\x25", START, AIR).ack
    assert registers(sensor, 0xF3, 1, START + 9_000) == b"\x08"
    assert registers(sensor, 0xF3, 1, START + 9_300) == b"\x00"
    sensor.write(b"\xf7", START + 9_300, AIR)
    assert sensor.read(8, START + 9_300).measured
    assert sensor.read(8, START + 9_300).measured == ()


def test_bme280_counts_the_humidity_setting_only_from_the_next_write_to_f4() -> None:
    sensor = started_bme280()
    sensor.write(b"\xf4\x25\xf2\x01", START, AIR)
    burst = registers(sensor, 0xF7, 8, START + S)
    assert burst[6:] == b"\x80\x00"
    assert burst[:3] != b"\x80\x00\x00"


def test_bme280_loses_its_settings_with_a_reset() -> None:
    sensor = started_bme280()
    sensor.write(b"\xf2\x01\xf4\x25", START, AIR)
    assert sensor.write(b"\xe0\xb6", START + S, AIR).ack
    assert registers(sensor, 0xF2, 1, START + 2 * S) == b"\x00"
    assert registers(sensor, 0xF7, 8, START + 2 * S) == bytes.fromhex("8000008000008000")


def test_sht3x_words_stand_for_the_formula_of_the_datasheet() -> None:
    temperature, humidity = sht3x.encode(0x6666, 0x8000).measured
    assert (temperature.value, humidity.value) == (Decimal("25.000000"), Decimal("50.000763"))


def test_sht3x_refuses_a_read_within_15_5_ms_and_everything_but_a_reset_while_it_measures_by_itself() -> None:
    sensor = Sht3x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    assert sensor.write(b"\x24\x00", START, AIR).ack
    assert not sensor.read(6, START + 15_000).ack
    assert sensor.read(6, START + 15_500).measured
    assert sensor.write(b"\x21\x30", START + S, AIR).ack
    assert not sensor.write(b"\x24\x00", START + 2 * S, AIR).ack
    assert sensor.write(b"\x30\xa2", START + 3 * S, AIR).ack
    assert sensor.write(b"\x24\x00", START + 4 * S, AIR).ack


def test_sht4x_words_stand_for_the_formula_of_the_datasheet() -> None:
    temperature, humidity = sht4x.encode(0x6666, 0xFFFF).measured
    assert temperature.value == Decimal("25.000000")
    assert humidity.value == 100
    assert sht4x.encode(0, 0).measured[1].value == 0


def test_sht4x_nacks_a_read_before_its_conversion_is_done_and_gives_it_once() -> None:
    sensor = Sht4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    assert sensor.write(b"\xfd", START, AIR).ack
    assert not sensor.read(6, START + 8_000).ack
    assert not sensor.write(b"\xfd", START + 8_000, AIR).ack
    assert sensor.read(6, START + 8_300).measured
    assert not sensor.read(6, START + 9_000).ack


def test_sht4x_serial_number_and_soft_reset() -> None:
    sensor = Sht4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    sensor.write(b"\x89", START, AIR)
    data = sensor.read(6, START + 1_000).data
    assert int.from_bytes(data[0:2] + data[3:5], "big") == sensor.serial
    sensor.write(b"\xfd", START + S, AIR)
    sensor.write(b"\x94", START + S + 9_000, AIR)
    assert not sensor.read(6, START + 2 * S).ack


def test_sht4x_read_of_one_word_delivers_the_temperature_alone() -> None:
    sensor = Sht4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    sensor.write(b"\xfd", START, AIR)
    assert [one.quantity for one in sensor.read(3, START + 10_000).measured] == ["temperature"]


def test_sht4x_follows_a_step_of_the_humidity_with_its_own_lag() -> None:
    sensor = Sht4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)

    def humidity(now: int, air: Air) -> float:
        sensor.write(b"\xfd", now, air)
        return float(sensor.read(6, now + 10_000).measured[1].value)

    wet = Air(temperature_c=21.0, humidity_pct=95.0)
    dry = humidity(START, AIR)
    assert humidity(START + 4 * S, wet) - dry == pytest.approx(40.0 * 0.632, abs=1.0)
    assert humidity(START + 60 * S, wet) - dry == pytest.approx(40.0, abs=1.0)


def started_scd4x() -> Scd4x:
    sensor = Scd4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - 2 * S)
    assert sensor.write(b"\x21\xb1", START, AIR).ack
    return sensor


def ready(sensor: Scd4x, now: int) -> bool:
    assert sensor.write(b"\xe4\xb8", now, AIR).ack
    return int.from_bytes(sensor.read(3, now + 1_000).data[:2], "big") & 0x07FF != 0


def test_scd4x_has_data_every_5_s_and_each_once() -> None:
    sensor = started_scd4x()
    assert not ready(sensor, START + 4_900_000)
    assert ready(sensor, START + 5 * S)
    sensor.write(b"\xec\x05", START + 6 * S, AIR)
    assert sensor.read(9, START + 6 * S + 1_000).measured
    assert not ready(sensor, START + 7 * S)
    sensor.write(b"\xec\x05", START + 8 * S, AIR)
    assert not sensor.read(9, START + 8 * S + 1_000).ack
    assert ready(sensor, START + 10 * S)


def test_scd4x_refuses_commands_while_it_measures_and_for_500_ms_after_stop() -> None:
    sensor = started_scd4x()
    for command in (b"\x21\xb1", b"\x36\x82", b"\x36\x46", b"\x23\x18"):
        assert not sensor.write(command, START + S, AIR).ack
    assert sensor.write(b"\x3f\x86", START + 2 * S, AIR).ack
    assert not sensor.write(b"\x36\x82", START + 2 * S + 499_000, AIR).ack
    assert sensor.write(b"\x36\x82", START + 2 * S + 500_000, AIR).ack
    data = sensor.read(9, START + 3 * S).data
    assert int.from_bytes(data[0:2] + data[3:5] + data[6:8], "big") == sensor.serial


def test_scd4x_takes_an_argument_only_with_its_crc_and_loses_it_without_persist() -> None:
    sensor = Scd4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - 2 * S)
    assert not sensor.write(bytes.fromhex("241d 0912 00"), START, AIR).ack
    assert sensor.write(bytes.fromhex("241d 0912") + bytes((crc8(b"\x09\x12"),)), START, AIR).ack
    sensor.write(b"\x23\x18", START + S, AIR)
    assert sensor.read(3, START + 2 * S).data[:2] == b"\x09\x12"
    sensor.power_on(START + 3 * S)
    sensor.write(b"\x23\x18", START + 5 * S, AIR)
    assert sensor.read(3, START + 6 * S).data[:2] != b"\x09\x12"


def test_scd4x_with_no_temperature_offset_states_its_own_warmth_and_drier_air() -> None:
    sensor = Scd4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - 2 * S)
    sensor.write(bytes.fromhex("241d 0000 81"), START - S, AIR)
    sensor.write(b"\x21\xb1", START, AIR)
    sensor.write(b"\xec\x05", START + 5 * S, AIR)
    values = {one.quantity: float(one.value) for one in sensor.read(9, START + 6 * S).measured}
    assert values["temperature"] == pytest.approx(25.0, abs=1.0)
    assert values["humidity"] < 51.0


def test_dht22_gives_the_measurement_of_the_read_before() -> None:
    sensor = Dht22(seed="seed", glitches=NO_GLITCH)
    hot = Air(temperature_c=40.0, humidity_pct=20.0)
    sensor.power_on(START, AIR)
    first = sensor.frame(18_000, START + 100 * S, hot)
    second = sensor.frame(18_000, START + 200 * S, hot)
    assert float(first.measured[0].value) == pytest.approx(21.0, abs=1.0)
    assert float(second.measured[0].value) == pytest.approx(40.0, abs=1.0)


def test_dht22_frame_has_the_timing_of_the_datasheet() -> None:
    pulses = read_dht22("seed", NO_GLITCH, 1)[0].pulses
    assert len(pulses) == 84
    assert all(abs(pulse - 80) <= 5 for pulse in pulses[1:3])
    assert all(abs(low - 50) <= 5 for low in pulses[3::2])
    assert all(20 <= high <= 35 or 65 <= high <= 75 for high in pulses[4::2])


def test_dht22_short_frame_lacks_edges_and_delivers_no_value() -> None:
    for reply in read_dht22("seed", Glitches(short=1.0), 5):
        assert len(reply.pulses) < 84
        assert (reply.why, reply.measured) == ("short frame", ())


SGP40_SELF_TEST = b"\x28\x0e"


def sgp40_raw(sensor: Sgp40, now: int, air: Air = AIR, command: bytes = SGP40_MEASURE) -> int:
    assert sensor.write(command, now, air).ack
    return int.from_bytes(sensor.read(3, now + 30_000).data[:2], "big")


def started_sgp40() -> Sgp40:
    sensor = Sgp40(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    return sensor


def test_sgp40_takes_a_measuring_command_only_with_the_crcs_of_its_words_and_30_ms() -> None:
    sensor = started_sgp40()
    assert not sensor.write(bytes.fromhex("260f"), START, AIR).ack
    assert not sensor.write(bytes.fromhex("260f 8000a3 666693"), START, AIR).ack
    assert sensor.write(bytes.fromhex("260f 8000a2 666693"), START, AIR).ack
    assert not sensor.read(3, START + 29_000).ack
    assert len(sensor.read(3, START + 30_000).data) == 3
    assert not sensor.read(3, START + 31_000).ack


def test_sgp40_passes_its_self_test_in_320_ms_unless_it_is_broken() -> None:
    sensor = started_sgp40()
    for now, answer in ((START, b"\xd4\x00"), (START + S, b"\x4b\x00")):
        assert sensor.write(SGP40_SELF_TEST, now, AIR).ack
        assert not sensor.read(3, now + 319_000).ack
        assert sensor.read(3, now + 320_000).data[:2] == answer
        sensor.trouble.begin("broken", now)


def test_sgp40_has_no_index_for_45_s_and_begins_anew_with_a_self_test() -> None:
    sensor = started_sgp40()

    def delivered(first: int, count: int) -> list[bool]:
        found = []
        for second in range(first, first + count):
            sensor.write(SGP40_MEASURE, START + second * S, AIR)
            found.append(bool(sensor.read(3, START + second * S + 30_000).measured))
        return found

    assert delivered(0, 60) == [False] * 46 + [True] * 14
    sensor.write(SGP40_SELF_TEST, START + 60 * S, AIR)
    sensor.read(3, START + 61 * S)
    assert not any(delivered(62, 46))


def test_sgp40s_signal_falls_with_vapours_while_its_heater_is_cold_and_with_damp_that_it_is_not_told() -> None:
    heated = started_sgp40()
    cold = sgp40_raw(heated, START)
    usual = [sgp40_raw(heated, START + second * S) for second in range(10, 40)]
    assert cold < min(usual) - 1000
    heavy = Air(temperature_c=21.0, humidity_pct=55.0, voc_ugm3=900.0)
    sgp40_raw(heated, START + 60 * S, heavy)
    assert sgp40_raw(heated, START + 90 * S, heavy) < min(usual) - 1000
    told = sgp40_raw(heated, START + 200 * S)
    assert sgp40_raw(heated, START + 201 * S, command=bytes.fromhex("260f 0000 81 666693")) < told - 200
    heated.write(b"\x36\x15", START + 202 * S, AIR)
    assert sgp40_raw(heated, START + 203 * S) < told - 1000


def test_sgp40_gives_its_serial_number() -> None:
    sensor = started_sgp40()
    assert sensor.write(b"\x36\x82", START, AIR).ack
    data = sensor.read(9, START + S).data
    assert int.from_bytes(data[0:2] + data[3:5] + data[6:8], "big") == sensor.serial


def read_one(sensor: Sht4x, now: int) -> Reply:
    written = sensor.write(b"\xfd", now, AIR)
    return sensor.read(6, now + 10_000) if written.ack else written


def test_a_frozen_sensor_repeats_itself_and_a_drifting_one_moves_away() -> None:
    sensor = Sht4x(seed="seed", glitches=NO_GLITCH)
    sensor.power_on(START - S)
    before = read_one(sensor, START).measured
    sensor.trouble.begin("frozen", START)
    assert [read_one(sensor, START + step * S).measured for step in (1, 2, 3)] == [before] * 3
    sensor.trouble.end("frozen")
    sensor.trouble.begin("drift", START + 10 * S)
    drifted = read_one(sensor, START + (10 * 3600 + 10) * S).measured
    assert float(drifted[0].value - before[0].value) == pytest.approx(2 * 0.2 * 10, abs=0.2)


def test_an_sgp40_can_be_copied_for_a_look_ahead_that_changes_nothing() -> None:
    """A backend that must know an answer before it is read asks a copy."""
    model = Sgp40(seed="look", glitches=Glitches())
    model.power_on(0)
    air = Air(temperature_c=20.0, humidity_pct=50.0)
    now = 1_000_000
    for _ in range(60):
        assert model.write(bytes.fromhex("260f8000a2666693"), now, air).ack
        now += 1_000_000
        ahead = copy.deepcopy(model).read(3, now)
        reply = model.read(3, now)
        assert ahead.data == reply.data
        assert ahead.measured == ()
    assert [one.quantity for one in reply.measured] == ["voc_index"]


def test_a_conversion_is_one_that_a_boards_converter_of_12_bits_can_give() -> None:
    raws = [int.from_bytes(reply.data, "big") for reply in read_mq135("adc", Glitches(), 200)]
    assert len(set(raws)) > 10
    assert all(raw == raw >> 4 << 4 | raw >> 12 for raw in raws)
