"""The context of a home: norm by hour and season, deviation, time above, a forecast held against persistence."""

import csv
import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aircue_cloud.recommender.context import (
    Forecast,
    Hourly,
    above,
    cells,
    forecaster,
    hourly_means,
    norm,
    outlook,
    pairs,
)
from aircue_cloud.recommender.errors import DatasetError

DAY_H = 24
START = int(datetime(2016, 1, 11, tzinfo=UTC).timestamp()) // 3600


def simulated(days: int = 60, daily: float = 5.0, kept: float = 0.9, seed: int = 1) -> Hourly:
    """Simulated: a daily wave, and deviations that fade by `kept` an hour."""
    random = np.random.default_rng(seed)
    hour = START + np.arange(days * DAY_H)
    d = np.zeros(len(hour))
    for place in range(1, len(d)):
        d[place] = kept * d[place - 1] + random.normal()
    return Hourly(hour=hour, value=60 + daily * np.sin(2 * np.pi * (hour % 24) / 24) + d)


def of(day: datetime) -> np.ndarray:
    return np.array([int(day.timestamp()) // 3600])


@pytest.mark.parametrize(("month", "season"), [(12, 0), (1, 0), (3, 1), (8, 2), (9, 3), (11, 3)])
def test_a_season_is_three_months_from_december_on(month: int, season: int) -> None:
    assert cells(of(datetime(2026, month, 15, 7, tzinfo=UTC)), 0) == (season, 7)


def test_an_hour_is_that_of_the_homes_clock() -> None:
    assert cells(of(datetime(2026, 5, 31, 23, tzinfo=UTC)), 2) == (2, 1)


def test_a_norm_is_the_shrunk_mean_the_slow_way() -> None:
    past = simulated(days=100)
    found = norm(past, trust=5.0)
    season, hour = cells(past.hour, 0)
    for s, h in ((0, 3), (1, 17), (2, 5)):
        own_hour, own_cell = past.value[hour == h], past.value[(hour == h) & (season == s)]
        of_hour = (own_hour.sum() + 5 * past.value.mean()) / (len(own_hour) + 5)
        assert found.mean[s, h] == pytest.approx((own_cell.sum() + 5 * of_hour) / (len(own_cell) + 5))


def test_a_season_nobody_lived_through_has_the_norm_of_the_hour() -> None:
    found = norm(simulated(days=30))
    assert found.mean[2] == pytest.approx(norm(simulated(days=30)).mean[3])
    assert np.corrcoef(found.mean[2], found.mean[0])[0, 1] > 0.99


def test_a_deviation_is_0_as_usual_and_1_a_spread_above() -> None:
    past = simulated()
    usual = norm(past)
    hour = past.hour[[100]]
    assert usual.deviation(hour, usual.at(hour))[0] == 0
    assert usual.deviation(hour, usual.at(hour) + usual.spread)[0] == pytest.approx(1)
    assert usual.deviation(past.hour, past.value).std() == pytest.approx(1, abs=0.01)


def test_time_above_a_threshold_is_strict_and_of_known_hours() -> None:
    recent = Hourly(hour=np.array([10, 11, 13]), value=np.array([80.0, 81.0, 82.0]))
    assert above(recent, 80.0, now=14, window_h=4) == pytest.approx(2 / 3)
    assert above(recent, 80.0, now=11, window_h=4) == 0
    assert above(recent, 80.0, now=50) is None


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_damping_finds_the_truth_of_a_simulated_home(kept: float) -> None:
    found = forecaster(simulated(days=400, kept=kept), horizons=6)
    assert found.phi == pytest.approx(kept ** np.arange(1, 7), abs=0.04)
    steps = np.arange(1, 7)
    assert found.error == pytest.approx(np.sqrt((1 - kept ** (2 * steps)) / (1 - kept**2)), rel=0.08)


def test_a_forecast_fades_to_the_norm_and_says_when_a_threshold_will_be_passed() -> None:
    past = simulated(daily=10.0)
    found = forecaster(past)
    now = int(past.hour[-1])
    ahead = found.forecast(now, float(found.norm.at(np.array([now]))[0]))
    assert ahead.value == pytest.approx(found.norm.at(ahead.hour))
    threshold = float(ahead.value[4]) - 1e-6
    first = ahead.exceeds(threshold)
    assert first is not None
    assert first <= ahead.hour[4]
    assert ahead.exceeds(1000.0) is None
    assert ahead.exceeds(threshold, sigmas=50) is None


def test_gaps_are_not_paired_over() -> None:
    hourly = Hourly(hour=np.array([1, 2, 4, 5]), value=np.zeros(4))
    now, later = pairs(hourly, 1)
    assert (now.tolist(), later.tolist()) == ([0, 2], [1, 3])
    assert pairs(hourly, 3)[0].tolist() == [0, 1]


def test_readings_become_hourly_means() -> None:
    found = hourly_means([3600.0, 0.0, 10.0], [5.0, 1.0, 3.0])
    assert (found.hour.tolist(), found.value.tolist()) == ([0, 1], [2.0, 5.0])


@pytest.mark.parametrize(
    ("hour", "value", "why"),
    [([1, 1], [0.0, 0.0], "ascend"), ([1], [float("nan")], "numbers"), ([1, 2], [0.0], "as many hours")],
)
def test_hours_that_are_none_are_refused(hour: list[int], value: list[float], why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        Hourly(hour=np.array(hour), value=np.array(value))


def test_a_home_of_a_day_has_no_norm_yet() -> None:
    with pytest.raises(DatasetError, match="24 hours of the home: at least 48"):
        norm(simulated(days=1))


# A real house.

HOUSE = Path(os.environ.get("AIRCUE_DATA", "")) / "home_climate" / "house.csv.gz"
needs_the_house = pytest.mark.skipif(not HOUSE.is_file(), reason="set AIRCUE_DATA to the folder of docs/data-sets.md")


def house(column: str) -> Hourly:
    with gzip.open(HOUSE, "rt") as file:
        rows = [(datetime.fromisoformat(row["date"]).timestamp(), float(row[column])) for row in csv.DictReader(file)]
    return hourly_means(*zip(*rows, strict=True))


def errors(column: str, horizon: int) -> tuple[float, float, float]:
    """Root mean squares over held-out weeks: damped persistence, persistence, and what the forecast says of itself;
    every week is forecast by what lies before it, from the fourth on."""
    whole = house(column)
    ours, theirs, said = [], [], []
    for begin in range(int(whole.hour[0]) + 21 * DAY_H, int(whole.hour[-1]), 7 * DAY_H):
        found = forecaster(whole.between(0, begin), horizons=horizon)
        week = whole.between(begin, begin + 7 * DAY_H)
        now, later = pairs(week, horizon)
        deviation = week.value[now] - found.norm.at(week.hour[now])
        ours.extend(found.norm.at(week.hour[later]) + found.phi[-1] * deviation - week.value[later])
        theirs.extend(week.value[now] - week.value[later])
        said.append(found.error[-1])
    return float(np.sqrt(np.mean(np.square(ours)))), float(np.sqrt(np.mean(np.square(theirs)))), float(np.mean(said))


@needs_the_house
@pytest.mark.parametrize("column", ["RH_5", "T2"])
@pytest.mark.parametrize("horizon", [3, 6, 12])
def test_damped_persistence_beats_persistence_on_the_held_out_weeks_of_a_house(column: str, horizon: int) -> None:
    ours, theirs, _ = errors(column, horizon)
    assert ours < theirs


@needs_the_house
def test_its_error_is_about_what_it_says() -> None:
    ours, _, said = errors("RH_5", 6)
    assert 0.7 < ours / said < 1.4


def walk(hours: int, seed: int = 3) -> Hourly:
    """A home around 50 that wanders off and comes back, phi 0.9 an hour (simulated)."""
    random = np.random.default_rng(seed)
    value = np.zeros(hours)
    for hour in range(1, hours):
        value[hour] = 0.9 * value[hour - 1] + random.normal()
    return Hourly(hour=np.arange(hours, dtype=np.int64), value=50 + value)


def test_a_chance_comes_true_as_often_as_it_says() -> None:
    """Three hours ahead, from 3,000 moments of a simulated home that the forecaster never saw."""
    known, later = forecaster(walk(6000), horizons=3), walk(3000, seed=4).value
    chances, came = [], []
    for now in range(24, 2990):
        ahead = known.forecast(now, float(later[now]))
        third = Forecast(hour=ahead.hour[2:], value=ahead.value[2:], error=ahead.error[2:])
        chances.append(third.chance(52.0))
        came.append(later[now + 3] > 52.0)
        assert third.chance(52.0) + third.chance(52.0, above=False) == pytest.approx(1)
        assert ahead.chance(52.0) >= third.chance(52.0)
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0)):
        kept = [place for place, chance in enumerate(chances) if low <= chance < high]
        said, found = np.mean([chances[one] for one in kept]), np.mean([came[one] for one in kept])
        assert found == pytest.approx(said, abs=0.06)


def test_an_outlook_says_how_far_how_long_and_how_likely() -> None:
    past = walk(1000)
    value = past.value.copy()
    value[-6:] = 60.0
    found = outlook(Hourly(hour=past.hour, value=value), 55.0)
    assert found.deviation > 3
    assert (found.beyond, found.chance) == (pytest.approx(np.mean(value[-24:] > 55)), 1.0)
    near, far = (outlook(Hourly(hour=past.hour, value=value), threshold).chance for threshold in (61.0, 80.0))
    assert 1 > near > far
    assert outlook(Hourly(hour=past.hour, value=value), 65.0, above_it=False).chance == 1.0
