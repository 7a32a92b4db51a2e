"""Charts, drawn from points whose picture is known by construction."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from aircue_cloud.web import charts
from aircue_cloud.web.charts import Bucket, Chart, Flagged, Scale, Shade, Threshold

MINUTE = 60_000
HOUR = 60 * MINUTE
LONDON = ZoneInfo("Europe/London")
GREENWICH = ZoneInfo("UTC")
SCALE = Scale(start_ms=0, end_ms=HOUR, low=0, high=10)


def ms(text: str, zone: ZoneInfo) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def bucket(at_ms: int, value: float, high: float | None = None) -> Bucket:
    top = value if high is None else high
    return Bucket(first_ms=at_ms, last_ms=at_ms, low=value, mean=(value + top) / 2, high=top, count=1)


def chart(*buckets: Bucket, **fields: object) -> Chart:
    known = {
        "label": "x",
        "start_ms": 0,
        "end_ms": HOUR,
        "zone": ZoneInfo("UTC"),
        "least_span": 1.0,
        "buckets": buckets,
    }
    return Chart(**{**known, **fields})  # type: ignore[arg-type]


def drawn(one: Chart) -> ET.Element:
    return ET.fromstring(str(charts.svg(one)))


def by_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def points(element: ET.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in element.get("points", "").split())]


# Lines.


def test_a_line_runs_through_the_means_at_their_times() -> None:
    root = drawn(chart(bucket(0, 1), bucket(15 * MINUTE, 3), bucket(30 * MINUTE, 2)))
    [line] = list(root.iter("polyline"))
    low, high = charts.domain(chart(bucket(0, 1), bucket(15 * MINUTE, 3), bucket(30 * MINUTE, 2)))
    expected = [(x, 100 * (1 - (value - low) / (high - low))) for x, value in ((0, 1), (250, 3), (500, 2))]
    assert points(line) == [pytest.approx(place, abs=0.06) for place in expected]


def test_a_band_keeps_the_extremes_that_the_line_averages_away() -> None:
    root = drawn(chart(bucket(0, 1, 5), bucket(10 * MINUTE, 2, 9)))
    [band] = list(root.iter("polygon"))
    assert [x for x, _ in points(band)] == [0, pytest.approx(166.7), pytest.approx(166.7), 0]
    assert len(list(drawn(chart(bucket(0, 1), bucket(10 * MINUTE, 2))).iter("polygon"))) == 0


def test_a_long_silence_breaks_the_line_and_a_short_one_does_not() -> None:
    before, short, long = bucket(0, 1), bucket(charts.BREAK_MS, 2), bucket(2 * charts.BREAK_MS + 1, 3)
    assert charts.pieces([before, short, long]) == [[before, short], [long]]
    assert charts.pieces([]) == []


def test_a_reading_alone_between_silences_is_a_dot() -> None:
    root = drawn(chart(bucket(0, 1), bucket(5 * MINUTE, 1), bucket(50 * MINUTE, 2)))
    assert len(list(root.iter("polyline"))) == 1
    [dot] = by_class(root, "dot")
    assert dot.get("cx") == "83.33%"


def test_a_chart_without_readings_still_has_its_axes() -> None:
    root = drawn(chart())
    assert by_class(root, "tick")
    assert not list(root.iter("polyline"))


# Axes.


def test_value_ticks_are_round_and_inside() -> None:
    assert charts.value_ticks(18.7, 22.4) == [19, 20, 21, 22]
    assert charts.value_ticks(430, 1690) == [500, 1000, 1500]
    assert charts.value_ticks(-0.35, 0.4) == [-0.2, 0, 0.2, 0.4]


@pytest.mark.parametrize("span", [0.001, 0.7, 3, 42, 999, 123456])
def test_there_are_always_a_few_value_ticks(span: float) -> None:
    for low in (-span, 0, 17.3):
        ticks = charts.value_ticks(low, low + span)
        assert 2 <= len(ticks) <= 6
        assert low - 1e-9 <= ticks[0] <= ticks[-1] <= low + span + 1e-9


def test_a_flat_course_is_not_blown_up() -> None:
    low, high = charts.domain(chart(bucket(0, 20.0), bucket(MINUTE, 20.1), least_span=2.0))
    assert high - low == pytest.approx(2.0)
    assert low < 20 < 20.1 < high


def test_a_threshold_that_is_near_is_shown_and_a_far_one_does_not_squeeze_the_course() -> None:
    near, far = Threshold(value=80, label="near"), Threshold(value=500, label="far")
    one = chart(bucket(0, 60), bucket(MINUTE, 76), least_span=8.0, thresholds=[near, far])
    low, high = charts.domain(one)
    assert low < 60 < 80 < high < 90
    root = drawn(one)
    assert len(by_class(root, "threshold")) == 1
    assert [text.text for text in by_class(root, "limit")] == ["near"]


def test_a_thresholds_label_keeps_clear_of_the_line() -> None:
    peak_right = [bucket(minute * MINUTE, 60 if minute < 40 else 81) for minute in range(60)]
    root = drawn(chart(*peak_right, least_span=8.0, thresholds=[Threshold(value=80, label="damp")]))
    assert by_class(root, "limit")[0].get("x") in ("0%", "50%")


@pytest.mark.parametrize(
    ("start", "hours", "labels"),
    [
        ("2026-11-21T10:07", 1, ["10:15", "10:30", "10:45", "11:00"]),
        ("2026-11-21T18:10", 6, ["20:00", "22:00", "22 Nov"]),
        ("2026-11-20T21:30", 24, ["21 Nov", "06:00", "12:00", "18:00"]),
        ("2026-11-18T12:00", 72, ["19 Nov", "20 Nov", "21 Nov"]),
    ],
)
def test_time_ticks_are_round_local_times(start: str, hours: int, labels: list[str]) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    at = ms(start, zone)
    ticks = charts.time_ticks(at, at + hours * HOUR, zone)
    assert [label for _, label in ticks][-len(labels) :] == labels


def test_days_are_counted_in_local_midnights_when_clocks_change() -> None:
    start = ms("2026-10-22T09:00", LONDON)
    ticks = charts.time_ticks(start, start + 5 * 24 * HOUR, LONDON)
    assert [label for _, label in ticks] == ["23 Oct", "24 Oct", "25 Oct", "26 Oct", "27 Oct"]
    locals_ = [datetime.fromtimestamp(at / 1000, UTC).astimezone(LONDON) for at, _ in ticks]
    assert all((local.hour, local.minute) == (0, 0) for local in locals_)


def test_there_are_never_more_time_ticks_than_fit() -> None:
    start = ms("2026-03-28T13:37", LONDON)
    for minutes in (7, 60, 61, 359, 1440, 10080, 43200, 525600):
        assert len(charts.time_ticks(start, start + minutes * MINUTE, LONDON)) <= charts.MOST_TICKS + 1


# What is drawn over the line.


def test_an_episode_is_shaded_from_start_to_end_within_the_chart() -> None:
    shades = [
        Shade(start_ms=-HOUR, end_ms=15 * MINUTE, label="early"),
        Shade(start_ms=45 * MINUTE, end_ms=None, label="open"),
        Shade(start_ms=-2 * HOUR, end_ms=-HOUR, label="long past"),
    ]
    washes = by_class(drawn(chart(bucket(0, 1), shades=shades)), "wash")
    assert [(wash.get("x"), wash.get("width")) for wash in washes] == [("0.00%", "25.00%"), ("75.00%", "25.00%")]


def test_a_flagged_value_is_marked_and_leaves_the_axis_alone() -> None:
    flagged = [Flagged(at_ms=30 * MINUTE, value=900.0, flag="SPIKE")]
    plain, marked = chart(bucket(0, 20)), chart(bucket(0, 20), flagged=flagged)
    assert charts.domain(plain) == charts.domain(marked)
    [mark] = by_class(drawn(marked), "flag")
    assert (mark.get("cx"), mark.get("cy")) == ("50.00%", f"{charts.TOP:.1f}")
    assert mark[0].text == "spike: 900"


def test_text_from_outside_stays_text() -> None:
    nasty = '"><script>alert(1)</script>'
    one = chart(
        bucket(0, 1),
        label=nasty,
        shades=[Shade(start_ms=0, end_ms=None, label=nasty)],
        thresholds=[Threshold(value=1, label=nasty)],
        flagged=[Flagged(at_ms=0, value=1, flag=nasty)],
    )
    root = drawn(one)
    assert root.get("aria-label") == nasty
    assert not list(root.iter("script"))
    assert "<script" not in str(charts.svg(one))


def test_nothing_in_a_chart_needs_inline_style_or_script() -> None:
    one = chart(bucket(0, 1), bucket(MINUTE, 2), shades=[Shade(start_ms=0, end_ms=None, label="e")])
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script", str(charts.svg(one)))
    assert SCALE.y(99) == 0
