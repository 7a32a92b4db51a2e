"""What a context adds to the season: arithmetic the slow way, and simulated worlds whose answer is known."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import minimize

from aircue_cloud.cli import main
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import ablation, choosing
from aircue_cloud.recommender.evaluating.ablation import Ablation, ablate
from aircue_cloud.recommender.evaluating.chances import Expected, Fit, by_day, numbered, poisson
from aircue_cloud.recommender.evaluating.context_log import EVERYBODY, Context, context_of, day_of, read_context
from aircue_cloud.recommender.evaluating.occasions import EventDays, Period
from aircue_cloud.recommender.interactions import DAY_S, Interactions

DAYS, ITEMS, USERS = 240, 12, 40
VALIDATE, TEST, END = 150 * DAY_S, 190 * DAY_S, DAYS * DAY_S


EARLIER = 500  # days of weather before the log


def weather(seed: int = 1) -> np.ndarray:
    """Simulated: a year's wave and weather of a few days on top, shape (days before the log and in it,)."""
    random = np.random.default_rng(seed)
    rest = np.zeros(EARLIER + DAYS)
    for day in range(1, len(rest)):
        rest[day] = 0.7 * rest[day - 1] + random.normal()
    return 10 * wave() + 2 * rest


def wave() -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(-EARLIER, DAYS) / 365.25)


def daily(values: np.ndarray) -> Context:
    return context_of(["outdoor_c"], [(EVERYBODY, day - EARLIER, [float(value)]) for day, value in enumerate(values)])


