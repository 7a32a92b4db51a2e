"""The policy simulator: nothing changed gives what was recorded; a change gives what deciding so would have given."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select
from tests.cloud.conftest import new_database
from tests.cloud.stage import NOW
from tests.cloud.town import PLAIN, Town

from aircue_cloud import db, tables
from aircue_cloud.cli import main
from aircue_cloud.decision import kill_switch, policy, preferences
from aircue_cloud.decision.policy import GATES
from aircue_cloud.decision.preferences import Preferences
from aircue_cloud.decision.replay import (
    NOTHING_CHANGED,
    PolicySettings,
    Replay,
    Replayed,
    read_settings,
    replay,
)
from aircue_cloud.decision.settings import Caps, Settings
from aircue_cloud.errors import CommandError

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 10, 23, tzinfo=UTC)  # clocks go back in Berlin on the 25th
DAYS = 4
HOMES = 4
NEEDS = ("damp-air", "heat", "cold")
# Whole hours from UTC, so that quiet hours end where the simulated days are stepped through.
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC")
USUAL = Settings(caps=Caps(day=1, week=3, apart_h=20.0), holdout=0.3, need_holdout=0.2, explore=False, linger=6 * HOUR)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = _engine(tmp_path)
    yield made
    made.dispose()


def _engine(folder: Path) -> Engine:
    return db.open_database(new_database() or db.sqlite_url(str(folder / "town.db")))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The usual days; nobody writes to it."""
    return live(_engine(tmp_path_factory.mktemp("recorded")), USUAL)


@cache
def plan(seed: int) -> dict[int, list[tuple[str, str, int]]]:
    """By hour: what begins in which home, and for how many hours."""
    rng, found = random.Random(seed), dict[int, list[tuple[str, str, int]]]()
    for hour in range(24 * DAYS):
        for home in range(HOMES):
            if rng.random() < 0.13:
                some = rng.sample(NEEDS, rng.choice((1, 1, 2)))
                found.setdefault(hour, []).extend((f"h{home}", need, rng.choice((1, 3, 30))) for need in some)
    return found


def live(
    engine: Engine, store: Settings, *, seed: int = 1, zones: tuple[str, ...] = ZONES, stops: tuple[int, ...] = ()
) -> Town:
    """Simulated homes through some days, decided about as they go. stops: hours at which all pushes are stopped, and
    start again."""
    town = Town(engine, settings=store)
    for number in range(HOMES):
        name = f"h{number}"
        town.home(name, f"{name}-1", tz=zones[number % len(zones)], agrees=number != HOMES - 1)
    with db.writing(engine) as connection:
        own = Preferences(quiet_hours="12:00-14:00", caps={"day": 2}, stopped=("cold",))
        preferences.store(connection, preferences.PERSON, "h0-1", own, START)
    ends: dict[int, list[str]] = {}
    for hour in range(24 * DAYS):
        now = START + hour * HOUR
        if hour in stops:
            with db.writing(engine) as connection:
                kill_switch.switch(connection, now, on=hour == stops[-1], reason="a wrong price")
        for episode in ends.get(hour, ()):
            town.end(episode, now)
        if _waits(town, now):
            town.due(now)
        begun = []
        for home, need, lasts in plan(seed).get(hour, ()):
            begun.append(town.episode(home, need, now, number=hour))
            ends.setdefault(hour + lasts, []).append(begun[-1].id)
        if begun:
            town.decide(*begun, at=now + SECOND)  # a tick of its own: what is decided at one instant is one
    return town


def _waits(town: Town, now: datetime) -> bool:
    with db.reading(town.engine) as connection:
        due = select(tables.decisions.c.id).where(tables.decisions.c.scheduled_at <= now).limit(1)
        return connection.execute(due).scalar() is not None


def replayed(town: Town, changed: PolicySettings = NOTHING_CHANGED, since: datetime = START) -> Replay:
    with db.reading(town.engine) as connection:
        return replay(connection, since, changed, settings=town.settings, now=START + (24 * DAYS - 1) * HOUR)


def endings(town: Town) -> dict[str, tuple[str, str, str | None]]:
    """Of each episode, as recorded: outcome, gate, product."""
    return {
        row["episode"]: (row["outcome"], held, row["product"])
        for row, (_, held) in zip(town.decisions(), town.outcomes(), strict=True)
    }


def after(town: Town, changed: PolicySettings) -> dict[str, tuple[str, str, str | None]]:
    """What the replay makes of those that change, on top of what was recorded."""
    found = replayed(town, changed)
    return endings(town) | {one.episode: _ending(one) for one in found.changes}


