"""Backtests of needs that no room triggers: of the weather, of what people wear, of what is used up; the same episodes
and outcomes as the cloud had when it lived through them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.cloud.needs.stage import (
    AREA,
    HOUR,
    MINUTE,
    agree,
    buy,
    episodes,
    furnish,
    held_by,
    pass_time,
    room,
    turn,
    wear,
    weather,
)
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.cli import main
from aircue_cloud.decision.settings import Settings
from aircue_cloud.needs import document as documents
from aircue_cloud.needs import past
from aircue_cloud.needs.backtest import Backtest, backtest
from aircue_cloud.triggers import past as triggers

DAY = timedelta(days=1)
LIVE = Settings(quiet_hours="", holdout=0.0, need_holdout=0.0, explore=False)
WET: dict[str, Any] = {"condition": "rain"}


@pytest.fixture
def home(cloud: Cloud) -> Cloud:
    return furnish(cloud)


def tried(cloud: Cloud, need: str, since: datetime, settings: Settings = LIVE) -> Backtest:
    """As `needs backtest` tries it on the store."""
    now = cloud.clock()
    with db.reading(cloud.engine) as connection:
        whose = past.household_of(connection, "home-1")
        of, beside = cloud.layers.needs.by_name[need], triggers.beside_store(connection, "home-1", whose, settings)
        courses = triggers.of_store(connection, of, "home-1", whose, since, now)
        return backtest(of, courses, settings=settings, household=whose, beside=beside, until=now)


def found(one: Backtest) -> list[tuple[str, datetime, datetime | None]]:
    return [(each.node, each.start, each.end) for each in one.sides["trusted"].episodes]


def lived(cloud: Cloud, need: str) -> list[tuple[str, datetime, datetime | None]]:
    return [(row["node"], row["started_at"], row["ended_at"]) for row in episodes(cloud, need) if not row["withdrawn"]]


def gates(one: Backtest) -> list[str]:
    return [each.gate for each in one.decisions]


def lived_gates(cloud: Cloud, need: str) -> list[str]:
    return [gate for gate, _ in held_by(cloud, need)]


# The weather.


def rainy_days(cloud: Cloud, hours: int = 72) -> None:
    """Simulated: six hours of rain from noon each day, told hour by hour; the last of it goes on when the source falls
    silent."""
    for hour in range(hours):
        now = cloud.clock()
        if hour < hours - 8:
            weather(cloud, {-1: said(now - HOUR), 0: said(now)})
        turn(cloud)
        pass_time(cloud, HOUR)


def said(at: datetime) -> Mapping[str, Any]:
    return {"condition": "rain" if 12 <= at.hour < 18 else "clear"}


def test_of_the_stores_weather_it_finds_what_the_cloud_found(home: Cloud) -> None:
    rainy_days(home)
    one = tried(home, "rain", NOW - HOUR)
    assert found(one) == lived(home, "rain")
    assert len(found(one)) == 3
    assert gates(one) == lived_gates(home, "rain") == ["", "cooldown", "cooldown"]
    assert one.drawn[0].quantity == "outdoor.rain"


def test_rain_of_which_nobody_tells_any_more_has_ended_there_too(home: Cloud) -> None:
    rainy_days(home, hours=10)
    assert found(tried(home, "rain", NOW - HOUR)) == lived(home, "rain")
    [(_, _, end)] = lived(home, "rain")
    assert end == NOW + HOUR + timedelta(hours=3)


def test_a_condition_of_a_wearable_is_judged_as_of_the_decision(home: Cloud) -> None:
    """Nobody walked on the first day; somebody did on the second."""
    for walked in (0, 600):
        weather(home, {-1: {}, 0: WET})
        wear(home, "steps", {-31: 1000, -1: 1000 + walked})
        turn(home)
        pass_time(home, HOUR)
        weather(home, {n: {} for n in range(24)})
        pass_time(home, 23 * HOUR)
        turn(home)
    one = tried(home, "rainy-way", NOW - HOUR)
    assert found(one) == lived(home, "rainy-way")
    assert [each.outcome for each in one.decisions] == ["suppress", "send"]
    assert gates(one)[0] == "conditions"


def test_a_file_of_the_weather_gives_the_same(home: Cloud, tmp_path: Path) -> None:
    rainy_days(home)
    by_store = tried(home, "rain", NOW - HOUR)
    path = a_file(home, tmp_path / "weather.csv")
    told = triggers.told_in(path)
    need = home.layers.needs.by_name["rain"]
    courses = list(triggers.of_file(need, told))
    by_file = backtest(need, courses, settings=LIVE, beside=triggers.beside_weather(told), until=home.clock())
    assert found(by_file) == found(by_store)
    assert by_file.first == by_store.first


def a_file(cloud: Cloud, path: Path) -> Path:
    rows = [f'"{row["area"]}",{row["hour"].isoformat()},{row["temperature"]},{row["humidity"]},{row["condition"]}'
            for row in cloud.rows(tables.weather)]  # fmt: skip
    path.write_text("\n".join(["area,hour,temperature,humidity,condition", *rows]) + "\n")
    return path


# What people wear.


def test_of_a_wearable_it_finds_what_the_cloud_found(home: Cloud) -> None:
    """Out in the heat on one day, beside a stove on the next: the weather outdoors tells them apart, as of then."""
    for temperature in (28.5, 5.0):
        weather(home, {n: {"temperature": temperature} for n in (-1, 0, 1)})
        wear(home, "ambient-temperature", {-17: 22.0} | {n - 16: 31.0 for n in range(17)})
        pass_time(home, 30 * MINUTE)
        wear(home, "ambient-temperature", {-20: 22.0, 0: 22.0})
        pass_time(home, DAY)
        turn(home)
    one = tried(home, "sun", NOW - HOUR)
    assert found(one) == lived(home, "sun")
    assert [each.outcome for each in one.decisions] == ["send", "suppress"]
    assert gates(one)[1] == "conditions"


def test_what_somebody_wears_is_not_looked_at_without_the_word_for_it(home: Cloud) -> None:
    wear(home, "ambient-temperature", {-17: 22.0} | {n - 16: 31.0 for n in range(17)})
    agree(home, "ambient", granted=False)
    one = tried(home, "sun", NOW - HOUR)
    assert (found(one), one.missing) == ([], ("person.ambient-temperature",))


def test_the_one_who_wears_it_is_who_is_decided_about(home: Cloud) -> None:
    home.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Bo"})
    home.app.test_client().patch("/api/v1/people/ada-2/preferences", json={"stopped": ["sun"]})
    weather(home, {-1: {}, 0: {"temperature": 28.5}})
    wear(home, "ambient-temperature", {-17: 22.0} | {n - 16: 31.0 for n in range(17)}, person="ada-2")
    assert gates(tried(home, "sun", NOW - HOUR)) == lived_gates(home, "sun") == ["suppression"]


# What is used up.


def test_of_what_is_used_up_it_finds_what_the_cloud_found(home: Cloud) -> None:
    buy(home, "a-softener-salt", 40)
    for day in range(40):
        if day == 30:
            row = {"person": "ada-1", "product": "a-softener-salt", "kind": "purchase", "weight": 8.0}
            home.add(tables.interactions, {**row, "at": home.clock()})
        turn(home)
        pass_time(home, DAY)
    one = tried(home, "salt-due", NOW)
    assert [(node, start) for node, start, _ in found(one)] == [(n, s) for n, s, _ in lived(home, "salt-due")]
    assert found(one)[0][2] == lived(home, "salt-due")[0][2] == NOW + 30 * DAY - timedelta(milliseconds=1)
    assert gates(one) == lived_gates(home, "salt-due")
    assert one.drawn[0].quantity == "replenish.used"


def test_what_was_used_up_before_is_no_episode_of_the_time_that_is_asked_for(home: Cloud) -> None:
    buy(home, "a-softener-salt", 100)
    assert found(tried(home, "salt-due", NOW - 5 * DAY)) == []
    assert len(found(tried(home, "salt-due", NOW - 99 * DAY))) == 1


# A room, with the weather beside it.


def test_a_rooms_condition_of_the_weather_is_judged_by_what_the_store_was_told(home: Cloud) -> None:
    drier = {"source": "outdoor", "quantity": "temperature", "below": 10.0}
    for number, outdoors in enumerate((15.0, 5.0)):
        weather(home, {n: {"temperature": outdoors} for n in (-1, 0)})
        course = {"humidity": [60.0] * 20 + [85.0] * 20 + [60.0] * 20}
        assert home.post(room(course, first=home.clock() - HOUR, number=number + 1)).status_code == 200
        pass_time(home, DAY)
    home.settle()
    damp = home.layers.needs.by_name["damp-air"]
    document = dict(damp.document) | {"also": [drier]}
    need = replace(damp, also=documents.read("damp-air", document, "here").also)
    with db.reading(home.engine) as connection:
        whose = past.household_of(connection, "home-1")
        courses = list(past.from_lake(connection, home.layers.lake, "home-1", NOW - DAY, ("humidity", "temperature")))
        beside = triggers.beside_store(connection, "home-1", whose, LIVE)
        one = backtest(need, courses, settings=replace(LIVE, linger=DAY), household=whose, beside=beside)
    assert [each.gate for each in one.decisions] == ["conditions", ""]


# The command.


def config_of(cloud: Cloud, path: Path) -> Path:
    database = f'database_url = "{cloud.database_url}"\n' if cloud.database_url else ""
    path.write_text(
        f'data_dir = "{cloud.folder.parent.parent}"\nquiet_hours = ""\nholdout = 0.0\nneed_holdout = 0.0\n{database}'
    )
    return path


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["needs", "backtest", *arguments])


@pytest.mark.parametrize(
    ("need", "unit", "where"),
    [("rain", "outdoor.rain, 1", "outdoors"), ("sun", "person.ambient-temperature, Cel", "somebody"),
     ("salt-due", "replenish.used, %", "a-softener-salt")],
)  # fmt: skip
def test_the_command_tries_each_on_the_store_and_draws_it(
    home: Cloud, tmp_path: Path, need: str, unit: str, where: str
) -> None:
    weather(home, {-1: {}, 0: WET | {"temperature": 28.5}})
    wear(home, "ambient-temperature", {-17: 22.0} | {n - 16: 31.0 for n in range(17)})
    buy(home, "a-softener-salt", 60)
    picture, config = tmp_path / "a.svg", config_of(home, tmp_path / "cloud.toml")
    done = asked("--need", need, "--days", "3660", "--config", str(config), "--plot", str(picture))
    assert done.exit_code == 0, done.output
    assert "of 1 episodes " in done.stdout
    assert where in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["decisions"] == 1
    assert f"<!-- {unit} -->" in picture.read_text()


def test_the_command_tries_the_weather_of_a_file(home: Cloud, tmp_path: Path) -> None:
    rainy_days(home)
    path = a_file(home, tmp_path / "weather.csv")
    done = asked("--need", "rain", "--weather", str(path), "--zone", "Europe/Berlin")
    assert done.exit_code == 0, done.output
    assert "of 3 episodes 1 led to an offer; held by: cooldown 2" in done.stdout


@pytest.mark.parametrize(
    ("need", "file", "said_"),
    [
        ("rain", "--readings", "say --weather FILE in its place, or leave --readings out"),
        ("sun", "--weather", "leave --readings out, so that what the store knows is used"),
        ("salt-due", "--readings", "it follows from what was bought: leave --readings out"),
        ("damp-air", "--weather", "say --readings FILE too"),
    ],
)
def test_what_a_file_cannot_say_is_refused_with_what_to_do(tmp_path: Path, need: str, file: str, said_: str) -> None:
    path = tmp_path / "a.csv"
    head = "area,hour,condition" if file == "--weather" else "node,quantity,measured_at,value"
    row = f'"{AREA}",2026-06-01T12:00:00Z,rain' if file == "--weather" else "hall,humidity,2026-06-01T12:00:00Z,60"
    path.write_text(f"{head}\n{row}\n")
    done = asked("--need", need, file, str(path))
    assert (done.exit_code, said_ in done.stderr) == (1, True), done.output


def test_a_file_of_the_weather_that_is_none_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("area,hour,condition\n")
    assert "tells of no hour" in asked("--need", "rain", "--weather", str(path)).stderr
    path.write_text("place,hour\nhere,now\n")
    assert "no column area" in asked("--need", "rain", "--weather", str(path)).stderr