def world(by_weather: float, by_season: float, seed: int = 1) -> Interactions:
    """Simulated: forty users turn to items each day; the first third of the items follow the weather's deviation, the
    last third the season, the weights being log lifts a standard deviation and a wave."""
    random = np.random.default_rng([seed, 5])
    season, deviation = wave()[EARLIER:], (weather(seed) - 10 * wave())[EARLIER:]
    deviation = deviation / deviation.std()
    taste = random.normal(0, 0.5, (USERS, ITEMS))
    effect, swing = np.zeros(ITEMS), np.zeros(ITEMS)
    effect[: ITEMS // 3], swing[-ITEMS // 3 :] = by_weather, by_season
    rows = []
    for day in range(DAYS):
        chances = np.exp(taste + effect * deviation[day] + swing * season[day])
        chances /= chances.sum(axis=1, keepdims=True)
        for user in np.flatnonzero(random.random(USERS) < 0.5):
            item = int(random.choice(ITEMS, p=chances[user]))
            rows.append((f"u{user:02}", f"i{item:02}", day * DAY_S + 3600.0, 1.0))
    return Interactions.of(rows)


def asked(log: Interactions, context: Context, placebos: int = 19) -> Ablation:
    return ablate(log, context, VALIDATE, TEST, END, placebos=placebos)


# Simulated worlds.


def test_a_simulated_effect_of_the_weather_is_found_and_claimed() -> None:
    found = asked(world(0.5, 1.0), daily(weather()))
    assert found.claimed
    assert found.gain.low > 0
    assert {name: max(gains) < found.gain.value for name, gains in found.placebos.items()} == {
        "shuffled dates": True, "dates shuffled within a month": True, "unrelated products": True
    }  # fmt: skip
    assert "predicts what is turned to beyond the season" in ablation.verdict(found, ["outdoor_c"])


def test_a_simulated_world_of_season_alone_gives_no_claim_though_the_raw_context_gains() -> None:
    """The trap: outdoor temperature follows the season, so do sales."""
    found = asked(world(0.0, 2.0), daily(weather()))
    assert found.naive_gain.low > 0
    assert not found.claimed
    assert "no effect beyond the season is shown" in ablation.verdict(found, ["outdoor_c"])


def test_simulated_worlds_without_any_effect_are_hardly_ever_claimed() -> None:
    claims = [asked(world(0.0, 1.0, seed), daily(weather(seed)), placebos=3).claimed for seed in range(2, 5)]
    assert sum(claims) <= 1


def test_a_context_of_each_user_is_held_against_that_of_another_user() -> None:
    """Simulated: what is bought follows the own home's dampness, day by day."""
    random = np.random.default_rng(3)
    damp = random.normal(size=(USERS, DAYS))
    rows = []
    for user, day in np.ndindex(USERS, DAYS):
        if random.random() < 0.5:
            chances = np.exp(np.r_[1.2 * damp[user, day], np.zeros(5)])
            rows.append((f"u{user:02}", f"i{random.choice(6, p=chances / chances.sum())}", day * DAY_S, 1.0))
    lines = [(f"u{user:02}", day, [damp[user, day]]) for user, day in np.ndindex(USERS, DAYS)]
    found = ablate(Interactions.of(rows), context_of(["damp"], lines), VALIDATE, TEST, END, placebos=5)
    assert found.claimed
    assert max(found.placebos["another user's context"]) < found.gain.value / 10


def test_each_stage_stands_on_the_one_before() -> None:
    found = asked(world(0.5, 1.0), daily(weather()), placebos=1)
    assert [stage.name for stage in found.stages] == list(ablation.STAGES)
    assert found.stages[0].gain is None
    for before, after in zip(found.stages, found.stages[1:], strict=False):
        assert after.gain is not None
        assert after.gain.value == pytest.approx(before.loss - after.loss)
        assert after.gain.low <= after.gain.value <= after.gain.high
    assert found.stages[4].gain == found.gain


def test_nothing_of_the_test_is_known_before_its_day() -> None:
    """Popularity of a day is that of the days before it, whatever comes later."""
    log = world(0.0, 0.0)
    whole, past = EventDays.of(log), EventDays.of(log.between(-np.inf, 100 * DAY_S))
    for half_life_d in (7.0, np.inf):
        assert whole.popular(half_life_d)[:100] == pytest.approx(past.popular(half_life_d))


# The arithmetic.


@pytest.mark.parametrize("features", [1, 3])
def test_lifts_maximise_the_penalised_likelihood(features: int) -> None:
    random = np.random.default_rng(features)
    x, e = random.normal(size=(30, features)), random.uniform(0.1, 2, (30, 4))
    n = random.poisson(e * np.exp(0.8 * x[:, [0]])).astype(float)
    penalties = np.array([2.0, 5.0, 9.0])[:features]
    found = poisson(x, n, e, penalties)
    for item in range(4):

        def loss(theta: np.ndarray, item: int = item) -> float:
            rate = x @ theta
            return float((e[:, item] * np.exp(rate) - n[:, item] * rate).sum() + 0.5 * penalties @ theta**2)

        best = minimize(loss, np.zeros(features), tol=1e-12)
        assert found[item] == pytest.approx(best.x, abs=1e-4)


def test_rows_that_are_the_same_share_a_number() -> None:
    found = numbered([np.array([1, 1, 2, 1]), np.array([0.5, 0.0, 0.5, 0.5])])
    assert [found.tolist().count(one) for one in found] == [2, 1, 1, 2]
    assert found[0] == found[3]


def test_a_mixture_makes_the_events_likeliest() -> None:
    random = np.random.default_rng(5)
    chances = random.uniform(0.01, 1, (2, 400))
    weight = choosing.likeliest(chances, rounds=2000)[0]
    grid = np.linspace(0.001, 0.999, 999)
    losses = [-np.log(one * chances[0] + (1 - one) * chances[1]).mean() for one in grid]
    assert weight == pytest.approx(grid[np.argmin(losses)], abs=2e-3)


def test_losses_are_those_of_the_formula_event_by_event() -> None:
    log = world(0.5, 1.0)
    days = EventDays.of(log)
    period = Period.of(days, TEST, END)
    random = np.random.default_rng(6)
    ranked = Expected(period, days.popular(30.0)[period.day - days.first])
    fit = Fit(theta=random.normal(size=(ITEMS, 2)), x=random.normal(size=(len(period.user), 2)))
    losses = ranked.losses(fit)
    for event in (0, 7, len(losses) - 1):
        o = period.occasion[event]
        scores = [ranked.b[o, i] * np.exp(fit.theta[i] @ fit.x[o]) for i in range(ITEMS)]
        assert losses[event] == pytest.approx(-np.log(scores[period.item[event]] / sum(scores)))


def test_an_interval_takes_a_day_as_one_observation() -> None:
    """A hundred events of a day that all say the same are worth one."""
    day = np.repeat(np.arange(30), 100)
    period = Period(begin=0, user=day, day=day, occasion=np.arange(3000), item=np.zeros(3000, dtype=np.intp))
    gains = np.repeat(np.random.default_rng(7).normal(size=30), 100)
    found = by_day(period, gains)
    assert found.high - found.low == pytest.approx(2 * 1.96 * gains[::100].std() / 30**0.5, rel=0.15)


# The context.


def test_a_deviation_is_what_the_season_does_not_say() -> None:
    values = weather()
    until = 190
    found, known = daily(values).deviations(until).values[:, 0], slice(0, EARLIER + until)
    assert abs(np.corrcoef(found[known], wave()[known])[0, 1]) < 0.01
    assert np.corrcoef(found, values - 10 * wave())[0, 1] > 0.97
    assert found[known].std() == pytest.approx(1)
    assert abs(np.corrcoef(daily(values).standardised(until).values[known, 0], wave()[known])[0, 1]) > 0.7


def test_a_norm_is_learnt_before_the_split_alone() -> None:
    values, known = weather(), EARLIER + 190
    later = np.r_[values[:known], values[known:] + 100]
    one, other = (daily(one).deviations(190).values[:known] for one in (values, later))
    assert one == pytest.approx(other)


def test_a_users_own_day_comes_before_everybodys() -> None:
    context = context_of(["t"], [(EVERYBODY, 3, [1.0]), ("ann", 3, [2.0])])
    found = context.at(["ann", "bob", "bob"], np.array([3, 3, 4]))
    assert found[:2, 0].tolist() == [2, 1]
    assert np.isnan(found[2, 0])


def test_a_context_is_read_from_csv(tmp_path: Path) -> None:
    file = tmp_path / "context.csv"
    file.write_text("date,t,h\n2026-03-01,1.5,80\n2026-03-02,2,81\n")
    found = read_context(file)
    assert found.columns == ("t", "h")
    assert found.day.tolist() == [day_of(date(2026, 3, 1)), day_of(date(2026, 3, 2))]
    assert found.values.tolist() == [[1.5, 80], [2, 81]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("day,t\n2026-03-01,1\n", r"expected \[user,\]date and at least one column of numbers"),
        ("date,t\nsoon,1\n", "line 2, column date: 'soon', expected a day like 2026-03-01"),
        ("date,t\n2026-03-01,nan\n", "line 2, column t: 'nan', expected a number"),
        ("date,t\n2026-03-01\n", "line 2, column t: None, expected a number"),
        ("date,t\n2026-03-01,1\n2026-03-01,2\n", "2026-03-01 twice; expected one line a day"),
        ("date,t\n", "no line; expected one line a day"),
    ],
)
def test_a_file_that_is_no_context_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "context.csv"
    file.write_text(text)
    with pytest.raises(DatasetError, match=why):
        read_context(file)


