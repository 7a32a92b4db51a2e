"""Whether what must hold beside a trigger does: strictly, freshly, and on the reader's clock."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aircue_cloud.decision.local_time import Window
from aircue_cloud.needs.also import Also, Audience
from aircue_cloud.needs.conditions import MET, MISSING, SKIPPED, STALE, UNMET, Fact, Met, Reader, audience, judged

NOW = datetime(2026, 7, 21, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def fact(value: float, age_s: float = 0.0, ahead_h: float | None = None) -> Fact:
    of = None if ahead_h is None else NOW + timedelta(hours=ahead_h)
    return Fact(value=value, at=NOW - timedelta(seconds=age_s), of=of)


def judge(also: Also, *facts: Fact, inside: Fact | None = None, now: datetime = NOW) -> Met:
    known = {(also.source, also.quantity): facts}
    return judged(also, known if inside is None else known | {("room", also.quantity): [inside]}, now, BERLIN)


def outdoor(**said: Any) -> Also:
    return Also(**({"source": "outdoor", "quantity": "temperature", "fresh_s": 3600.0} | said))


@pytest.mark.parametrize(
    ("value", "above", "below", "result"),
    [
        (80.0, 80.0, None, UNMET),
        (80.01, 80.0, None, MET),
        (80.0, None, 80.0, UNMET),
        (79.99, None, 80.0, MET),
        (0.0, -1.0, 1.0, MET),
        (1.0, -1.0, 1.0, UNMET),
        (-1.0, -1.0, 1.0, UNMET),
        (0.0, 0.0, None, UNMET),
    ],
)
def test_bounds_are_strict(value: float, above: float | None, below: float | None, result: str) -> None:
    assert judge(outdoor(above=above, below=below), fact(value)).result == result


@pytest.mark.parametrize(
    ("facts", "on_missing", "result"),
    [
        ((), "hold", MISSING),
        ((), "skip", SKIPPED),
        ((fact(30.0, 3600.0),), "hold", MET),
        ((fact(30.0, 3600.1),), "hold", STALE),
        ((fact(30.0, 3600.1),), "skip", SKIPPED),
        ((fact(10.0, 0.0),), "skip", UNMET),  # known and not so is no gap to pass over
    ],
)
def test_what_is_not_known_or_too_old_holds_back_or_is_passed_over(
    facts: tuple[Fact, ...], on_missing: str, result: str
) -> None:
    met = judge(outdoor(above=25.0, on_missing=on_missing), *facts)
    assert met.result == result
    assert met.passes == (result in (MET, SKIPPED))


def test_a_difference_is_to_the_same_quantity_in_the_room() -> None:
    drier = outdoor(quantity="absolute_humidity", below=-1.0, minus_room=True)
    assert judge(drier, fact(8.0), inside=fact(9.5)).result == MET
    assert judge(drier, fact(8.0), inside=fact(9.0)).result == UNMET
    assert judge(drier, fact(8.0)).result == MISSING
    assert judge(drier, fact(8.0), inside=fact(9.5, age_s=1801.0)).result == MISSING


def test_a_forecast_looks_at_the_hours_ahead_of_which_one_suffices() -> None:
    rain = Also(source="forecast", quantity="rain", above=0.5, within_h=3, fresh_s=86_400.0)
    assert judge(rain, fact(0.0, ahead_h=1), fact(1.0, ahead_h=3)).result == MET
    assert judge(rain, fact(0.0, ahead_h=1), fact(1.0, ahead_h=3.01)).result == UNMET
    assert judge(rain, fact(1.0, ahead_h=0)).result == MISSING  # that hour is not ahead
    assert judge(rain, fact(1.0, age_s=86_401.0, ahead_h=1)).result == STALE


@pytest.mark.parametrize(
    ("at", "months", "hours", "result"),
    [
        ("2026-07-21T12:00Z", (7,), None, MET),
        ("2026-07-21T12:00Z", (6, 8), None, UNMET),
        ("2026-06-30T22:00Z", (7,), None, MET),  # in Berlin it is July already
        ("2026-07-21T06:59Z", (), "09:00-18:00", UNMET),
        ("2026-07-21T07:00Z", (), "09:00-18:00", MET),
        ("2026-07-21T16:00Z", (), "09:00-18:00", UNMET),  # 18:00 in Berlin is no longer before the end
        ("2026-07-21T21:30Z", (), "22:00-02:00", MET),
        ("2026-07-21T23:30Z", (), "22:00-02:00", MET),
        ("2026-07-22T00:00Z", (), "22:00-02:00", UNMET),
        ("2026-07-21T12:00Z", (1,), "09:00-18:00", UNMET),  # both must hold
    ],
)
def test_the_calendar_is_the_readers(at: str, months: tuple[int, ...], hours: str | None, result: str) -> None:
    window = None if hours is None else Window.read(hours)
    also = Also(source="calendar", months=months, hours=window)
    assert judged(also, {}, datetime.fromisoformat(at), BERLIN).result == result


def test_what_was_found_is_told() -> None:
    met = judge(outdoor(below=5.0, wait_s=60.0), fact(9.25, 10.0))
    assert met == Met(
        condition="outdoor temperature, below 5",
        result=UNMET,
        value=9.25,
        at=NOW - timedelta(seconds=10),
        wait_s=60.0,
    )


ADA = Reader(language="en", zone="Europe/Berlin", zone_known=True, area="52.5,13.4", owned=frozenset({"fan"}))


@pytest.mark.parametrize(
    ("wanted", "reader", "passes"),
    [
        (Audience(), ADA, True),
        (Audience(languages=("zh", "en")), ADA, True),
        (Audience(languages=("zh",)), ADA, False),
        (Audience(zones=("Europe/*",)), ADA, True),
        (Audience(zones=("Europe/Berlin",)), ADA, True),
        (Audience(zones=("Europe/Ber",)), ADA, False),
        (Audience(zones=("Asia/*", "Europe/Paris")), ADA, False),
        (Audience(areas=("52.5,13.4",)), ADA, True),
        (Audience(areas=("52.6,13.4",)), ADA, False),
        (Audience(owns=("fan",)), ADA, True),
        (Audience(owns=("fan", "heater")), ADA, False),
        (Audience(lacks=("heater",)), ADA, True),
        (Audience(lacks=("fan",)), ADA, False),
    ],
)
def test_an_audience(wanted: Audience, reader: Reader, passes: bool) -> None:
    assert all(met.passes for met in audience(wanted, reader)) == passes


def test_whose_zone_is_not_known_is_in_none() -> None:
    unknown = Reader(language="en", zone="Europe/Berlin", zone_known=False, area=None, owned=frozenset())
    assert not all(met.passes for met in audience(Audience(zones=("Europe/*",)), unknown))
