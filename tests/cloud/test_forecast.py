"""Forecasts of needs: what may be known when, the fit against another library, and when one may trigger anything."""

import copy
import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm
from click.testing import CliRunner, Result
from tests.cloud.stage import NOW, Cloud
from tests.rules import DAMP

from aircue_cloud import db
from aircue_cloud.cli import main
from aircue_cloud.needs import forecast, forecast_evaluation, home_climate, needs, stored
from aircue_cloud.needs.forecast import Course, Numbers

EVERY_S = 1800.0
RULE = replace(DAMP, max_gap_s=2 * EVERY_S, keep_s=EVERY_S)
_DAY = 48  # readings


def course(value: Numbers, every_s: float = EVERY_S) -> Course:
    return Course(at=np.arange(len(value)) * every_s, value=np.asarray(value, dtype=np.float64))


@cache
def foreseeable(days: int = 50) -> Course:
    """Simulated: at an hour of its own each day, humidity either climbs for four hours and passes 80, or jumps to just
    below it and falls again: the way there tells, not the value."""
    random = np.random.default_rng(1)
    value = 55 + random.normal(0, 0.5, days * _DAY)
    for day in range(days):
        start = day * _DAY + int(random.integers(2, 34))
        climb = np.linspace(2, 24, 8)
        value[start : start + 8] += climb if day % 2 else climb[::-1]
        value[start + 8 : start + 11] += 30 * (day % 2)
    return course(value)


@cache
def unforeseeable(days: int = 48) -> Course:
    """Simulated: it jumps at any time, from one reading to the next."""
    random = np.random.default_rng(2)
    value = 55 + random.normal(0, 1, days * _DAY)
    for day in range(days - 1):
        start = day * _DAY + int(random.integers(2, 44))
        value[start : start + 3] += 30
    return course(value)


def test_an_episode_begins_with_its_first_reading_past_the_threshold() -> None:
    value = np.array([70.0, 70, 70, 81, 82, 83, 70, 70, 70, 70, 81, 70, 70])
    found = forecast.labels(course(value, every_s=600), replace(RULE, dwell_s=900, keep_s=600), lead_s=1200)
    assert found.starts.tolist() == [1800.0]
    assert np.flatnonzero(found.begins).tolist() == [1, 2]
    assert not found.idle[3:7].any()


def test_nothing_later_is_used() -> None:
    whole = foreseeable()
    found, known = forecast.labels(whole, RULE), np.arange(len(whole.at)) < 30 * _DAY
    model = forecast.fit(whole, RULE, found, known)
    cut = 35 * _DAY
    other = replace(whole, value=np.concatenate([whole.value[:cut], np.full(len(whole.value) - cut, 10.0)]))
    earlier = found.idle[:cut]
    p, q = (model.probability(one, forecast.labels(one, RULE))[:cut][earlier] for one in (whole, other))
    assert p == pytest.approx(q)


def test_the_fit_knows_nothing_of_what_is_not_known() -> None:
    whole = foreseeable()
    found, known = forecast.labels(whole, RULE), np.arange(len(whole.at)) < 30 * _DAY
    lies = replace(found, begins=np.where(known, found.begins, ~found.begins & found.idle))
    one, other = forecast.fit(whole, RULE, found, known), forecast.fit(whole, RULE, lies, known)
    assert (one.ridge, one.weights.tolist()) == (other.ridge, other.weights.tolist())


def test_without_a_ridge_it_is_statsmodels_logistic_regression() -> None:
    random = np.random.default_rng(3)
    z = random.normal(size=(500, 3))
    y = (random.random(500) < 1 / (1 + np.exp(1 - z @ np.array([1.0, -0.5, 0.0])))).astype(np.float64)
    oracle = sm.Logit(y, sm.add_constant(z)).fit(disp=0).params
    assert forecast.logistic(z, y, ridge=1e-9) == pytest.approx(oracle, abs=1e-4)


def test_a_ridge_draws_to_nought_what_is_not_free() -> None:
    random = np.random.default_rng(4)
    z = random.normal(size=(500, 2))
    y = (random.random(500) < 1 / (1 + np.exp(-z.sum(axis=1)))).astype(np.float64)
    weights = forecast.logistic(z, y, ridge=1e6, free=1)
    assert abs(weights[1]) > 0.5
    assert abs(weights[2]) < 0.01


