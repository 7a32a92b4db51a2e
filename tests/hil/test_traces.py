"""Traces: what is between two rows, what is a gap, what a bad row says, and one real data set."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aircue_hil.air import Air, first_above
from aircue_hil.clock import DAY_US, whole_days_to
from aircue_hil.traces import LONG, Trace, TraceError, load

S = 1_000_000
HEADER = "room,at,temperature,humidity,co2\n"


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * S


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "trace.csv"
    path.write_text(header + "".join(row + "\n" for row in rows))
    return path


def two_rows(folder: Path) -> Trace:
    rows = "bath,2026-01-14 06:00:00,20,50,800", "bath,2026-01-14 06:10:00,22,60,1000"
    return load(written(folder, *rows), LONG)


def test_between_two_rows_the_air_is_linear(tmp_path: Path) -> None:
    air = two_rows(tmp_path).air("bath", us("2026-01-14 06:05:00"))
    assert air == Air(temperature_c=21.0, humidity_pct=55.0, co2_ppm=900.0)


def test_before_the_first_and_after_the_last_row_there_is_no_air(tmp_path: Path) -> None:
    trace = two_rows(tmp_path)
    assert trace.air("bath", us("2026-01-14 05:59:59")) is None
    assert trace.air("bath", us("2026-01-14 06:10:00")) is not None
    assert trace.air("bath", us("2026-01-14 06:10:01")) is None


def test_a_long_pause_between_rows_is_a_gap(tmp_path: Path) -> None:
    path = written(tmp_path, "bath,2026-01-14 06:00:00,20,50,", "bath,2026-01-14 09:00:00,22,60,")
    assert load(path, LONG).air("bath", us("2026-01-14 07:00:00")) is None
    assert load(path, LONG, max_gap_s=4 * 3600).air("bath", us("2026-01-14 07:30:00")) is not None


def test_an_empty_cell_is_a_gap_of_that_room_and_no_error(tmp_path: Path) -> None:
    rows = "bath,2026-01-14 06:00:00,20,50,", "bath,2026-01-14 06:10:00,,60,", "bath,2026-01-14 06:20:00,20,52,"
    air = load(written(tmp_path, *rows), LONG).air("bath", us("2026-01-14 06:10:00"))
    assert air == Air(temperature_c=20.0, humidity_pct=51.0)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("bath,2026-01-14 06:10:00,abc,60,", r"trace\.csv:3: temperature is 'abc', a number is expected; correct"),
        ("bath,2026-01-14 06:10:00,20,160,", r"trace\.csv:3: humidity is 160, not within 0 to 100; correct"),
        ("bath,2026-01-14 06:10:00,20,nan,", r"trace\.csv:3: humidity is nan, not within 0 to 100"),
        ("bath,yesterday,20,60,", r"trace\.csv:3: at is 'yesterday', a time like"),
        ("bath,2026-01-14 06:00:00,20,60,", r"two rows for bath at 2026-01-14T06:00:00\+00:00; delete one"),
    ],
)
def test_a_bad_row_is_refused_with_file_line_and_remedy(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        load(written(tmp_path, "bath,2026-01-14 06:00:00,20,50,", row), LONG)


def test_a_missing_column_a_wrong_layout_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no column humidity"):
        load(written(tmp_path, header="room,at,temperature\n"), LONG)
    with pytest.raises(TraceError, match="unknown layout 'wide'; known are long, home_climate"):
        load(tmp_path / "trace.csv", "wide")
    (tmp_path / "broken.csv.gz").write_bytes(gzip.compress(b"room,at")[:-4])
    with pytest.raises(TraceError, match=r"broken\.csv\.gz: cannot be read"):
        load(tmp_path / "broken.csv.gz", LONG)
    with pytest.raises(TraceError, match="no row holds"):
        load(written(tmp_path), LONG)


def test_a_shift_by_whole_days_ends_just_before_now_at_the_same_time_of_day(tmp_path: Path) -> None:
    trace, now = two_rows(tmp_path), us("2026-11-21 03:00:00")
    moved = trace.shifted(whole_days_to(trace.last, now))
    assert now - DAY_US < moved.last <= now
    assert moved.last % DAY_US == trace.last % DAY_US
    assert moved.air("bath", moved.last) == trace.air("bath", trace.last)


def house() -> Trace:
    folder = os.environ.get("AIRCUE_DATA")
    if folder is None:
        pytest.skip("AIRCUE_DATA is not set; point it at the data sets of docs/data-sets.md")
    return load(Path(folder) / "home_climate" / "house.csv.gz", "home_climate")


def test_the_measured_house_has_its_rooms_and_its_long_damp_bathroom() -> None:
    trace = house()
    assert {"bathroom", "kitchen", "bedroom", "outdoors"} <= set(trace.rooms)
    assert not trace.has_co2("bathroom")
    since = first_above(
        lambda at: humidity(trace, at), threshold=80.0, for_s=1800, start=trace.first, end=trace.first + 30 * DAY_US
    )
    assert since is not None
    assert all((humidity(trace, since + minute * 60 * S) or 0.0) > 80.0 for minute in range(31))


def humidity(trace: Trace, at: int) -> float | None:
    air = trace.air("bathroom", at)
    return None if air is None else air.humidity_pct
