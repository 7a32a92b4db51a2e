"""Every driver of the firmware against the simulated sensor of its name, on a board of the bench, in CPython.

One behaviour suite for every driver in the table (aircue_hil.behaviour); the oracle is the bench's record of what
crossed the wires. Below it, what only some drivers promise, and that the suite can fail.
"""

import struct

import pytest

from aircue_hil import behaviour
from aircue_hil.air import Air
from aircue_hil.behaviour import Behaviour
from aircue_hil.faults import ON_SENSORS
from aircue_hil.rig import AIR, BUS, INTERVAL_MS, Rig
from aircue_hil.sensors import MODELS
from aircue_hil.sensors.model import Glitches
from aircue_node.sensors import bme280, bus, fitting, pms5003, scd4x, sensirion, sht4x, voc_index
from aircue_node.sensors.errors import ChecksumError, MissingError, SensorError, StaleError, WrongPartError

EVERY = sorted(fitting.DRIVERS)
ASKED = [(driver, one) for driver in EVERY for one in behaviour.asked_of(driver)]


def test_every_driver_has_its_simulated_sensor() -> None:
    assert sorted(MODELS) == EVERY


@pytest.mark.parametrize(("driver", "asked"), ASKED, ids=lambda one: getattr(one, "name", one))
def test_behaviour(driver: str, asked: Behaviour) -> None:
    asked.check(driver)


def test_every_fault_of_a_sensor_has_its_outcome_and_strikes_some_driver() -> None:
    assert set(behaviour.OUTCOMES) == set(ON_SENSORS)
    struck = {fault for model in MODELS.values() for fault in model.faults}
    assert struck == set(ON_SENSORS)


def test_what_may_strike_by_chance_may_strike_by_script() -> None:
    assert all(model.glitches <= model.faults for model in MODELS.values())


def test_a_driver_whose_suite_passes_is_proven_and_one_without_a_simulated_sensor_is_not() -> None:
    assert behaviour.proven(["sht4x", "dowser"]) == {"sht4x": True, "dowser": False}


@pytest.mark.parametrize(
    ("driver", "place", "name", "wrong", "broken"),
    [
        ("sht3x", sensirion, "crc8", lambda data: 0, "right or refused where bits often flip"),
        ("sht4x", sht4x, "MEASURE_MS", 5, "gives what crossed the wire"),
        ("scd4x", scd4x, "_STALE_LIMIT", 10**6, "comes back after lost power"),
        ("sgp40", voc_index, "_GAIN", 150.0, "gives what crossed the wire"),
        ("bme280", bme280, "_MEASURING", 0, "fault slow"),
        ("pms5003", pms5003, "WARM_UP_MS", 0, "warms up before it is believed"),
        ("sht4x", bus, "RECOVER_AFTER", 10**6, "fault stuck-bus"),
    ],
)
def test_a_spoilt_driver_is_not_proven(
    monkeypatch: pytest.MonkeyPatch, driver: str, place: object, name: str, wrong: object, broken: str
) -> None:
    monkeypatch.setattr(place, name, wrong)
    if name == "WARM_UP_MS":
        monkeypatch.setattr(pms5003.Pms5003, "warm_up_ms", 0)
    assert any(f"{driver}: {broken}: " in line for line in behaviour.shortcomings(driver))
    assert behaviour.proven([driver]) == {driver: False}


def test_an_sht3x_left_measuring_by_itself_is_reset_and_read() -> None:
    rig = Rig("sht3x")
    rig.wired().buses[BUS].writeto(0x44, b"\x21\x30")
    rig.rest(10)
    assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


@pytest.mark.parametrize(("fitted", "named"), [("bme280", "bmp280"), ("bmp280", "bme280")])
def test_another_part_of_the_family_is_named(fitted: str, named: str) -> None:
    rig = Rig(fitted)
    rig.driver = fitting.build([{"driver": named}], rig.wired())[0][0]
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