def test_an_hour_of_which_little_is_known_is_like_all() -> None:
    flat = course(np.zeros(2 * _DAY))
    found = forecast.hourly(flat, (flat.hour == 7).astype(np.float64), np.ones(2 * _DAY, dtype=bool))
    assert found[7] == pytest.approx((4 + 48 / 24) / (4 + 48))
    assert found[8] == pytest.approx(48 / 24 / (4 + 48))


def test_what_can_be_seen_coming_may_trigger() -> None:
    found = forecast_evaluation.evaluate(foreseeable(), RULE)
    assert found is not None
    assert found.on
    assert found.ratio.value < 0.8
    assert found.precision > found.precision_best
    assert 0 < found.lead_min <= 60


def test_probabilities_come_true_as_often_as_they_say() -> None:
    """Of all readings it was asked about: the mean of p and the share of beginnings agree within a third."""
    whole = foreseeable()
    found, known = forecast.labels(whole, RULE), np.arange(len(whole.at)) < 24 * _DAY
    p = forecast.fit(whole, RULE, found, known).probability(whole, found)
    later = ~known & found.idle
    assert p[later].mean() == pytest.approx(found.begins[later].mean(), rel=0.33)
    high = later & (p > 0.5)
    assert found.begins[high].mean() > 0.5


def test_what_cannot_be_seen_coming_stays_switched_off() -> None:
    found = forecast_evaluation.evaluate(unforeseeable(), RULE)
    assert found is not None
    assert not found.on
    assert found.ratio.high >= 1


def test_few_beginnings_say_nothing() -> None:
    assert forecast_evaluation.evaluate(course(np.full(30 * _DAY, 50.0)), RULE) is None
    flat = course(np.full(30 * _DAY, 50.0))
    with pytest.raises(ValueError, match="to learn from"):
        forecast.fit(flat, RULE, forecast.labels(flat, RULE), np.ones(len(flat.at), dtype=bool))


def test_readings_at_odd_intervals_are_refused() -> None:
    with pytest.raises(ValueError, match="even intervals"):
        Course(at=np.array([0.0, 600.0, 1800.0]), value=np.zeros(3))


def test_without_the_data_the_command_says_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRCUE_DATA", "/nowhere")
    result = CliRunner().invoke(main, ["needs", "forecast", "evaluate"])
    assert result.exit_code == 1
    assert "docs/data-sets.md" in result.stderr


def test_the_command_forecasts_the_needs_that_hold_in_the_store(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damp air is the store's own from 200 % on, which never comes; heat was taken away."""
    monkeypatch.setattr(
        home_climate, "courses", lambda quantity: {"bathroom": foreseeable()} if quantity == "humidity" else {}
    )
    config = tmp_path / "cloud.toml"
    database = f'database_url = "{cloud.database_url}"\n' if cloud.database_url else ""
    config.write_text(f'data_dir = "{cloud.folder.parent.parent}"\n{database}')
    shipped = needs.load()
    document = copy.deepcopy(dict(shipped.by_name["damp-air"].document))
    document["condition"] |= {"enter": 200.0, "exit": 199.0}
    with db.writing(cloud.engine) as connection:
        stored.save(connection, "damp-air", document, "operator olga", "", NOW)
        stored.retire(connection, "heat", "operator olga", "", NOW, shipped)

    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["needs", "forecast", "evaluate", *words])

    assert "bathroom" in run("--need", "damp-air").stdout
    assert "nothing can be said" in run("--need", "damp-air", "--config", str(config)).stdout
    assert "no need heat; known are " in run("--need", "heat", "--config", str(config)).stderr
    assert run("--need", "heat").exit_code == 0


@pytest.mark.skipif(not os.environ.get("AIRCUE_DATA"), reason="AIRCUE_DATA names no data sets (docs/data-sets.md)")
def test_the_house_of_the_open_data(tmp_path: Path) -> None:
    """Heat never came there in ten weeks of winter."""
    out = tmp_path / "out.json"
    result = CliRunner().invoke(main, ["needs", "forecast", "evaluate", "--need", "heat", "--json", str(out)])
    assert result.exit_code == 0, result.output
    assert "nothing can be said" in result.stdout
    assert json.loads(out.read_text()) == {"forecasts": []}
