"""Each need of a room that ships: made-up air that leads to its push, and air that just does not."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from tests.cloud.needs.stage import MINUTE, episodes, furnish, held_by, pushes, room, why
from tests.cloud.stage import NOW, Cloud

Courses = dict[str, Iterable[float]]


def steady(minutes: int, **values: float) -> Courses:
    return {name: [value] * (minutes + 1) for name, value in values.items()}


@pytest.fixture
def home(cloud: Cloud) -> Cloud:
    return furnish(cloud)


# By need: air for so many minutes that begins it, and air that does not: at the threshold, or a minute too short.
DOES = {
    "damp-air": steady(15, humidity=80.1),
    "dry-air": steady(60, humidity=29.9),
    "heat": steady(30, temperature=28.1),
    "cold": steady(60, temperature=15.9),
    "stuffy-air": steady(15, co2=1401),
    "particulates": steady(15, pm25=35.1),
    "voc": steady(30, voc_index=251),
}
DOES_NOT = {
    "damp-air": [steady(60, humidity=80.0), steady(14, humidity=80.1)],
    "dry-air": [steady(90, humidity=30.0), steady(59, humidity=29.9)],
    "heat": [steady(60, temperature=28.0), steady(29, temperature=28.1)],
    "cold": [steady(90, temperature=16.0), steady(59, temperature=15.9)],
    "stuffy-air": [steady(60, co2=1400), steady(14, co2=1401)],
    "particulates": [steady(60, pm25=35.0), steady(14, pm25=35.1)],
    "voc": [steady(60, voc_index=250), steady(29, voc_index=251)],
}


def measured(home: Cloud, courses: Courses, every: timedelta = MINUTE) -> None:
    """The last value is of a minute ago."""
    courses = {name: list(values) for name, values in courses.items()}
    length = len(next(iter(courses.values())))  # type: ignore[arg-type]  # a list by now
    assert home.post(room(courses, first=NOW - MINUTE - (length - 1) * every, every=every)).status_code == 200


@pytest.mark.parametrize("need", DOES)
def test_air_that_leads_to_a_push(home: Cloud, need: str) -> None:
    measured(home, DOES[need])
    [push] = pushes(home)
    assert push["need"] == need
    assert [episode["open"] for episode in episodes(home, need)] == [True]


@pytest.mark.parametrize(
    ("need", "courses"), [pytest.param(need, one, id=f"{need}-{n}") for need, all_ in DOES_NOT.items()
                          for n, one in enumerate(all_)]
)  # fmt: skip
def test_air_that_just_does_not(home: Cloud, need: str, courses: Courses) -> None:
    measured(home, courses)
    assert (pushes(home), episodes(home, need)) == ([], [])


def test_heat_that_is_humid_is_a_danger(home: Cloud) -> None:
    measured(home, steady(30, temperature=32.1, humidity=60.0))
    assert [row["need"] for row in pushes(home)] == ["heatstroke"]  # before heat as such
    assert "room heat index, above 35: " in why(home)


def test_heat_that_is_dry_is_not(home: Cloud) -> None:
    measured(home, steady(30, temperature=32.1, humidity=31.0))
    [(gate, reason)] = held_by(home, "heatstroke")
    assert gate == "conditions"
    assert reason.startswith("what must hold besides does not: room heat index, above 35 (found 31.")
    assert f"STOP conditions: {reason}" in why(home)


def test_heat_without_a_hygrometer_is_not_known_to_be(home: Cloud) -> None:
    measured(home, steady(30, temperature=32.1))
    [(gate, reason)] = held_by(home, "heatstroke")
    assert (gate, reason) == ("conditions", "what must hold besides is not known: room heat index, above 35")


def test_mould_needs_damp_days(home: Cloud) -> None:
    damp = {"humidity": [95.0] * (4 * 24 * 12), "temperature": [20.0] * (4 * 24 * 12)}
    measured(home, damp, every=timedelta(minutes=5))
    assert [row["need"] for row in pushes(home)] == ["mould-risk"]  # and one offer at a time: not the damp air as well
    assert "room mould index, above 0.1: 0." in why(home)


def test_a_first_damp_day_is_no_mould(home: Cloud) -> None:
    damp = {"humidity": [81.0] * (13 * 12), "temperature": [20.0] * (13 * 12)}
    measured(home, damp, every=timedelta(minutes=5))
    [(gate, reason)] = held_by(home, "mould-risk")
    assert gate == "conditions"
    assert reason.startswith("what must hold besides does not: room mould index, above 0.1 (found 0.0")


def test_a_shower_is_no_mould(home: Cloud) -> None:
    damp = {"humidity": [95.0] * (12 * 12), "temperature": [20.0] * (12 * 12)}  # five minutes short of twelve hours
    measured(home, damp, every=timedelta(minutes=5))
    assert episodes(home, "mould-risk") == []