def with_glitch(kind: str) -> list[str]:
    return [name for name in EVERY if kind in MODELS[name].glitches]


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
def test_a_uart_that_lost_its_baud_rate_gives_no_value_and_is_opened_anew(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.set_baudrate(115_200)
    for _ in range(3):
        with pytest.raises(SensorError):
            rig.read()
    rig.read_until_it_works()
    assert rig.read() == pytest.approx(rig.on_the_wire())


@pytest.mark.parametrize("name", with_glitch("garbage"))
def test_a_sensor_that_answers_again_after_silence_warms_up_anew(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.begin("sensor-unplugged")
    for _ in range(2):
        with pytest.raises(MissingError, match="check tx, rx and the 5 V supply"):
            rig.read()
    rig.end("sensor-unplugged")
    with pytest.raises(StaleError, match="warming up"):
        rig.read()


@pytest.mark.parametrize("name", with_glitch("garbage"))
def test_one_answer_that_is_lost_costs_one_value(name: str) -> None:
    rig = Rig(name)
    rig.read_until_it_works()
    rig.begin("sensor-unplugged")
    with pytest.raises(MissingError):
        rig.read()
    rig.end("sensor-unplugged")
    assert rig.read() == pytest.approx(rig.on_the_wire())


def test_a_held_bus_is_freed_after_three_transfers_and_no_sooner() -> None:
    rig = Rig("sht4x")
    rig.begin("stuck-bus")
    for failed in range(3):
        assert rig.bus.recoveries == 0, failed
        with pytest.raises(MissingError):
            rig.read()
    assert rig.bus.recoveries == 1
    assert rig.read() == pytest.approx(rig.on_the_wire(), abs=0.51)


def test_a_sensor_that_is_gone_does_not_have_the_bus_freed_while_another_answers() -> None:
    rig = Rig("sht4x", beside=({"driver": "scd4x", "only": ["co2"]},))
    rig.begin("sensor-unplugged", "sht4x")
    for _ in range(10):
        *_, co2, _ = rig.sample()
    assert co2 is not None
    assert rig.bus.recoveries == 0


def measuring_command(rig: Rig) -> bytes:
    """What the driver writes to the bus the second after a sample."""
    rig.sample()
    written: list[bytes] = []
    original = rig.bus.writeto
    rig.bus.writeto = lambda addr, buf: (written.append(buf), original(addr, buf))[1]  # type: ignore[method-assign]
    rig.rest(1_000)
    return written[-1]


def test_an_sgp40_is_given_the_climate_that_another_sensor_measured_or_the_default() -> None:
    assert measuring_command(Rig("sgp40")) == bytes.fromhex("260f 8000a2 666693")
    told = measuring_command(Rig("sgp40", beside=({"driver": "sht4x"},)))
    humidity, temperature = struct.unpack(">2xHxHx", told)
    assert 100 * humidity / 65535 == pytest.approx(AIR.humidity_pct, abs=3)
    assert -45 + 175 * temperature / 65535 == pytest.approx(AIR.temperature_c, abs=0.5)


@pytest.mark.parametrize("order", [("sgp40", "sht4x"), ("sht4x", "sgp40")])
def test_the_order_of_the_settings_does_not_matter_to_the_climate(order: tuple[str, str]) -> None:
    rig = Rig(order[0], beside=({"driver": order[1]},))
    for _ in range(4):
        values = rig.sample()
    assert None not in values
    assert measuring_command(rig) != bytes.fromhex("260f 8000a2 666693")


def test_an_sgp40_nobody_runs_says_so() -> None:
    rig = Rig("sgp40")
    rig.read_until_it_works()
    rig.stop_the_jobs()
    rig.rest(11_000)
    with pytest.raises(StaleError, match="not measured for seconds"):
        rig.read()


def test_a_long_silence_lets_an_sgp40_learn_anew_and_a_short_one_does_not() -> None:
    rig = Rig("sgp40")
    rig.read_until_it_works()
    rig.begin("sensor-unplugged")
    rig.rest(1_500)
    rig.end("sensor-unplugged")
    rig.rest(2_000)
    assert rig.read()
    rig.begin("sensor-unplugged")
    rig.rest(4_000)
    rig.end("sensor-unplugged")
    rig.rest(2_000)
    with pytest.raises(StaleError, match="learning the air for 45 s"):
        rig.read()


def test_the_index_rises_with_the_vapours_and_comes_back() -> None:
    rig = Rig("sgp40")
    rig.rest(2 * 3600 * 1000)
    (before,) = rig.read()
    rig.air.now = Air(temperature_c=-3.5, humidity_pct=55.0, co2_ppm=900.0, voc_ugm3=1_500.0)
    for _ in range(8):
        (event,) = rig.read()
    rig.air.now = AIR
    for _ in range(40):
        (after,) = rig.read()
    assert 70 <= before <= 130
    assert event > 250
    assert after < 150
