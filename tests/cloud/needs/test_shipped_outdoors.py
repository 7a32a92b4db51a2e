"""Needs of the weather, of what people wear and of what a home uses up: each with what leads to its push, and what just
does not; and the same episodes however often they are followed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.cloud.needs.stage import (
    AREA,
    HOUR,
    MINUTE,
    agree,
    buy,
    due,
    episodes,
    furnish,
    held_by,
    pass_time,
    pushes,
    room,
    turn,
    wear,
    weather,
    why,
)
from tests.cloud.stage import NOW, Cloud, product

from aircue_cloud import consents, db, tables
from aircue_cloud.layers import rebuilding
from aircue_cloud.needs import nodes
from aircue_cloud.triggers import wearers

WET: dict[str, Any] = {"condition": "rain"}
HOT: dict[str, Any] = {"temperature": 28.5}


@pytest.fixture
def home(cloud: Cloud) -> Cloud:
    """At 13:00 in Berlin."""
    return furnish(cloud)


def started(cloud: Cloud, need: str) -> list[datetime]:
    return [episode["started_at"] for episode in episodes(cloud, need) if not episode["withdrawn"]]


# Rain.


def test_rain_leads_to_a_taxi_or_an_umbrella(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    [push] = turn(home)
    assert (push.need, push.category) == ("rain", "taxi")
    assert push.message.reason == "It has begun to rain where you live."
    assert started(home, "rain") == [NOW]


@pytest.mark.parametrize("condition", ["clear", "cloudy", "fog", "snow", None])
def test_what_is_no_rain_does_not(home: Cloud, condition: str | None) -> None:
    weather(home, {-1: {}, 0: {"condition": condition}})
    assert turn(home) == []
    assert episodes(home, "rain") == []


def test_rain_by_night_is_nobodys_need(home: Cloud) -> None:
    home.clock.now = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)  # 23:00 in Berlin
    weather(home, {-1: {}, 0: WET})
    assert turn(home) == []
    [(gate, reason)] = held_by(home, "rain")
    assert (gate, reason.split(": ", 1)[1]) == (
        "conditions",
        "time within 06:00-23:00 (found 2026-11-21 23:00 Europe/Berlin)",
    )


def test_rain_that_is_forecast_leads_to_an_umbrella(home: Cloud) -> None:
    weather(home, {-1: {}, 0: {}, 1: {}, 2: {}, 3: WET})
    [push] = turn(home)
    assert (push.need, push.category) == ("umbrella", "umbrella")


def test_rain_that_is_forecast_for_later_does_not_yet(home: Cloud) -> None:
    weather(home, {-1: {}, 0: {}, 1: {}, 2: {}, 3: {}, 4: WET})
    assert turn(home) == []
    pass_time(home, HOUR)
    assert [push.need for push in turn(home)] == ["umbrella"]


def test_who_stands_in_the_rain_is_told_of_no_rain_to_come(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET, 1: WET})
    assert [push.need for push in turn(home)] == ["rain"]
    [(gate, reason)] = held_by(home, "umbrella")
    assert gate == "conditions"
    assert "outdoor rain, below 0.5 (found 1.0" in reason


# On foot in the rain.


def walk(home: Cloud, steps: int) -> None:
    """So many steps in the half hour up to now."""
    wear(home, "steps", {-31: 1000, -15: 1000 + steps // 2, -1: 1000 + steps})


def test_who_walks_in_the_rain_is_offered_a_taxi(home: Cloud) -> None:
    walk(home, 501)
    weather(home, {-1: {}, 0: WET})
    [push] = turn(home)
    assert (push.need, push.category) == ("rainy-way", "taxi")
    assert "ok conditions: person steps in hour, above 500: 501.0 at 21 Nov 2026 11:59 UTC" in why(home)


@pytest.mark.parametrize("steps", [0, 500])
def test_who_hardly_walks_is_asked_again_later(home: Cloud, steps: int) -> None:
    walk(home, steps)
    weather(home, {-1: {}, 0: WET, 1: WET})
    turn(home)
    [(gate, reason)] = held_by(home, "rainy-way")
    assert gate == "conditions"
    assert reason.startswith("what must hold besides does not: person steps in hour, above 500 (found ")


def test_who_leaves_the_house_later_is_offered_it_then(home: Cloud) -> None:
    home.clock.now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # 05:00: before anybody hears of rain as such
    weather(home, {-1: {}, 0: WET, 1: WET})
    assert turn(home) == []
    assert due(home) == []
    pass_time(home, 30 * MINUTE)
    walk(home, 600)
    assert [push.need for push in due(home)] == ["rainy-way"]


def test_steps_count_only_with_the_households_word(home: Cloud) -> None:
    walk(home, 2000)
    agree(home, "activity", granted=False)
    weather(home, {-1: {}, 0: WET})
    assert [push.need for push in turn(home)] == ["rain"]
    assert held_by(home, "rainy-way")[0] == (
        "conditions",
        "what must hold besides is not known: person steps in hour, above 500",
    )


def test_the_one_of_the_household_who_walks_is_told(home: Cloud) -> None:
    home.clock.now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # before anybody hears of rain as such
    home.add(tables.people, *({"id": f"ada-{n}", "household": "ada", "name": "Bo"} for n in (0, 2)))
    wear(home, "steps", {-31: 1000, -1: 3000}, person="ada-2")
    weather(home, {-1: {}, 0: WET})
    assert [(push.need, push.person) for push in turn(home)] == [("rainy-way", "ada-2")]


# Hot weather, and who is out in it.


def test_hot_weather_leads_to_outdoor_goods(home: Cloud) -> None:
    weather(home, {-3: {}, -2: HOT, -1: HOT, 0: HOT})
    [push] = turn(home)
    assert (push.need, push.category) == ("hot-weather", "outdoor-goods")
    assert push.message.reason == "It was above 28 °C outside for 2 h today (28.5 °C now), where you live."


@pytest.mark.parametrize(
    "hours", [{-3: {}, -2: {"temperature": 28.0}, -1: HOT, 0: HOT}, {-3: {}, -1: HOT, 0: HOT}], ids=["28", "an hour"]
)
def test_weather_that_is_just_not_hot_does_not(home: Cloud, hours: dict[int, Any]) -> None:
    weather(home, hours)
    assert turn(home) == []
    assert started(home, "hot-weather") == []


def test_hot_rain_is_no_weather_for_it(home: Cloud) -> None:
    weather(home, {-3: {}, -2: HOT, -1: HOT, 0: HOT | WET})
    turn(home)
    assert held_by(home, "hot-weather")[0][0] == "conditions"


def heat_around(home: Cloud, value: float, minutes: int = 15) -> None:
    wear(home, "ambient-temperature", {-minutes - 2: 22.0} | {n - minutes - 1: value for n in range(minutes + 1)})


def test_who_is_out_in_the_heat_gets_sun_care(home: Cloud) -> None:
    weather(home, {-1: {}, 0: {"temperature": 25.1}})
    heat_around(home, 30.1)
    [push] = pushes(home)
    assert (push["need"], push["category"], push["person"]) == ("sun", "sun-care", "ada-1")
    [episode] = episodes(home, "sun")
    assert (episode["node"], episode["site"]) == (nodes.wearer("ada-1"), "home-1")
    assert "ada-1" not in str(episode)


def test_a_push_from_what_somebody_wears_ends_with_the_word_for_it(home: Cloud) -> None:
    weather(home, {-1: {}, 0: HOT})
    heat_around(home, 30.1)
    agree(home, "activity", granted=False)
    assert [push["withdrawn_at"] for push in pushes(home)] == [None]
    agree(home, "ambient", granted=False)
    assert [push["withdrawn_at"] for push in pushes(home)] == [NOW]


def test_a_push_that_a_wearable_was_asked_about_ends_with_the_word_for_it(home: Cloud) -> None:
    """Of rain, where somebody was on the way: steps were a condition, the weather the trigger."""
    home.clock.now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # before anybody hears of rain as such
    walk(home, 600)
    weather(home, {-1: {}, 0: WET})
    assert [push.need for push in turn(home)] == ["rainy-way"]
    agree(home, "body", granted=False)
    assert [push["withdrawn_at"] for push in pushes(home)] == [None]
    agree(home, "activity", granted=False)
    assert [push["withdrawn_at"] for push in pushes(home)] == [home.clock()]


def test_a_push_that_nobody_s_wearable_was_asked_about_stays(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    assert [push.need for push in turn(home)] == ["rain"]
    for category in ("activity", "location", "ambient", "body"):
        agree(home, category, granted=False)
    assert [push["withdrawn_at"] for push in pushes(home)] == [None]


@pytest.mark.parametrize(("value", "minutes"), [(30.0, 30), (30.1, 14)])
def test_heat_around_somebody_that_is_just_none(home: Cloud, value: float, minutes: int) -> None:
    weather(home, {-1: {}, 0: {"temperature": 30.0}})
    heat_around(home, value, minutes)
    assert (pushes(home), episodes(home, "sun")) == ([], [])


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"temperature": 25.0}, "does not: outdoor temperature, above 25 (found 25.0"),
        ({"temperature": 30.0, "condition": "rain"}, "does not: outdoor rain, below 0.5 (found 1.0"),
        ({"temperature": None}, "was known too long ago: outdoor temperature, above 25 (found 15.0"),
        (None, "was known too long ago: outdoor temperature, above 25 (found 15.0"),
    ],
)
def test_heat_beside_a_stove_is_no_sun(home: Cloud, now: dict[str, Any] | None, said: str) -> None:
    weather(home, {-4: {}} if now is None else {-4: {}, 0: now})
    heat_around(home, 35.0)
    [(gate, reason)] = held_by(home, "sun")
    assert (gate, said in reason) == ("conditions", True)


def test_weather_that_nobody_told_of_holds_it_back(home: Cloud) -> None:
    heat_around(home, 35.0)
    assert held_by(home, "sun") == [
        ("conditions", "what must hold besides is not known: outdoor temperature, above 25")
    ]


def test_no_wearable_is_followed_without_the_households_word(home: Cloud) -> None:
    weather(home, {-1: {}, 0: HOT})
    with db.writing(home.engine) as connection:
        consents.record(
            connection, "ada", purpose="marketing", data_category="ambient", channel="email", granted=False, now=NOW
        )
        agree_ = consents.granting(purpose="marketing", data_category="ambient")
        assert connection.execute(agree_).scalars().all() == ["ada"]  # by another channel they still do
    agree(home, "ambient", granted=False)
    points = [{"id": str(n), "person": "ada-1", "kind": "ambient-temperature", "device": "band", "value": 31.0,
               "at": NOW - n * MINUTE} for n in range(20)]  # fmt: skip
    home.add(tables.observations, *points)
    with db.writing(home.engine) as connection:
        told = {("ada-1", "ambient-temperature")}
        assert wearers.follow(connection, home.layers.needs, told, NOW) == []
    agree(home, "ambient")
    with db.writing(home.engine) as connection:
        assert len(wearers.follow(connection, home.layers.needs, told, NOW)) == 1


def test_what_a_wearable_tells_late_gives_the_same_episode(home: Cloud) -> None:
    """Live first, what was kept on the wrist behind."""
    weather(home, {-1: {}, 0: HOT})
    wear(home, "ambient-temperature", {-40: 20.0, **{float(n): 31.0 for n in range(-10, 0)}})
    assert episodes(home, "sun") == []
    wear(home, "ambient-temperature", {float(n): 31.0 for n in range(-20, -10)})
    [episode] = episodes(home, "sun")
    assert episode["started_at"] == NOW - 20 * MINUTE
    wear(home, "ambient-temperature", {-30: 31.0})
    [again] = episodes(home, "sun")
    assert (again["id"], again["started_at"]) == (episode["id"], NOW - 30 * MINUTE)
    assert len(held_by(home, "sun")) == 1


# The same however often.


def test_a_second_look_and_a_restart_find_nothing_new(home: Cloud) -> None:
    weather(home, {-3: {}, -2: HOT, -1: HOT, 0: HOT | {"condition": None}})
    turn(home)
    before = home.rows(tables.episodes), home.rows(tables.decisions), home.rows(tables.pushes)
    assert before[0]
    for _ in range(2):
        turn(home)
    assert (home.rows(tables.episodes), home.rows(tables.decisions), home.rows(tables.pushes)) == before


def test_layers_that_are_made_again_give_the_same_episodes(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET})
    turn(home)
    home.post(room({"humidity": [85.0] * 17}, first=NOW - 17 * MINUTE))
    before = home.rows(tables.episodes)
    assert {one["need"] for one in before} >= {"rain", "damp-air"}
    rebuilding.from_middle(home.layers, home.clock, lambda _: None)
    turn(home)
    assert home.rows(tables.episodes) == before


def test_an_episode_ends_with_its_weather_and_another_is_another(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET, 1: {}, 2: {}, 3: {}, 4: {}, 5: WET})
    turn(home)
    pass_time(home, 2 * HOUR)
    turn(home)
    assert [(one["started_at"], one["ended_at"]) for one in episodes(home, "rain")] == [(NOW, NOW + 2 * HOUR)]
    pass_time(home, 3 * HOUR)
    turn(home)
    assert started(home, "rain") == [NOW, NOW + 5 * HOUR]


def test_rain_that_was_forecast_and_never_fell_never_was(home: Cloud) -> None:
    weather(home, {-1: {}, 0: WET, 1: {}})
    turn(home)
    weather(home, {-1: {}, 0: {}, 1: {}}, source="open-meteo-archive")
    pass_time(home, HOUR)
    turn(home)
    assert [episode["withdrawn"] for episode in episodes(home, "rain")] == [True]


def test_a_spell_longer_than_a_look_keeps_its_beginning(home: Cloud) -> None:
    hot = HOT | {"condition": "clear"}
    weather(home, {-1: {}} | dict.fromkeys(range(24 * 9), hot))
    pass_time(home, 3 * HOUR)
    turn(home)
    [first] = episodes(home, "hot-weather")
    pass_time(home, 8 * 24 * HOUR)
    turn(home)
    [after] = episodes(home, "hot-weather")
    assert (after["id"], after["started_at"], after["open"]) == (first["id"], NOW, True)


def test_a_home_that_nobody_lives_in_or_placed_has_no_weather(home: Cloud) -> None:
    home.add(tables.sites, {"id": "empty", "tz": "UTC", "area": AREA})
    home.add(tables.households, {"id": "bob", "name": "Bob's"})
    home.add(tables.sites, {"id": "nowhere", "tz": "UTC", "household": "bob"})
    weather(home, {-1: {}, 0: WET})
    turn(home)
    assert {episode["site"] for episode in home.rows(tables.episodes)} == {"home-1"}


# What is used up.


def dust(home: Cloud, level: float, days: int) -> None:
    first = db.to_ms(NOW) // 3_600_000 - 24 * days
    key = {"site": "home-1", "node": "bathroom", "quantity": "pm25", "scale": 10, "readings": 1, "low": 0, "high": 0}
    home.add(tables.hourly, *({**key, "hour": first + n, "total": round(level * 10)} for n in range(24 * days)))


@pytest.mark.parametrize(("days", "due_"), [(161, False), (163, True)])
def test_a_filter_is_due_at_nine_tenths_of_its_life(home: Cloud, days: int, due_: bool) -> None:
    buy(home, "a-filter", days)
    found = turn(home)
    assert [(push.need, push.product) for push in found] == ([("filter-due", "a-filter")] if due_ else [])
    assert [one["node"] for one in episodes(home, "filter-due")] == ([nodes.product("a-filter")] if due_ else [])


def test_dust_brings_a_filters_end_forward(home: Cloud) -> None:
    """Ten times the dust in the last two months."""
    buy(home, "a-filter", 100)
    assert turn(home) == []
    dust(home, 2.0, 400)
    with db.writing(home.engine) as connection:
        worn = tables.hourly.c
        dusty = worn.hour > db.to_ms(NOW) // 3_600_000 - 24 * 60
        connection.execute(tables.hourly.update().where(dusty).values(total=200))
    [push] = turn(home)
    assert (push.need, push.product) == ("filter-due", "a-filter")


def test_who_has_the_device_alone_counts_from_its_purchase(home: Cloud) -> None:
    buy(home, "device", 163)
    [push] = turn(home)
    assert (push.need, push.product) == ("filter-due", "a-filter")
    assert [one["node"] for one in episodes(home, "filter-due")] == [nodes.any_of("filter")]


def test_who_has_the_device_not_long_enough_is_left_alone(home: Cloud) -> None:
    buy(home, "device", 161)
    assert turn(home) == []


def test_only_what_was_used_is_offered_again(home: Cloud) -> None:
    """Another maker's filter would not fit."""
    home.add(tables.products, product("b-filter", "filter"))
    home.affinity.shares = {"b-filter": 0.9}
    buy(home, "a-filter", 170)
    assert [push.product for push in turn(home)] == ["a-filter"]