def _ending(one: Replayed) -> tuple[str, str, str | None]:
    return one.after.outcome, one.after.gate, one.after.product


def test_with_nothing_changed_every_decision_is_the_recorded_one(engine: Engine) -> None:
    """What was drawn as well."""
    zones = ("Europe/Berlin", "Asia/Kathmandu", "Mars/Olympus", "Australia/Lord_Howe")
    town = live(engine, replace(USUAL, explore=True), zones=zones, seed=2, stops=(40, 46))
    found = replayed(town)
    assert (found.unlike, found.changes, found.moved, found.assumed) == (0, (), {}, 0)
    assert found.before == found.after
    gates = {gate for _, gate in found.before}
    assert gates >= {"", "kill-switch", "consent", "suppression", "cooldown", "expiry", "arbitration"}
    assert gates & {"caps", "holdout"}
    assert any(outcome == "defer" for outcome, _ in town.outcomes())
    assert found.episodes == len(endings(town)) > 50


def test_from_the_middle_of_it_too(recorded: Town) -> None:
    """Earlier offers count, and what was deferred before goes its recorded way."""
    for hours in (0, 29, 54, 70):
        found = replayed(recorded, since=START + hours * HOUR)
        assert found.unlike == 0
        assert found.before == found.after
        assert found.episodes >= 8


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no caps": (
        {"cap_day": None, "cap_week": None, "cap_apart_h": None},
        {"caps": Caps(day=None, week=None, apart_h=None)},
    ),
    "longer quiet hours": ({"quiet_hours": "18:00-11:00"}, {"quiet_hours": "18:00-11:00"}),
    "others held out": ({"holdout": 0.0, "need_holdout": 0.5}, {"holdout": 0.0, "need_holdout": 0.5}),
    "shorter offers": ({"linger_h": 0.0, "push_ttl_h": 2.0}, {"linger": timedelta(), "push_ttl": 2 * HOUR}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_gives_what_deciding_so_would_have_given(recorded: Town, engine: Engine, name: str) -> None:
    """The oracle is the live decisions of the same homes under the changed settings."""
    said, settings = CHANGES[name]
    expected = endings(live(engine, replace(USUAL, **settings)))
    assert after(recorded, PolicySettings(**said)) == expected
    assert expected != endings(recorded)


def test_what_was_drawn_is_drawn_as_it_was(engine: Engine) -> None:
    found = replayed(live(engine, replace(USUAL, explore=True), seed=2), PolicySettings(explore=True))
    assert (found.unlike, found.moved, found.assumed) == (0, {}, 0)


def test_drawn_offers_in_place_of_the_best_ones_and_back(
    recorded: Town, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle is the live decisions of the same homes; which product it was is compared as well."""
    drawn = live(engine, replace(USUAL, explore=True))
    monkeypatch.setattr(Replayed, "differs", property(lambda _: True))
    assert after(recorded, PolicySettings(explore=True)) == endings(drawn) != endings(recorded)
    assert after(drawn, PolicySettings(explore=False)) == endings(recorded)


def test_lifts_of_which_an_older_record_does_not_say_how_sure_they_were_are_assumed_certain(engine: Engine) -> None:
    town = live(engine, USUAL)
    with db.writing(engine) as connection:
        for row in town.decisions():
            for one in row["trace"]["candidates"]:
                del one["log_lift"]
            mine = tables.decisions.c.id == row["id"]
            connection.execute(tables.decisions.update().where(mine).values(trace=row["trace"]))
    assert replayed(town, PolicySettings(explore=True)).assumed > 0
    assert replayed(town, PolicySettings(cap_day=2)).unlike == 0


def test_a_shorter_cooldown_lets_offers_out_which_count_for_the_next_ones(engine: Engine) -> None:
    """Offered each second day, as the cooldown has it: not each day, though all those were held by what was sent."""
    town = Town(engine, settings=PLAIN)
    town.home("ada", "ada-1")
    for day in range(7):
        town.decide(town.episode("ada", at=NOW + day * DAY, number=day), at=NOW + day * DAY)
    assert [outcome for outcome, _ in town.outcomes()] == ["send", *["suppress"] * 6]
    found = replayed(town, PolicySettings(cooldown_days=2, cap_week=None), since=NOW - DAY)
    assert found.after == {("send", ""): 4, ("suppress", "cooldown"): 3}
    sent = sorted(one.after.at for one in found.changes)
    assert sent == [NOW + day * DAY for day in (2, 4, 6)]
    found = replayed(town, PolicySettings(cooldown_days=2), since=NOW - DAY)
    assert found.after == {("send", ""): 3, ("suppress", "cooldown"): 3, ("suppress", "caps"): 1}


def test_offers_from_before_the_first_day_count(engine: Engine) -> None:
    town = Town(engine, settings=PLAIN)
    town.home("ada", "ada-1")
    town.decide(town.episode("ada"))
    town.decide(town.episode("ada", at=NOW + 3 * DAY, number=2), at=NOW + 3 * DAY)
    found = replayed(town, PolicySettings(cap_day=5), since=NOW + DAY)
    assert found.after == {("suppress", "cooldown"): 1}
    assert replayed(town, PolicySettings(cooldown_days=3), since=NOW + DAY).after == {("send", ""): 1}
    assert replayed(town, PolicySettings(cooldown_days=20), since=NOW).after == {
        ("send", ""): 1,
        ("suppress", "cooldown"): 1,
    }


def test_a_home_that_nobody_has_claimed_stays_without(engine: Engine) -> None:
    town = Town(engine, settings=PLAIN)
    town.home("ada", "ada-1")
    episode = town.episode("ada")
    with db.writing(town.engine) as connection:
        connection.execute(tables.sites.update().values(household=None))
    town.decide(episode)
    found = replayed(town, PolicySettings(cap_day=None))
    assert (found.before, found.unlike) == (found.after, 0)
    assert found.after == {("suppress", "linked"): 1}


@pytest.mark.parametrize("gate", ["cooldown", "caps", "quiet-hours", "arbitration"])
def test_a_policy_without_a_gate_is_told_apart_from_the_record(
    recorded: Town, monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    open_gates = {**GATES, gate: lambda facts: ({}, None)}
    monkeypatch.setattr(policy.decide, "__defaults__", (open_gates,))
    assert replayed(recorded).unlike > 0


def test_nothing_was_decided(engine: Engine) -> None:
    with db.reading(engine) as connection:
        found = replay(connection, START, PolicySettings(cap_day=2))
    assert (found.episodes, found.before, found.after) == (0, {}, {})


def test_settings_are_read_from_a_command_line() -> None:
    found = read_settings(["cap_day=2", "cap_week=none", "quiet_hours=", "holdout=0.2", "explore=false"])
    assert found == PolicySettings(cap_day=2, cap_week=None, quiet_hours="", holdout=0.2, explore=False)
    assert read_settings(["explore=true"]) == PolicySettings(explore=True)
    assert read_settings([]) == NOTHING_CHANGED


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cap_dya=2", "known keys: cap_day"),
        ("cap_day", "KEY=VALUE"),
        ("cap_day=two", "a number from 0 to 1000"),
        ("holdout=1.5", "a number from 0 to 1"),
        ("holdout=nan", "a number from 0 to 1"),
        ("quiet_hours=22-8", "window"),
        ("timezone=Mars/Olympus", "IANA"),
        ("explore=maybe", "expected true or false"),
    ],
)
def test_a_setting_that_is_none_is_named_with_what_is_expected(text: str, told: str) -> None:
    with pytest.raises(CommandError, match=told) as caught:
        read_settings([text])
    assert f"--set {text}" in str(caught.value)


def test_the_command_says_before_and_after_and_what_it_cannot_know(tmp_path: Path) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text(
        f'data_dir = "{tmp_path}/data"\nexplore = false\nquiet_hours = ""\nholdout = 0.0\nneed_holdout = 0.0\n'
    )
    (tmp_path / "data" / "stores" / "main").mkdir(parents=True)
    engine = db.open_database(db.sqlite_url(str(tmp_path / "data" / "stores" / "main" / "aircue.db")))
    town = Town(engine, settings=PLAIN)
    town.home("ada", "ada-1")
    for day in (0, 3):
        town.decide(town.episode("ada", at=NOW + day * DAY, number=day), at=NOW + day * DAY)
    engine.dispose()
    out = tmp_path / "changes.json"
    arguments = ["pushes", "replay", "--since", f"{NOW:%Y-%m-%d}", "--set", "cooldown_days=2", "--json", str(out)]
    done = CliRunner().invoke(main, [*arguments, "--config", str(config)])
    assert done.exit_code == 0, done.output
    assert "suppress: cooldown                     1       0" in done.stdout
    assert "It cannot know: How people react." in done.stdout
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["before"], told["after"]) == ({"send": 1, "suppress: cooldown": 1}, {"send": 2})
    assert json.loads(out.read_text())["changes"][0]["after"]["outcome"] == "send"
