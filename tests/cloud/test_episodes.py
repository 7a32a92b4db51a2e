"""Stored episodes: the same whatever the order in which readings arrive and however they are split into batches."""

import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select
from tests.cloud.stage import NOW, Cloud, batch, humidity
from tests.cloud.test_course import RULE

from aircue_cloud import db, tables
from aircue_cloud.layers import episodes
from aircue_cloud.layers.course import Course, Point, run
from aircue_cloud.layers.episodes import Arrivals
from aircue_cloud.layers.settling import Series
from aircue_cloud.needs.needs import Message, Need, Needs
from aircue_gateway.batch import Status
from aircue_gateway.episodes import Rule, State

SERIES = Series(site="home-1", node="bathroom", quantity="humidity")
START = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
VALUES = st.sampled_from([70.0, 78.0, 79.0, 81.0, 90.0])
COURSE = st.lists(st.tuples(st.integers(1, 12), VALUES), min_size=1, max_size=40)


def needs_of(rule: Rule) -> Needs:
    message = Message(title="", text="", reason="")
    need = Need(name=rule.need, title="", rule=rule, remedies={"dryer": 1.5}, messages={"en": message})
    return Needs(MappingProxyType({rule.need: need}))


def database() -> Engine:
    engine = db.open_database("sqlite://")
    with db.writing(engine) as connection:
        connection.execute(insert(tables.gateways), {"name": "gw-1", "key_hash": "", "added_at": NOW})
        connection.execute(insert(tables.sites), {"id": "home-1", "tz": "UTC"})
    return engine


def points(steps: Sequence[tuple[int, float]]) -> list[Point]:
    at, course = START, []
    for number, (minutes, value) in enumerate(steps):
        at += minutes * 60_000
        course.append(Point(at, 1, 1, number + 1, value))
    return course


class Told:
    """A history in memory."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def before(self, series: Series, at_ms: int, size: int) -> list[Point]:
        return [point for point in sorted(self.points) if point.at_ms < at_ms][-size:]

    def after(self, series: Series, at_ms: int) -> list[Point]:
        return [point for point in sorted(self.points) if point.at_ms > at_ms]


_told: weakref.WeakKeyDictionary[Engine, tuple[Told, dict[str, int]]] = weakref.WeakKeyDictionary()


def arrive(engine: Engine, arrived: Sequence[Point], rule: Rule = RULE) -> None:
    history, followed = _told.setdefault(engine, (Told(), {}))
    history.points += arrived
    version = episodes.rules_version(needs_of(rule), "humidity")
    with db.writing(engine) as connection:
        arrivals = Arrivals(series=SERIES, points=sorted(arrived), followed_ms=followed.get(version))
        episodes.follow(connection, needs_of(rule), [arrivals], history, NOW)
    latest = max(point.at_ms for point in history.points)
    followed.clear()
    followed[version] = latest


def stored(engine: Engine) -> list[dict[str, Any]]:
    query = select(tables.episodes).where(~tables.episodes.c.withdrawn).order_by(tables.episodes.c.started_at)
    with db.reading(engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def edges(engine: Engine) -> list[tuple[int, int, int, int | None, float, bool]]:
    return [
        (
            db.to_ms(row["started_at"]),
            db.to_ms(row["confirmed_at"]),
            row["confirmed_sequence"],
            None if row["ended_at"] is None else db.to_ms(row["ended_at"]),
            row["peak"],
            row["open"],
        )
        for row in stored(engine)
    ]


def expected(course: list[Point]) -> list[tuple[int, int, int, int | None, float, bool]]:
    found = []
    for span in run(RULE, State(), course).spans:
        assert span.confirmed is not None
        confirmed = (span.confirmed.at_ms, span.confirmed.sequence)
        found.append((span.started_ms, *confirmed, span.ended_ms, span.peak, span.ended_ms is None))
    return found


def parts(draw: st.DrawFn, course: list[Point]) -> list[list[Point]]:
    """The course in any order, split anywhere."""
    shuffled = draw(st.permutations(course))
    cuts = sorted(draw(st.sets(st.integers(1, max(len(course) - 1, 1)), max_size=8)))
    edges_of = [0, *cuts, len(course)]
    return [part for first, last in pairwise(edges_of) if (part := shuffled[first:last])]


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Point]]:
    return parts(draw, points(draw(COURSE)))


@settings(max_examples=150, deadline=None)
@given(deliveries())
def test_any_order_of_arrival_in_any_split_gives_the_same_episodes_with_ids_that_stay(
    delivered: list[list[Point]],
) -> None:
    engine = database()
    before: dict[datetime, str] = {}
    for part in delivered:
        arrive(engine, part)
        now = {row["started_at"]: row["id"] for row in stored(engine)}
        assert {start: id_ for start, id_ in before.items() if start in now}.items() <= now.items()
        before = now
    assert edges(engine) == expected(sorted(point for part in delivered for point in part))


@settings(max_examples=50, deadline=None)
@given(COURSE, st.integers(1, 10))
def test_a_course_in_order_never_withdraws_an_episode(steps: list[tuple[int, float]], size: int) -> None:
    engine, course = database(), points(steps)
    for first in range(0, len(course), size):
        arrive(engine, course[first : first + size])
    with db.reading(engine) as connection:
        assert connection.execute(select(tables.episodes.c.id).where(tables.episodes.c.withdrawn)).all() == []
    assert edges(engine) == expected(course)


def test_a_long_history_is_not_run_again_for_a_late_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late reading between two calm stretches makes only what lies between them run again."""
    engine, course = database(), points([(1, 70.0)] * 3000)
    late = course.pop(1500)
    arrive(engine, course)
    stepped: list[int] = []

    def seen(part: Iterable[Point]) -> Iterator[Point]:
        for point in part:
            stepped.append(point.at_ms)
            yield point

    def counting_run(rule: Rule, state: State, part: Iterable[Point], settled_after_ms: int | None) -> Course:
        return run(rule, state, seen(part), settled_after_ms)

    monkeypatch.setattr(episodes, "run", counting_run)
    arrive(engine, [late])
    assert 0 < len(stepped) < 10


