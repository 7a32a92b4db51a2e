"""What the air of a home is about to do: by its own norm, of rooms that speak, and only where the home agrees."""

import math
from datetime import timedelta

import pytest
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import outlooks
from aircue_cloud.needs import needs
from aircue_cloud.recommender.context import Outlook

_HOUR_MS = 3_600_000
NOW_H = db.to_ms(NOW) // _HOUR_MS
DAMP_AIR = needs.load().by_name["damp-air"]


def humid(cloud: Cloud, mean: float, last: float, hours: int = 24 * 14, until: int = NOW_H) -> None:
    """Hours of a bathroom that swings by 6 %RH over each day and is about to rise, and how its last hour was."""
    course = {until - back: mean - 6 * math.sin(back / 24 * math.tau) + back % 3 for back in range(hours)}
    key = {"site": "home-1", "node": "bathroom", "quantity": "humidity", "scale": 100}
    cloud.add(
        tables.hourly,
        *(
            {**key, "hour": hour, "readings": 2, "low": 0, "high": 0, "total": round(value * 200)}
            for hour, value in (course | {until: last}).items()
        ),
    )


def expected(cloud: Cloud) -> dict[str, Outlook]:
    with db.reading(cloud.engine) as connection:
        return outlooks.expected(connection, "ada", [DAMP_AIR], NOW)


@pytest.fixture
def home(cloud: Cloud) -> Cloud:
    with db.writing(cloud.engine) as connection:
        how = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app"}
        consents.record(connection, "ada", granted=True, now=NOW, **how)
    return cloud


def test_a_home_whose_air_is_above_the_threshold_is_sure_of_its_need(home: Cloud) -> None:
    humid(home, mean=70.0, last=86.0)
    seen = expected(home)["damp-air"]
    assert seen.chance == 1.0
    assert seen.deviation > 2
    assert seen.beyond == pytest.approx(1 / 24)


def test_the_nearer_the_air_comes_the_likelier_is_the_need(home: Cloud) -> None:
    humid(home, mean=73.0, last=74.0)
    far = expected(home)["damp-air"].chance
    with db.writing(home.engine) as connection:
        last = tables.hourly.c.hour == NOW_H
        connection.execute(tables.hourly.update().where(last).values(total=79 * 200))
    assert outlooks.LEAST_CHANCE <= far < expected(home)["damp-air"].chance <= 1


def test_of_a_dry_home_nothing_is_expected(home: Cloud) -> None:
    humid(home, mean=45.0, last=46.0)
    assert expected(home) == {}


def test_a_room_of_less_than_two_days_has_no_outlook(home: Cloud) -> None:
    humid(home, mean=70.0, last=86.0, hours=40)
    assert expected(home) == {}


def test_a_room_that_has_been_silent_for_hours_has_no_outlook(home: Cloud) -> None:
    humid(home, mean=70.0, last=86.0, until=NOW_H - outlooks.FRESH_H)
    assert expected(home) == {}


def test_where_the_home_does_not_agree_its_air_is_not_looked_at(home: Cloud) -> None:
    humid(home, mean=70.0, last=86.0)
    with db.writing(home.engine) as connection:
        how = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app"}
        consents.record(connection, "ada", granted=False, now=NOW + timedelta(seconds=1), **how)
    assert expected(home) == {}
