"""Clocks that run with the air: held against sums over hours, one after the other."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_cloud.recommender.replenishment import Purchase, learn
from aircue_cloud.recommender.wear import HOUR_S, Dose, doses

HOURS = st.dictionaries(st.integers(0, 60), st.floats(0, 500), max_size=40)


@given(HOURS, st.floats(0.1, 100), st.floats(0, 70))
def test_a_dose_is_the_sum_over_the_hours(told: dict[int, float], usual: float, until: float) -> None:
    whole, part = int(until), until - int(until)
    naive = sum(told.get(hour, usual) for hour in range(whole)) + part * told.get(whole, usual)
    assert Dose(hours=tuple(sorted(told.items())), usual=usual).at(until * HOUR_S) == pytest.approx(naive, abs=1e-6)


@given(HOURS, st.lists(st.floats(0, 70), min_size=2, max_size=10))
def test_a_dose_never_falls(told: dict[int, float], at: list[float]) -> None:
    dose = doses({"home": told.items()}, ["home"])["home"]
    values = [dose.at(one * HOUR_S) for one in sorted(at)]
    assert all(later >= one - 1e-6 for one, later in pairwise(values))


def test_a_home_without_a_sensor_has_the_level_of_the_others() -> None:
    found = doses({"dusty": [(0, 30.0), (1, 50.0)], "clean": [(0, 10.0)], "silent": []}, ["dusty", "none", "silent"])
    assert [found[home].usual for home in ("dusty", "none", "silent")] == [40.0, 25.0, 25.0]


def test_where_nobody_measures_the_clock_is_time() -> None:
    dose = doses({}, ["home"])["home"]
    assert dose.at(48 * HOUR_S) == 48


def test_two_nodes_of_a_home_are_averaged_and_less_than_nothing_is_nothing() -> None:
    assert doses({"home": [(3, 10.0), (3, 30.0), (4, -5.0)]}, ["home"])["home"].hours == ((3, 20.0), (4, 0.0))


def test_in_air_without_dust_a_filter_ages_by_time_all_the_same() -> None:
    assert doses({"home": [(0, 0.0)]}, ["home"])["home"].at(HOUR_S * 2) > 0


def test_a_filter_ages_twice_as_fast_in_twice_the_dust() -> None:
    """Both homes bought at hour 0 a filter that lasts 1000 hours at 20 ug/m3; at hour 300 they are not alike."""
    random = np.random.default_rng(1)
    told = {
        home: [(hour, level * random.uniform(0.5, 1.5)) for hour in range(300)]
        for home, level in {"clean": 20.0, "dusty": 40.0}.items()
    }
    clocks = doses(told, told)
    due = learn([Purchase(user=home, product="filter", at=clocks[home].at(0)) for home in told], lasts={"filter": 20e3})
    progress = {home: due[home, "filter"].progress(clocks[home].at(300 * HOUR_S)) for home in told}
    assert progress["clean"] == pytest.approx(0.3, rel=0.05)
    assert progress["dusty"] == pytest.approx(0.6, rel=0.05)