@pytest.mark.parametrize(
    ("need", "what", "early", "late"),
    [
        ("absorber-due", "a-moisture-absorber", 53, 55),
        ("salt-due", "a-softener-salt", 53, 55),
        ("salt-due", "softener", 53, 55),
    ],
)
def test_absorbers_and_salt_are_due_after_their_days(home: Cloud, need: str, what: str, early: int, late: int) -> None:
    buy(home, what, early)
    assert turn(home) == []
    pass_time(home, timedelta(days=late - early))
    assert [push.need for push in turn(home)] == [need]


def test_what_is_due_ends_with_the_next_purchase_and_is_told_once(home: Cloud) -> None:
    buy(home, "a-softener-salt", 56)
    turn(home)
    turn(home)
    assert len(held_by(home, "salt-due")) == 1
    buy(home, "a-softener-salt", 0)
    pass_time(home, HOUR)
    turn(home)
    assert [one["open"] for one in episodes(home, "salt-due")] == [False]
    assert [one["withdrawn"] for one in episodes(home, "salt-due")] == [False]


def test_what_was_offered_because_it_is_used_up_ends_with_the_word_for_shopping(home: Cloud) -> None:
    buy(home, "a-softener-salt", 56)
    assert [push.need for push in turn(home)] == ["salt-due"]
    agree(home, "behaviour", granted=False)
    assert [push["withdrawn_at"] for push in pushes(home)] == [NOW]


def test_a_device_speaks_only_for_a_home_that_never_bought_what_it_uses_up(home: Cloud) -> None:
    buy(home, "device", 400)
    buy(home, "a-filter", 10)
    assert turn(home) == []
    assert episodes(home, "filter-due") == []


def test_nothing_is_due_of_who_said_no_to_it(home: Cloud) -> None:
    buy(home, "a-softener-salt", 56)
    agree(home, "behaviour", granted=False)
    assert turn(home) == []
    assert episodes(home, "salt-due") == []
