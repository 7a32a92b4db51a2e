"""Units, derived quantities, gaps and merging: published values, and inputs whose answer is known."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.cleaning.air import Air
from aircue_gateway.cleaning.derived import absolute_humidity, dew_point, heat_index, saturation_hpa
from aircue_gateway.cleaning.gaps import Gaps, Missing
from aircue_gateway.cleaning.merging import Merge
from aircue_gateway.cleaning.mould import SURFACES, MouldIndex, critical_humidity
from aircue_gateway.quantities import LIMITS, unit
from aircue_gateway.units import UNITS, UnitError, converter

PINE = SURFACES["very-sensitive"]
DAY_H = 24


@pytest.mark.parametrize(
    ("quantity", "name", "value", "expected"),
    [
        ("temperature", "°F", 212.0, 100.0),
        ("temperature", "F", -40.0, -40.0),
        ("temperature", "K", 0.0, -273.15),
        ("humidity", "/", 0.55, 55.0),
        ("humidity", "% RH", 55.0, 55.0),
        ("co2", "ppb", 412_000.0, 412.0),
        ("co2", "mg/m³", 1800.0, 1000.0),
        ("co2", "%", 0.1, 1000.0),
        ("pm25", "mg/m3", 0.012, 12.0),
        ("pm25", "µg/m³", 12.0, 12.0),
        ("pressure", "inHg", 29.9213, 1013.25),
        ("pressure", "Pa", 101_325.0, 1013.25),
        ("pressure", "mmHg", 760.0, 1013.25),
        ("pressure", "psi", 14.6959, 1013.25),
    ],
)
def test_a_unit_becomes_the_quantitys_own(quantity: str, name: str, value: float, expected: float) -> None:
    """1,800 mg/m3 of CO2 are 1,000 ppm at 25 °C; a standard atmosphere is 29.9213 inHg, 760 mmHg, 14.6959 psi."""
    assert converter(quantity, name)(value) == pytest.approx(expected, rel=1e-4)


def test_every_quantity_knows_its_own_unit_and_refuses_others_by_name() -> None:
    for quantity in LIMITS:
        own = unit(quantity)
        assert own is not None
        assert converter(quantity, own)(7.25) == 7.25
    assert set(UNITS) == set(LIMITS)
    with pytest.raises(UnitError, match=r"a unit of temperature: cel, °c.*; found 'ppm'"):
        converter("temperature", "ppm")
    with pytest.raises(UnitError, match=r"a quantity: temperature, .*; found 'noise'"):
        converter("noise", "dB")


# CRC Handbook of Chemistry and Physics, vapour pressure of water.
@pytest.mark.parametrize(("t", "hpa"), [(0.0, 6.11), (10.0, 12.28), (20.0, 23.39), (30.0, 42.47), (40.0, 73.85)])
def test_saturation_pressure_agrees_with_the_tables(t: float, hpa: float) -> None:
    assert saturation_hpa(t) == pytest.approx(hpa, rel=0.005)


@pytest.mark.parametrize(
    ("t", "rh", "dew", "grams"),
    [(20.0, 50.0, 9.3, 8.65), (25.0, 60.0, 16.7, 13.8), (30.0, 100.0, 30.0, 30.4), (0.0, 100.0, 0.0, 4.85)],
)
def test_dew_point_and_absolute_humidity_agree_with_psychrometric_tables(
    t: float, rh: float, dew: float, grams: float
) -> None:
    assert dew_point(t, rh) == pytest.approx(dew, abs=0.1)
    assert absolute_humidity(t, rh) == pytest.approx(grams, rel=0.01)


@given(st.floats(-20, 50), st.floats(1, 100))
def test_air_at_its_dew_point_is_saturated(t: float, rh: float) -> None:
    assert saturation_hpa(dew_point(t, rh)) == pytest.approx(saturation_hpa(t) * rh / 100)


@pytest.mark.parametrize("rh", [0.0, -0.0])
def test_a_sensor_that_says_no_humidity_at_all_has_a_dew_point_nevertheless(rh: float) -> None:
    assert math.isfinite(dew_point(20.0, rh))


# The heat index chart of the US National Weather Service, in whole °F.
@pytest.mark.parametrize(
    ("f", "rh", "chart"),
    [
        (80, 40, 80),
        (84, 60, 88),
        (90, 50, 95),
        (90, 70, 105),
        (84, 90, 98),
        (82, 95, 93),
        (96, 65, 121),
        (100, 40, 109),
        (110, 40, 136),
    ],
)
def test_the_heat_index_agrees_with_the_chart_of_the_weather_service(f: float, rh: float, chart: float) -> None:
    assert heat_index((f - 32) / 1.8, rh) * 1.8 + 32 == pytest.approx(chart, abs=1.0)


def test_the_heat_index_of_a_cool_room_is_about_its_temperature() -> None:
    assert heat_index(20.0, 50.0) == pytest.approx(19.7, abs=0.1)


def grown(days: float, temperature: float, humidity: float, mould: MouldIndex | None = None) -> float:
    one = MouldIndex(PINE) if mould is None else mould
    for hour in range(round(days * DAY_H) + 1):
        one.update(3600.0 * hour, temperature, humidity)
    return one.index


def test_mould_needs_the_critical_humidity_of_hukka_and_viitanen() -> None:
    """80 % from 20 °C on, more below: their figure 2, and 100 % at 0 °C."""
    assert [round(critical_humidity(t, PINE), 1) for t in (0, 5, 10, 20, 30)] == [100.0, 88.0, 82.0, 80.0, 80.0]
    assert grown(60, 20.0, 79.0) == 0.0
    assert grown(60, -5.0, 100.0) == 0.0
    assert grown(60, 55.0, 100.0) == 0.0


def test_pine_shows_growth_under_a_microscope_after_its_response_time() -> None:
    """t_m = exp(-0.68 ln T - 13.9 ln RH + 66.02) weeks to an index of 1, growth limited by k2 only near the end."""
    weeks = math.exp(-0.68 * math.log(20.0) - 13.9 * math.log(97.0) + 66.02)
    assert weeks == pytest.approx(1.48, abs=0.02)
    assert grown(7 * weeks, 20.0, 97.0) == pytest.approx(1.0, abs=0.02)


def test_mould_ends_at_its_highest_index() -> None:
    """Mmax = 1 + 7 x - 2 x^2: 6 in saturated air, less in drier air."""
    assert grown(400, 20.0, 100.0) == pytest.approx(6.0, abs=0.05)
    x = (80.04 - 90.0) / (80.04 - 100.0)
    assert grown(2000, 20.0, 90.0) == pytest.approx(1 + 7 * x - 2 * x * x, abs=0.05)


@pytest.mark.parametrize(("hours", "lost"), [(6, 0.008), (24, 0.008), (48, 0.024)])
def test_mould_declines_in_a_dry_spell_as_the_model_says(hours: int, lost: float) -> None:
    """0.032 a day for six hours, nothing up to a day, then 0.016 a day; whatever the steps of time."""
    for step_h in (0.5, 3.0):
        mould = MouldIndex(PINE, index=2.0)
        for n in range(round(hours / step_h) + 1):
            mould.update(3600.0 * step_h * n, 20.0, 50.0)
        assert mould.index == pytest.approx(2.0 - lost)


def test_time_nobody_measured_grows_no_mould_and_late_air_changes_nothing() -> None:
    mould = MouldIndex(PINE)
    mould.update(0.0, 20.0, 97.0)
    assert mould.update(30 * 86_400.0, 20.0, 97.0) == 0.0
    grew = mould.update(30 * 86_400.0 + 3600, 20.0, 97.0)
    assert mould.update(30 * 86_400.0, 20.0, 97.0) == grew > 0.0


def test_resistant_surfaces_grow_less() -> None:
    indices = [grown(30, 20.0, 95.0, MouldIndex(surface)) for surface in SURFACES.values()]
    assert indices == sorted(indices, reverse=True)
    assert len(set(indices)) == len(indices)


def test_the_air_of_a_node_keeps_the_last_of_every_derived_quantity() -> None:
    air = Air("sensitive")
    values = dict(air.update(5.0, 20.0, 50.0))
    assert air.latest == {name: (5.0, value) for name, value in values.items()}
    assert set(values) == {"dew_point", "absolute_humidity", "heat_index", "mould_index"}


def test_a_short_gap_is_bridged_and_marked_a_long_one_only_named() -> None:
    gaps = Gaps(interval_s=60, longest_s=300)
    assert gaps.update(0, 10.0) == gaps.update(60, 10.0) == gaps.update(160, 10.0) == []
    assert gaps.update(340, 13.0) == [Missing(220.0, 11.0), Missing(280.0, 12.0)]
    assert [missing.value for missing in gaps.update(940, 20.0)] == [None] * 9
    assert gaps.update(100, 1.0) == []
    assert gaps.update(160, 1.0) == []
    assert gaps.update(1e9, 1.0) == [Missing(220.0, None)]


def test_gaps_learn_the_cadence() -> None:
    gaps = Gaps(longest_s=100)
    for number in range(20):
        assert gaps.update(5.0 * number + 0.4 * (number % 2), 20.0) == []
    assert [round(one.at) for one in gaps.update(110.0, 21.0)] == [100, 105]


@given(st.lists(st.floats(0, 1e5), max_size=50))
def test_what_bridges_a_gap_lies_between_its_neighbours(times: list[float]) -> None:
    gaps, last = Gaps(longest_s=600, interval_s=30), None
    for at in times:
        for missing in gaps.update(at, at / 10):
            assert last is not None
            assert last < missing.at < at
            assert missing.value is None or last / 10 <= missing.value <= at / 10
        last = at


def test_a_noisy_sensor_weighs_less_than_a_quiet_one() -> None:
    """Inverse variance: noise of 0.1 against 0.4 gives weights near 16 : 1."""
    rng, merge = random.Random(3), Merge(step=0.01, agree=5.0, max_age_s=300)
    for at in range(0, 20_000, 10):
        merge.update("quiet", at, 20.0 + rng.gauss(0, 0.1))
        merged = merge.update("noisy", at, 20.0 + rng.gauss(0, 0.4))
    assert 8 < merged.weights["quiet"] / merged.weights["noisy"] < 32
    assert merged.value == pytest.approx(20.0, abs=0.3)


def test_a_disagreeing_or_flagged_sensor_weighs_less_and_an_old_one_nothing() -> None:
    merge = Merge(step=0.1, agree=0.5, max_age_s=300)
    merge.update("a", 0.0, 20.0)
    merge.update("b", 0.0, 20.2)
    astray = merge.update("c", 0.0, 30.0)
    assert astray.apart == ("c",)
    assert astray.weights["c"] < 0.01
    flagged = merge.update("b", 10.0, 20.2, trusted=False)
    assert flagged.weights["b"] < 0.1 * flagged.weights["a"]
    assert set(merge.update("c", 305.0, 30.0).weights) == {"b", "c"}


def test_two_sensors_that_disagree_are_both_said_to() -> None:
    merge = Merge(step=0.1, agree=0.5, max_age_s=300)
    merge.update("a", 0.0, 20.0)
    assert merge.update("b", 0.0, 24.0) == (22.0, {"a": 0.5, "b": 0.5}, ("a", "b"))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400), st.floats(-20, 50), st.booleans()), min_size=1))
def test_a_merged_value_lies_among_the_sensors(rows: list[tuple[str, int, float, bool]]) -> None:
    merge, at = Merge(step=0.1, agree=0.5, max_age_s=300), 0.0
    for sensor, passed, value, trusted in rows:
        at += passed
        merged = merge.update(sensor, at, value, trusted)
        assert math.isclose(sum(merged.weights.values()), 1.0)
        values = [one.value for one in merge._sensors.values() if at - one.at <= 300]
        assert min(values) - 1e-9 <= merged.value <= max(values) + 1e-9


def test_a_sensor_that_strays_weighs_by_how_far_and_one_that_is_flagged_a_twentieth() -> None:
    """Cauchy's weight, 1 / (1 + (d / agree)^2): d = 2 and agree = 0.5 make it a seventeenth of the others'."""
    merge = Merge(step=0.1, agree=0.5, max_age_s=300)
    merge.update("shelf", 0.0, 20.0)
    merge.update("desk", 0.0, 20.0)
    merged = merge.update("window", 0.0, 22.0)
    assert merged.weights["window"] / merged.weights["shelf"] == pytest.approx(1 / 17)
    assert merged.value == pytest.approx((20 + 20 + 22 / 17) / (2 + 1 / 17))
    flagged = merge.update("desk", 1.0, 20.0, trusted=False)
    assert flagged.weights["desk"] / flagged.weights["shelf"] == pytest.approx(1 / 20)
