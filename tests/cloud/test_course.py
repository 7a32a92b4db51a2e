"""The course of a need: pure stepping, where it surely is idle, and which stored episode is which."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_cloud.layers.course import Known, Point, PointColumns, Span, idle_before, leap, reconcile, run
from aircue_gateway.episodes import Phase, Rule, State, step

RULE = Rule(
    need="damp-air",
    quantity="humidity",
    direction="above",
    enter=80,
    exit=78,
    dwell_s=180,
    keep_s=120,
    max_gap_s=600,
)
VALUES = st.sampled_from([70.0, 78.0, 79.0, 80.0, 81.0, 90.0])
MINUTES = st.lists(st.tuples(st.integers(1, 12), VALUES), max_size=40)


def points(steps: list[tuple[int, float]]) -> list[Point]:
    """Points with so many minutes between neighbours."""
    at = 0
    course = []
    for number, (minutes, value) in enumerate(steps):
        at += minutes * 60_000
        course.append(Point(at, 1, 1, number + 1, value))
    return course


def every_minute(*values: float) -> list[Point]:
    return points([(1, value) for value in values])


def test_an_episode_has_its_start_its_confirming_reading_its_end_and_its_peak() -> None:
    course = run(RULE, State(), every_minute(60, 81, 82, 88, 84, 70, 70, 70, 70))
    [span] = course.spans
    assert (span.started_ms, span.ended_ms, span.peak, span.held_s) == (120_000, 480_000, 88, 180)
    assert span.confirmed is not None
    assert span.confirmed.sequence == 5


@given(MINUTES, st.integers(0, 40))
def test_a_course_in_two_parts_is_the_course_in_one(steps: list[tuple[int, float]], cut: int) -> None:
    whole = run(RULE, State(), points(steps))
    first = run(RULE, State(), points(steps)[:cut])
    second = run(RULE, first.state, points(steps)[cut:])
    assert second.state == whole.state
    ended = [span for span in first.spans if span.ended_ms is not None]
    edges = [(span.started_ms, span.ended_ms, span.peak) for span in [*ended, *second.spans]]
    assert edges == [(span.started_ms, span.ended_ms, span.peak) for span in whole.spans]


@given(MINUTES, st.sampled_from(list(Phase)))
def test_where_the_need_is_surely_idle_it_is_idle_whatever_came_before(
    steps: list[tuple[int, float]], before: Phase
) -> None:
    course = points(steps)
    idle = idle_before(RULE, course)
    if idle is None:
        return
    state = State() if before is Phase.IDLE else State(phase=before, since=0.0, last_at=0.0, peak=90.0)
    for point in course[: course.index(idle) + 1]:
        state, _ = step(RULE, state, point.at, point.value)
    assert state == State(last_at=idle.at)


def test_where_the_need_is_surely_idle_is_found_behind_the_last_damp_reading() -> None:
    course = every_minute(70, 70, 70, 70, 85, 70)
    assert idle_before(RULE, course) == course[3]


def test_of_several_readings_of_one_instant_the_first_by_key_counts() -> None:
    tied = [Point(60_000, 1, 1, 1, 70.0), Point(60_000, 1, 2, 1, 99.0)]
    assert run(RULE, State(), tied).state == State(last_at=60.0)


def test_a_partial_course_stops_where_the_need_is_surely_idle_again() -> None:
    course = run(RULE, State(), every_minute(85, 70, 70, 70, 85, 85), settled_after_ms=60_000)
    assert course.until_ms == 240_000


def span(started: int, ended: int | None) -> Span:
    return Span(started_ms=started, confirmed=None, held_s=None, ended_ms=ended, peak=90.0)


def known(id_: str, started: int, ended: int | None, *, withdrawn: bool = False) -> Known:
    return Known(id=id_, started_ms=started, ended_ms=ended, withdrawn=withdrawn)


def test_two_episodes_that_grow_together_keep_the_id_of_the_first() -> None:
    result = reconcile([known("b", 20, 30), known("a", 0, 10)], [span(0, 30)])
    assert (result.spans[0][0], result.gone) == ("a", ("b",))


def test_an_episode_that_falls_in_two_leaves_its_id_to_the_first_part() -> None:
    result = reconcile([known("a", 0, 30)], [span(0, 10), span(20, 30)])
    assert [id_ for id_, _ in result.spans] == ["a", None]


def test_a_withdrawn_episode_that_stands_again_has_its_id_again() -> None:
    result = reconcile([known("a", 0, 10, withdrawn=True)], [span(5, None)])
    assert result.spans[0][0] == "a"


def columns(course: list[Point]) -> PointColumns:
    return PointColumns({name: np.array([getattr(one, name) for one in course]) for name in Point._fields})


FEW = st.lists(st.tuples(st.integers(1, 12), st.sampled_from([78.5, 79.0, 81.0, 90.0, 70.0])), min_size=2, max_size=12)


@pytest.mark.parametrize("on_missing", ["hold", "reset", "fire"])
@given(steps=FEW, cut=st.integers(1, 8))
def test_a_leap_ends_where_the_steps_do_to_the_last_digit(
    on_missing: str, steps: list[tuple[int, float]], cut: int
) -> None:
    rule = replace(RULE, on_missing=on_missing, dwell_s=0)
    course = [point._replace(at_ms=point.at_ms + 1) for point in points(steps)]
    before, rest = run(rule, State(), course[:cut]), course[cut:]
    leapt = leap(rule, before.state, columns(rest)) if rest else None
    if leapt is not None:
        stepped = run(rule, before.state, rest)
        assert leapt == stepped.state
        assert [(span.ended_ms, span.peak) for span in stepped.spans] == ([(None, leapt.peak)] if leapt.peak else [])


def test_what_stays_idle_or_goes_on_firing_is_leapt_over_and_nothing_else() -> None:
    idle, firing = State(last_at=0.0), State(phase=Phase.FIRING, since=0.0, last_at=0.0, peak=81.0)
    damp, dry = columns(every_minute(81, 90, 79)), columns(every_minute(60, 79, 70))
    assert leap(RULE, idle, dry) == State(last_at=180.0)
    assert leap(RULE, firing, damp) == replace(firing, held_s=180.0, last_at=180.0, peak=90.0)
    assert leap(RULE, idle, damp) is None
    assert leap(RULE, firing, dry) is None
    assert leap(RULE, replace(firing, last_at=500.0), damp) is None, "late"
    assert leap(RULE, replace(firing, phase=Phase.PENDING), damp) is None


def test_points_in_columns_are_points() -> None:
    course = every_minute(60, 81, 82)
    assert list(columns(course)) == course
    assert (columns(course)[0], columns(course)[1:], len(columns(course))) == (course[0], course[1:], 3)
