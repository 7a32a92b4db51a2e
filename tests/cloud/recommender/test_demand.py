"""A day's volume by its context: simulated series whose answer is known, a real one whose answer everybody knows."""

import json
import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aircue_cloud.cli import main
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import demand
from aircue_cloud.recommender.evaluating.context_log import EVERYBODY, Context, context_of
from aircue_cloud.recommender.evaluating.demand import Demand, ablate

DAYS, TEST = 500, 400


def simulated(effect: float, seed: int = 1) -> tuple[dict[int, float], Context]:
    """Simulated: volume by season and weekday, and by the weather's deviation as far as `effect` says."""
    random = np.random.default_rng(seed)
    day = np.arange(DAYS)
    season, rest = np.sin(2 * np.pi * day / 365.25), random.normal(size=DAYS)
    log_volume = 3 + 0.5 * season + 0.2 * (day % 7 > 4) + effect * rest + random.normal(0, 0.1, DAYS)
    context = context_of(["t"], [(EVERYBODY, int(one), [float(10 * season[one] + 3 * rest[one])]) for one in day])
    return dict(enumerate(np.exp(log_volume).tolist())), context


def found(effect: float, seed: int = 1) -> Demand:
    return ablate(*simulated(effect, seed), TEST, placebos=39)


def test_a_simulated_effect_is_found_with_its_size() -> None:
    one = found(0.1)
    assert one.claimed
    assert one.coefficients["t"] == pytest.approx(0.1, abs=0.02)


def test_simulated_season_alone_is_not_claimed() -> None:
    assert sum(found(0.0, seed).claimed for seed in range(8)) <= 1


def test_stages_stand_on_each_other() -> None:
    one = found(0.1)
    assert [stage.name for stage in one.stages] == list(demand.STAGES)
    for before, after in zip(one.stages, one.stages[1:], strict=False):
        assert after.gain is not None
        assert after.gain.value == pytest.approx(before.error**2 - after.error**2)


def test_too_few_days_are_told() -> None:
    volume, context = simulated(0.0)
    with pytest.raises(DatasetError, match="5 from it: at least 28 and 14 are needed"):
        ablate(volume, context, DAYS - 5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("day,volume\n", "expected the columns date,volume, found day, volume"),
        ("date,volume\n2026-01-01,0\n", "line 2, column volume: expected a number over 0"),
        ("date,volume\nsoon,1\n", "line 2, .*soon"),
    ],
)
def test_a_file_that_holds_no_volumes_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "volume.csv"
    file.write_text(text)
    with pytest.raises(DatasetError, match=why):
        demand.read_volume(file)


def test_the_command_takes_anybodys_series(tmp_path: Path) -> None:
    volume, context = simulated(0.1)
    days = [str(date.fromordinal(date(1970, 1, 1).toordinal() + day)) for day in range(DAYS)]
    lines = "".join(f"{day},{value}\n" for day, value in zip(days, volume.values(), strict=True))
    (tmp_path / "v.csv").write_text("date,volume\n" + lines)
    lines = "".join(f"{day},{value}\n" for day, value in zip(days, context.values[:, 0], strict=True))
    (tmp_path / "c.csv").write_text("date,t\n" + lines)
    files = ["--volume", str(tmp_path / "v.csv"), "--context", str(tmp_path / "c.csv"), "--json", str(tmp_path / "o")]
    result = CliRunner().invoke(main, ["evaluate", "demand", *files])
    assert result.exit_code == 0, result.output
    assert "t: predicts a day's volume beyond the season" in result.output
    assert json.loads((tmp_path / "o").read_text())["claimed"] is True


BEER = Path(os.environ.get("AIRCUE_DATA", "")) / "demand" / "Consumo_cerveja.csv"


@pytest.mark.skipif(not BEER.is_file(), reason="set AIRCUE_DATA to the folder of docs/data-sets.md")
def test_hot_days_sell_beer_in_a_real_city() -> None:
    result = CliRunner().invoke(main, ["evaluate", "demand"])
    assert result.exit_code == 0, result.output
    assert "highest_c, rain_mm: predicts a day's volume beyond the season" in result.output
