"""The course of a parcel: the same for the same events, in whatever order and how often they are told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_cloud.logistics import course
from aircue_cloud.logistics.carriers import sandbox
from aircue_cloud.logistics.course import STATES, Course, Event

START = datetime(2026, 11, 16, 8, tzinfo=UTC)


def told(state: str, hours: float, key: str = "", expected: float | None = None) -> Event:
    expected_at = None if expected is None else START + timedelta(hours=expected)
    return Event(key=key or f"{state} {hours}", at=START + timedelta(hours=hours), state=state, expected_at=expected_at)


# Few hours and few keys, so that events coincide and are told twice.
EVENTS = st.lists(
    st.builds(
        told,
        st.sampled_from(STATES),
        st.integers(0, 5),
        st.sampled_from("abcdefgh"),
        st.none() | st.integers(0, 9),
    ),
    max_size=12,
)


@given(EVENTS, st.data())
def test_any_order_with_any_duplicates_gives_the_same_course(events: list[Event], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(events), max_size=6)) if events else []
    shuffled = data.draw(st.permutations([*events, *again]))
    assert course.course(shuffled) == course.course(events)
    assert course.in_order(shuffled) == course.in_order(events)


@given(EVENTS)
def test_the_time_of_delivery_is_there_exactly_while_it_is_delivered(events: list[Event]) -> None:
    found = course.course(events)
    assert (found.delivered_at is not None) == (found.state == course.DELIVERED)
    assert found.heard_at == max((one.at for one in events), default=None) or len({e.key for e in events}) < len(events)


WAYS = [
    ([], course.PENDING),
    ([told(course.MOVING, 5), told(course.ANNOUNCED, 9)], course.MOVING),
    ([told(course.DELIVERED, 20), told(course.OUT, 19)], course.DELIVERED),
    ([told(course.DELIVERED, 20), told(course.MOVING, 30)], course.DELIVERED),
    ([told(course.DELIVERED, 20), told(course.EXCEPTION, 30)], course.EXCEPTION),
    ([told(course.EXCEPTION, 5), told(course.MOVING, 6)], course.MOVING),
    ([told(course.ATTEMPTED, 5), told(course.WAITING, 6), told(course.DELIVERED, 7)], course.DELIVERED),
    ([told(course.EXPIRED, 800), told(course.MOVING, 900)], course.MOVING),
    ([told(course.OUT, 5), told(course.DELIVERED, 5)], course.DELIVERED),
]


@pytest.mark.parametrize(("events", "state"), WAYS, ids=lambda one: one if isinstance(one, str) else "")
def test_where_a_parcel_is(events: list[Event], state: str) -> None:
    assert course.course(events).state == state


def test_what_was_delivered_again_after_it_went_back_was_delivered_then() -> None:
    found = course.course([told(course.DELIVERED, 20), told(course.EXCEPTION, 30), told(course.DELIVERED, 50)])
    assert found.delivered_at == START + timedelta(hours=50)


def test_the_latest_word_on_when_it_comes_holds() -> None:
    found = course.course([told(course.MOVING, 9, expected=60), told(course.ANNOUNCED, 1, expected=40)])
    assert found == Course(
        state=course.MOVING,
        heard_at=START + timedelta(hours=9),
        expected_at=START + timedelta(hours=60),
        delivered_at=None,
    )


@pytest.mark.parametrize(("days", "state"), [(29.99, course.MOVING), (30, course.EXPIRED)])
def test_thirty_silent_days_are_the_end_of_a_parcel(days: float, state: str) -> None:
    assert course.standing(course.MOVING, START, START + timedelta(days=days)) == state
    assert course.standing(course.DELIVERED, START, START + timedelta(days=days)) == course.DELIVERED


H = timedelta(hours=1)


@pytest.mark.parametrize(
    ("promised", "expected", "delivered", "now", "late"),
    [
        (None, 5, None, 9, None),
        (10, None, None, 9, 0),
        (10, None, None, 13, 3),
        (10, 34, None, 9, 24),
        (10, 34, None, 40, 30),
        (10, 34, 12, 40, 2),
        (10, 34, 8, 40, 0),
    ],
)
def test_how_late_it_is(
    promised: float | None, expected: float | None, delivered: float | None, now: float, late: float | None
) -> None:
    said = [None if hours is None else START + hours * H for hours in (promised, expected, delivered)]
    assert course.delay(*said, START + now * H) == (None if late is None else late * H)


@given(st.text(min_size=4, max_size=12), st.integers(0, 100), st.integers(0, 100))
def test_a_simulated_carrier_never_takes_back_what_it_told(number: str, earlier: int, later: int) -> None:
    first, second = (START + hours * H for hours in sorted((earlier, later)))
    before, after = sandbox.told(number, START, first), sandbox.told(number, START, second)
    assert after[: len(before)] == before
    assert course.course(sandbox.told(number, START, START + 100 * H)).state == course.DELIVERED