def test_a_context_of_other_days_is_refused() -> None:
    other = context_of(["t"], [(EVERYBODY, day, [1.0]) for day in range(1000, 1100)])
    with pytest.raises(DatasetError, match=r"knows 0% of the period's occasions: it runs from 1972-09-27"):
        asked(world(0, 0), other)


def test_a_period_outside_the_log_is_refused() -> None:
    with pytest.raises(DatasetError, match="nothing before it or nothing in the period"):
        ablate(world(0, 0), daily(weather()), 0.0, TEST, END)


def test_the_command_prints_the_ladder_and_a_verdict(tmp_path: Path) -> None:
    log, values = world(0.0, 1.0), weather()
    rows = zip(log.user, log.item, log.at, strict=True)
    (tmp_path / "log.csv").write_text(
        "user,item,time\n" + "".join(f"{log.users[u]},{log.items[i]},{at}\n" for u, i, at in rows)
    )
    days = (str(date.fromordinal(date(1970, 1, 1).toordinal() + day)) for day in range(-EARLIER, DAYS))
    (tmp_path / "t.csv").write_text("date,t\n" + "".join(f"{d},{v}\n" for d, v in zip(days, values, strict=True)))
    arguments = ["--interactions", "log.csv", "--test-from", "1970-07-10", "--context", "t.csv", "--json", "out.json"]
    given = [str(tmp_path / one) if "." in one else one for one in arguments]
    result = CliRunner().invoke(main, ["evaluate", *given])
    assert result.exit_code == 0, result.output
    for line in (*ablation.STAGES, "placebo, shuffled dates: ", "t: no effect beyond the season is shown"):
        assert line in result.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["claimed"] is False
    assert len(figures["stages"]) == 5
