"""`aircue-gateway rules test`: fabricated series, the example of the documentation, and what a failure says."""

import json
import re
from pathlib import Path

import pytest

from aircue_gateway.cli import main
from aircue_gateway.offline.rules_test import RulesTestError, duration, load, seconds, values

PAGE = Path(__file__).parents[2] / "docs" / "gateway-rules.md"


def example() -> str:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def run(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    file = folder / "rules.toml"
    file.write_text(text)
    status = main(["rules", "test", str(file)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_the_documented_example_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(tmp_path, example(), capsys)
    assert (status, out.count("ok ")) == (0, 2), out
    assert "2 of 2 as expected" in out


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ('end = "45m"', 'end = "47m"', "-damp-air: 3m to 47m"),
        ('start = "3m"', 'start = "4m"', "-damp-air: 4m to 45m"),
        ('end = "45m"', "", "-damp-air: 3m to the end"),
        ("dwell_s = 900", "dwell_s = 60", "+damp-air: 11m to 30m"),
        ("keep_s = 600", "keep_s = 60000", "+damp-air: 3m to the end"),
        ("70x10 85x8 70x20", "70x10 85x30", "+damp-air: 11m to the end"),
    ],
)
def test_what_is_not_as_expected_fails_with_a_diff(
    tmp_path: Path, before: str, after: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert before in example()
    status, out, _ = run(tmp_path, re.sub(re.escape(before) + r"( *#.*)?", after, example()), capsys)
    assert (status, "FAILED" in out) == (1, True)
    assert line in out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", [1.0]),
        ("1x2", [1.0, 1.0, 1.0]),
        ("79+0.5x2", [79.0, 79.5, 80.0]),
        ("-2-.5x1", [-2.0, -2.5]),
        ("_ _x2", [None] * 3),
        ("", []),
    ],
)
def test_series_are_written_compactly(text: str, expected: list[float | None]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize("text", ["x5", "1..2", "1+2", "_+1x3", "80x", "1x99999999", "eighty"])
def test_what_is_no_series_is_refused_by_name(text: str) -> None:
    with pytest.raises(RulesTestError, match=re.escape(text)):
        values(text)


@pytest.mark.parametrize("passed", [0.0, 1.0, 59.5, 60.0, 3600.0, 5400.0, 90_061.0])
def test_durations_read_back(passed: float) -> None:
    assert seconds(duration(passed)) == passed


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('direction = "above"', 'direction = "up"', "need damp-air: direction 'up'"),
        ("enter = 80", 'enter = "80"', "need 'damp-air': enter missing or of the wrong type"),
        ('need = "damp-air"\nstart', 'need = "damp"\nstart', "episodes.need = 'damp': expected one of damp-air"),
        ('start = "3m"', "", "episodes.start is missing"),
        ('interval = "1m"', 'interval = "soon"', "'soon': expected a duration"),
        ('interval = "1m"', 'every = "1m"', "unknown key every; known keys here: name, interval"),
        ("[tests.series]", "[tests.serie]", "unknown key serie"),
        ("[[rules]]", "[rules]", "rules: expected tables, each under [[rules]]"),
        ("# rules_file", "rules_file", "rules_file = 'rules.json': cannot be read"),
        ("[[rules]]", "[[rules", "is no TOML"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(
    tmp_path: Path, before: str, after: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert before in example()
    status, _, error = run(tmp_path, example().replace(before, after), capsys)
    assert status == 2
    assert str(tmp_path / "rules.toml") in error
    assert named in error


def test_the_clouds_own_document_can_be_tested(tmp_path: Path) -> None:
    rule = {
        "need": "condensation", "quantity": "dew_point", "direction": "above", "enter": 17, "exit": 16,
        "dwell_s": 0, "keep_s": 0, "max_gap_s": 600, "on_missing": "reset", "of_a_later_cloud": 1,
    }  # fmt: skip
    (tmp_path / "cloud.json").write_text(json.dumps({"version": "1", "rules": [rule]}))
    (tmp_path / "t.toml").write_text(
        'rules_file = "cloud.json"\n[[tests]]\ninterval = 60\n'
        'series = { temperature = "21x20", humidity = "50x5 90x5 50x5" }\n'
        'episodes = [{ need = "condensation", start = 360, end = "12m" }]\n'
    )
    assert load(tmp_path / "t.toml")[0][0].on_missing == "reset"
    assert main(["rules", "test", str(tmp_path / "t.toml")]) == 0
