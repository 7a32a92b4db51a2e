"""Quiet hours by people's own clocks: over midnight, in both nights in which clocks change, and in odd zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_cloud.decision.local_time import Window, midnight, quiet_until, zone

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Kiritimati",  # +14:00
    "Asia/Kathmandu",  # +05:45
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Havana",  # clocks change at midnight
    "Pacific/Apia",  # left out a whole day in 2011
    "Africa/Casablanca",
    "UTC",
)
NIGHT = Window.read("22:00-08:00")
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(text: str) -> Window:
    found = Window.read(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("hours", "where", "now", "until"),
    [
        ("22:00-08:00", "Asia/Kathmandu", "2026-11-21T16:15", "2026-11-22T02:15"),  # it is 22:00 there
        ("22:00-08:00", "Asia/Kathmandu", "2026-11-21T16:14", None),
        ("22:00-08:00", "Asia/Kathmandu", "2026-11-22T02:15", None),  # the end is not quiet
        ("22:00-08:00", "Pacific/Kiritimati", "2026-11-21T08:00", "2026-11-21T18:00"),
        ("13:00-15:00", "UTC", "2026-11-21T14:59", "2026-11-21T15:00"),
        # Berlin, 29 March 2026: 02:00 becomes 03:00. The hour between is nobody's.
        ("22:00-02:30", "Europe/Berlin", "2026-03-29T00:59", "2026-03-29T01:00"),
        ("22:00-02:30", "Europe/Berlin", "2026-03-29T01:00", None),
        ("02:30-06:00", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T04:00"),
        ("02:30-06:00", "Europe/Berlin", "2026-03-29T00:59", None),
        # Berlin, 25 October 2026: 02:00 to 03:00 comes twice. The window starts at the first and ends at the second.
        ("22:00-02:30", "Europe/Berlin", "2026-10-25T00:45", "2026-10-25T01:30"),  # 02:45 the first time: still quiet
        ("22:00-02:30", "Europe/Berlin", "2026-10-25T01:30", None),
        ("02:30-06:00", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T05:00"),
        ("02:30-06:00", "Europe/Berlin", "2026-10-25T01:10", "2026-10-25T05:00"),  # 02:10 the second time
        ("22:00-08:00", "Europe/Berlin", "2026-10-24T20:00", "2026-10-25T07:00"),  # eleven hours long
        ("22:00-08:00", "Europe/Berlin", "2026-03-28T21:00", "2026-03-29T06:00"),  # nine
        # Havana, 8 March 2026: midnight itself is left out.
        ("00:00-06:00", "America/Havana", "2026-03-08T04:59", None),
        ("00:00-06:00", "America/Havana", "2026-03-08T05:00", "2026-03-08T10:00"),
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(hours: str, where: str, now: str, until: str | None) -> None:
    found = quiet_until(window(hours), ZoneInfo(where), utc(now))
    assert found == (None if until is None else utc(until))


# In the years in which these zones changed their clocks, to the minute.
instants = st.integers(0, 19 * 365 * 1440).map(lambda minutes: utc("2011-01-01T00:00") + minutes * MINUTE)
changes = st.sampled_from(["2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T05:00", "2026-11-01T05:00"]).map(utc)
near_changes = st.builds(lambda at, minutes: at + minutes * MINUTE, changes, st.integers(-1500, 1500))
minutes_of_day = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@given(
    st.one_of(instants, near_changes),
    st.tuples(minutes_of_day, minutes_of_day).filter(lambda both: both[0] != both[1]),
    st.sampled_from(ZONES),
)
def test_no_instant_that_the_wall_clock_calls_quiet_is_left_out_and_the_end_is_not_quiet(
    now: datetime, hours: tuple[object, object], where: str
) -> None:
    """Against the naive reading of the wall clock."""
    there, asked = ZoneInfo(where), Window(*hours)  # type: ignore[arg-type]  # a pair of times
    wall = now.astimezone(there).time()
    over_midnight = asked.end < asked.start
    naive = (wall >= asked.start or wall < asked.end) if over_midnight else asked.start <= wall < asked.end
    until = quiet_until(asked, there, now)
    if naive:
        assert until is not None
    if until is not None:
        assert until > now
        assert until - now < timedelta(hours=26)
        assert quiet_until(asked, there, until) is None


@pytest.mark.parametrize("text", ["22:00", "22-8-9", "25:00-08:00", "08:00-08:00", "22:00+01:00-08:00", "night"])
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"window"):
        Window.read(text)


def test_a_zone_that_nobody_knows_is_none() -> None:
    assert zone("Europe/Berlin") is not None
    assert [zone(name) for name in ("Mars/Olympus", "", "../etc/passwd", "Europe", "a\0b")] == [None] * 5


def test_a_day_begins_with_its_first_instant() -> None:
    assert midnight(date(2026, 3, 8), ZoneInfo("America/Havana")) == utc("2026-03-08T05:00")
    assert midnight(date(2026, 11, 21), ZoneInfo("Asia/Kathmandu")) == utc("2026-11-20T18:15")
