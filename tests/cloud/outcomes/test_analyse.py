"""`aircue-cloud outcomes analyse`: anyone's experiment, and what is wrong with its file by line and column."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aircue_cloud.cli import main
from aircue_cloud.outcomes.simulation.experiments import World, draw

WORLD = World(homes=1200, holdout=0.3)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["outcomes", *words])


def written(folder: Path, text: str) -> str:
    path = folder / "experiment.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def experiment(tmp_path: Path) -> str:
    """Simulated: a lift of 40 %."""
    units = draw(WORLD, 0.4, np.random.default_rng(2), "file")
    path = tmp_path / "simulated.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["unit", "arm", "outcome", "pre", "cost", "margin"])
        arms = np.where(units.treated, "treatment", "holdout")
        columns = (units.outcome, units.pre, units.cost, units.margin)
        known = [column for column in columns if column is not None]
        rows.writerows(zip(range(1200), arms, *known, strict=True))
    return str(path)


def test_an_experiment_is_told_in_lines_and_as_json(experiment: str, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run("analyse", "--in", experiment, "--share", "0.7", "--planned", "1200", "--json", str(out))
    assert result.exit_code == 0, result.output
    names = [line.split()[0] for line in result.stdout.splitlines()]
    assert names == ["split", "means", "effect", "relative", "looking", "power", "how", "iROI", "verdict"]
    found = json.loads(out.read_text())
    assert found["verdict"] == "an effect, whenever this was looked at"
    relative = found["effect"]["uplift"]["relative"]
    assert relative["low"] < 0.4 < relative["high"]


def test_a_split_that_was_not_asked_for_tells_no_effect(experiment: str) -> None:
    result = run("analyse", "--in", experiment, "--share", "0.5")
    assert result.exit_code == 0
    assert "sample ratio mismatch" in result.stdout
    assert "verdict" not in result.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unit,arm\na,treatment\n", "no column outcome; expected unit,arm,outcome[,pre,cost,margin]"),
        ("unit,arm,outcome,price\n", "unknown column price"),
        ("unit,arm,outcome\na,treated,1\n", "line 2, column arm: 'treated', expected one of treatment, holdout"),
        ("unit,arm,outcome\na,holdout,1\nb,holdout,1e\n", "line 3, column outcome: '1e', expected a number"),
        ("unit,arm,outcome\na,holdout,nan\n", "line 2, column outcome: 'nan', expected a number"),
        ("unit,arm,outcome,pre\na,holdout,1,\n", "line 2, column pre: '', expected a number"),
        ("unit,arm,outcome\na,holdout\n", "line 2, column outcome: None, expected a number"),
        ("unit,arm,outcome\na,holdout,1\na,holdout,1\n", "line 3, column unit: 'a' stands in line 2 already"),
        ("unit,arm,outcome\n,holdout,1\n", "line 2, column unit: empty"),
        ("unit,arm,outcome,cost\na,holdout,1,-2\n", "line 2, column cost: '-2', expected a cost from 0 up"),
        ("unit,arm,outcome\n", "no units"),
        ("unit,arm,outcome\na,holdout,1\nb,holdout,2\n", "0 units in treatment: at least 2"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    result = run("analyse", "--in", written(tmp_path, text))
    assert result.exit_code == 1
    assert said in result.stderr


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    result = run("analyse", "--in", written(tmp_path, "unit,arm,outcome\n" + "".join(f"{n},x,1\n" for n in range(9))))
    assert "and 4 more" in result.stderr


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"unit,arm,outcome\n\xff\xfe")
    assert "no CSV in UTF-8" in run("analyse", "--in", str(path)).stderr


# Before and after.

MONTHS = """before,after,roi
2159077.113,2374970.787,43
2295660.042,2524608.405,47.8
1890403.191,1909353.546,45.5
1969012.071,2165955.39,42
1998069.282,2038075.587,41
2212839.972,2412029.259,45.6
2073028.464,2300994.216,47.8
2107139.103,2338894.926,43.5
2135073.33,2348580.663,42.8
2091417.327,2258741.943,45.2
2122860.879,2377637.874,46
2172693.294,2389990.698,49.8
"""


def test_the_studys_twelve_months_and_what_they_are_called(tmp_path: Path) -> None:
    result = run("before-after", "--in", written(tmp_path, MONTHS))
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "mean of ratios +8.66% (before/after, not causal)",
        "ratio of sums +8.77% (before/after, not causal)",
        "mean ROI 45.0 % (before/after, not causal)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("before,after\n1,2\n", "no column roi"),
        ("before,after,roi\n1,x,3\n", "line 2, column after: 'x', expected a number"),
        ("before,after,roi\n0,2,3\n", "a month before sold 0.0"),
        ("before,after,roi\n", "at least one"),
    ],
)
def test_months_that_cannot_be_used_are_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in run("before-after", "--in", written(tmp_path, text)).stderr