def test_a_rule_that_changes_keeps_the_id_of_the_episode_it_overlaps() -> None:
    engine = database()
    arrive(engine, points([(1, 85.0)] * 10))
    [before] = stored(engine)
    stricter = Rule(**{**vars(RULE), "enter": 84.0, "exit": 79.0})
    arrive(engine, [Point(START + 11 * 60_000, 1, 1, 11, 86.0)], stricter)
    [after] = stored(engine)
    assert (after["id"], after["peak"]) == (before["id"], 86.0)


def test_a_rule_that_holds_no_longer_ends_its_episode() -> None:
    engine = database()
    arrive(engine, points([(1, 85.0)] * 10))
    laxer = Rule(**{**vars(RULE), "enter": 95.0, "exit": 94.0})
    arrive(engine, [Point(START + 11 * 60_000, 1, 1, 11, 86.0)], laxer)
    assert [row["open"] for row in stored(engine)] == [False]


def test_nodes_of_one_name_in_two_homes_do_not_mix(cloud: Cloud) -> None:
    cloud.post(batch(humidity([85.0] * 10), humidity({10: 85.0, 16: 85.0}, site="home-2"), sequence=1))
    assert cloud.get("episodes")["episodes"] == []


def test_a_flagged_reading_is_stored_and_feeds_no_episode(cloud: Cloud) -> None:
    group = humidity([85.0] * 16)
    flagged = tuple(replace(sample, statuses=(Status.SPIKE,)) for sample in group.samples)
    cloud.post(batch(replace(group, samples=flagged)))
    assert cloud.get("status")["readings"] == 16
    assert cloud.get("episodes")["episodes"] == []


def test_a_reading_that_was_flagged_when_it_was_stored_stays_out_when_it_comes_again(cloud: Cloud) -> None:
    group = humidity([85.0] * 16)
    flagged = tuple(replace(sample, statuses=(Status.SPIKE,)) for sample in group.samples)
    cloud.post(batch(replace(group, samples=flagged), humidity({16: 60.0}, boot=2), sequence=1))
    cloud.post(batch(humidity(dict.fromkeys(range(20, 23), 60.0), boot=2), sequence=2))
    again = tuple(replace(sample, measured_at_ms=sample.measured_at_ms + 3_600_000) for sample in group.samples)
    cloud.post(batch(replace(group, samples=again), sequence=3))
    assert cloud.get("episodes")["episodes"] == []
