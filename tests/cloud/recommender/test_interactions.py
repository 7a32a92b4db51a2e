"""The log every model learns from: numbered once, weighted by age, read from CSV or refused line by line."""

import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting, read_csv

ROWS = [("ann", "lamp", 0.0, 1.0), ("ann", "lamp", DAY_S, 3.0), ("bob", "mug", 2 * DAY_S, -4.0)]
NOW = 2 * DAY_S + 1


def dense(weighting: Weighting, now: float = 2 * DAY_S) -> list[list[float]]:
    found: list[list[float]] = Interactions.of(ROWS).matrix(weighting, now).toarray().round(4).tolist()
    return found


def test_events_of_a_pair_add_up() -> None:
    assert dense(Weighting()) == [[4, 0], [0, -4]]


@pytest.mark.parametrize(
    ("shape", "lamp", "mug"), [("binary", 1, -1), ("sqrt", 2, -2), ("log", np.log(5), -np.log(5)), ("linear", 4, -4)]
)
def test_the_shape_is_made_of_the_sum_and_keeps_its_sign(shape: str, lamp: float, mug: float) -> None:
    assert dense(Weighting(shape=shape)) == [[pytest.approx(lamp, abs=1e-4), 0], [0, pytest.approx(mug, abs=1e-4)]]


def test_an_event_a_half_life_old_counts_half() -> None:
    assert dense(Weighting(half_life_d=1)) == [[0.25 + 1.5, 0], [0, -4]]


def test_the_future_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"1970-01-03T00:00:00\+00:00 lies after 1970-01-02"):
        Interactions.of(ROWS).matrix(Weighting(), DAY_S)


def test_a_part_in_time_keeps_the_numbers_of_the_whole() -> None:
    late = Interactions.of(ROWS).between(2 * DAY_S, NOW)
    assert late.matrix(Weighting(), NOW).toarray().tolist() == [[0, 0], [0, -4]]


def test_an_events_end_is_open() -> None:
    whole = Interactions.of(ROWS)
    assert len(whole.between(0, DAY_S)) + len(whole.between(DAY_S, NOW)) == len(whole)


@given(st.permutations(ROWS))
def test_the_order_of_rows_leaves_no_trace(rows: list[tuple[str, str, float, float]]) -> None:
    assert Interactions.of(rows).fingerprint == Interactions.of(ROWS).fingerprint


def test_another_event_leaves_one() -> None:
    assert Interactions.of(ROWS[:2]).fingerprint != Interactions.of(ROWS).fingerprint


def test_nothing_and_no_numbers_are_refused() -> None:
    with pytest.raises(DatasetError, match="no interactions"):
        Interactions.of([])
    with pytest.raises(DatasetError, match="NaN or infinite"):
        Interactions.of([("ann", "lamp", 0.0, float("nan"))])


@pytest.mark.parametrize("weighting", [{"shape": "cube"}, {"half_life_d": 0.0}, {"half_life_d": -1.0}])
def test_a_weighting_that_is_none_is_refused(weighting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Weighting(**weighting)  # type: ignore[arg-type]  # that is the point


# CSV.


def test_a_csv_gives_the_same_as_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    rows = random.Random(1).sample(ROWS, len(ROWS))
    file.write_text("time,user,weight,item\n" + "".join(f"{at},{user},{w},{item}\n" for user, item, at, w in rows))
    assert read_csv(file).fingerprint == Interactions.of(ROWS).fingerprint


def test_times_may_be_iso_and_weights_may_be_absent(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("user,item,time\nann,lamp,2026-03-01T12:00:00\nann,lamp,2026-03-01T13:00:00+01:00\n", "utf-8-sig")
    log = read_csv(file)
    assert log.at.tolist() == [datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()] * 2
    assert log.weight.tolist() == [1, 1]


def test_bad_lines_are_named_and_nothing_is_half_read(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("user,item,time,weight\nann,lamp,soon,1\nann,,3,1\nann,lamp,3,nan\nann,lamp,3,1\n")
    with pytest.raises(DatasetError) as refusal:
        read_csv(file)
    assert str(refusal.value) == (
        f"{file}: line 2, column time: 'soon', expected epoch seconds or ISO 8601; line 3, column item: empty, expected"
        " an id; line 4, column weight: 'nan', expected a number, or nothing for 1; mend or remove these lines"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ann,lamp,nan,1", "column time: 'nan'"),
        ("ann,lamp,1e999,1", "column time: '1e999'"),
        ("ann,lamp,2026-13-01,1", "column time: '2026-13-01'"),
        ("ann,lamp", "column time: ''"),
        ("ann", "column item: empty"),
        (" ,lamp,3,1", "column user: empty"),
        ("ann,lamp,3,-inf", "column weight: '-inf'"),
        ("ann,lamp,3,1,5", "more fields than the header; quote"),
        ("ann,lamp,1001,1", "column time: 1001 lies in the future, after 1970-01-01T00:16:40"),
    ],
)
def test_each_way_to_be_wrong_is_told_with_its_column(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "log.csv"
    file.write_text(f"user,item,time,weight\nann,lamp,3,1\n{line}\n")
    with pytest.raises(DatasetError) as refusal:
        read_csv(file, latest=1000.0)
    assert f"line 3, {'the line has ' if 'header' in why else ''}{why}" in str(refusal.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00u\x00s", b"user,item,time\n\xff,lamp,3\n"])
def test_a_file_in_another_encoding_is_told_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "log.csv"
    file.write_bytes(content)
    with pytest.raises(DatasetError, match="no CSV in UTF-8"):
        read_csv(file)


def test_a_folder_is_told_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_csv(tmp_path)


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("user,item,time\n" + "ann,lamp,soon\n" * 9)
    with pytest.raises(DatasetError, match="and 4 more"):
        read_csv(file)


@pytest.mark.parametrize(
    ("text", "why"), [("a,b\n1,2\n", "no column user, item, time"), ("user,item,time\n", "no interactions")]
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "log.csv"
    file.write_text(text)
    with pytest.raises(DatasetError, match=why):
        read_csv(file)
