"""Bars, intervals and curves, drawn from figures whose picture is known by construction."""

from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from aircue_cloud.needs import needs
from aircue_cloud.web import bars, curves, intervals, page
from aircue_cloud.web.bars import Column, Row
from aircue_cloud.web.curves import Curve
from aircue_cloud.web.intervals import Estimate

NASTY = '"><script>1</script>'


def by_class(drawn: Markup, *names: str) -> list[ET.Element]:
    return [one for one in ET.fromstring(drawn).iter() if set(names) <= set(one.get("class", "").split())]


def number(one: ET.Element, name: str) -> float:
    return float(one.get(name, "").removesuffix("%"))


def test_standing_bars_are_as_high_as_their_figures_and_stand_on_each_other() -> None:
    drawn = bars.columns(
        "x", [Column(name="a", parts=(10.0, 30.0), told="40"), Column(name="b", parts=(20.0,), told="20")]
    )
    below, single = by_class(drawn, "bar", "s0")
    [above] = by_class(drawn, "bar", "s1")
    assert number(above, "height") == pytest.approx(3 * number(below, "height"), abs=0.2)
    assert number(single, "height") == pytest.approx(2 * number(below, "height"), abs=0.2)
    assert number(above, "y") + number(above, "height") == pytest.approx(number(below, "y"), abs=0.2)
    assert number(below, "y") + number(below, "height") == pytest.approx(bars.TOP + bars.PLOT, abs=0.2)


def test_lying_bars_begin_where_0_is_on_either_side() -> None:
    drawn = bars.rows("x", [Row(name="a", values=(3.0, -1.0), told="+2")])
    [right], [left], [zero] = by_class(drawn, "s0"), by_class(drawn, "s1"), by_class(drawn, "zero")
    assert number(zero, "x1") == pytest.approx(25)
    assert (number(right, "x"), number(right, "width")) == pytest.approx((25, 75))
    assert (number(left, "x"), number(left, "width")) == pytest.approx((0, 25))


def test_the_newest_month_has_its_name_however_many_there_are() -> None:
    drawn = bars.columns("x", [Column(name=f"m{place}", parts=(1.0,), told="1") for place in range(24)])
    names = [one.text for one in by_class(drawn, "middle")]
    assert names[-1] == "m23"
    assert len(names) <= bars.MOST_NAMES


def test_no_figure_at_all_draws_nothing_that_fails() -> None:
    for drawn in (bars.columns("x", []), bars.rows("x", []), curves.svg("x", [Curve(name="a", points=[])])):
        assert ET.fromstring(drawn).get("role") == "img"
    assert by_class(bars.columns("x", [Column(name="a", parts=(0.0,), told="0")]), "bar")


def test_an_interval_reaches_from_low_to_high_around_its_estimate() -> None:
    drawn = intervals.svg("x", [Estimate(name="a", value=2.0, low=-1.0, high=5.0, told="2")], 0.0)
    [line], [dot], [zero] = by_class(drawn, "interval"), by_class(drawn, "estimate"), by_class(drawn, "zero")
    assert number(line, "x1") < number(zero, "x1") < number(dot, "cx") < number(line, "x2")
    assert number(dot, "cx") == pytest.approx((number(line, "x1") + number(line, "x2")) / 2, abs=0.02)


def test_ratios_lie_as_far_above_1_as_their_inverses_below() -> None:
    drawn = intervals.svg(
        "x", [Estimate(name="a", value=1.0, low=0.25, high=4.0, told="1", before=2.0)], 1.0, is_log=True
    )
    [line], [ring], [one] = by_class(drawn, "interval"), by_class(drawn, "before"), by_class(drawn, "zero")
    assert number(one, "x1") == pytest.approx((number(line, "x1") + number(line, "x2")) / 2, abs=0.02)
    assert number(ring, "cx") == pytest.approx((number(one, "x1") + number(line, "x2")) / 2, abs=0.02)


def test_a_curve_runs_through_its_points_and_dots_lie_on_them() -> None:
    points = [(1.0, 0.0), (2.0, 1.0), (3.0, 0.5)]
    drawn = curves.svg("x", [Curve(name="a", points=points), Curve(name="b", points=points, dots=True)])
    [line] = by_class(drawn, "curve")
    found = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
    assert [x for x, _ in found] == [0, 500, 1000]
    assert found[0][1] - found[2][1] == pytest.approx((found[0][1] - found[1][1]) / 2, abs=0.1)
    dots = [(number(one, "cx"), number(one, "cy")) for one in by_class(drawn, "point")]
    assert [x for x, _ in dots] == [0, 50, 100]
    assert [y - 10 for _, y in dots] == pytest.approx([y for _, y in found], abs=0.1)


def test_names_from_outside_are_text() -> None:
    drawn = (
        bars.columns(NASTY, [Column(name=NASTY, parts=(1.0,), told=NASTY)])
        + bars.rows(NASTY, [Row(name=NASTY, values=(1.0,), told=NASTY)])
        + intervals.svg(NASTY, [Estimate(name=NASTY, value=1.0, low=0.0, high=2.0, told=NASTY)], 0.0)
        + curves.svg(NASTY, [Curve(name=NASTY, points=[(0.0, 1.0)])], [NASTY])
    )
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn


def test_needs_that_begin_past_the_same_value_share_a_label() -> None:
    known = needs.load().by_name
    found = page.thresholds([known["damp-air"], known["mould-risk"], known["dry-air"]])
    assert [(one.value, one.label) for one in found] == [
        (80, "Damp air, Risk of mould over 80"),
        (30, "Dry air under 30"),
    ]
