"""Needs on past readings: episodes as the engine has them, cleaning as the gateway does it, decisions as the policy
makes them; files of every kind; the open data; the store's own readings."""

import csv
import gzip
import json
import os
import random
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from tests.cloud.stage import START_MS, Cloud, batch, humidity
from tests.rules import DAMP

from aircue_cloud import db, tables
from aircue_cloud.cli import main
from aircue_cloud.decision.local_time import Window
from aircue_cloud.decision.policy import GATES
from aircue_cloud.decision.preferences import Preferences, Wishes
from aircue_cloud.decision.settings import Caps, Settings
from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.layers.lake import Lake
from aircue_cloud.needs import following, past
from aircue_cloud.needs import needs as shipped
from aircue_cloud.needs.also import Also
from aircue_cloud.needs.around import Around
from aircue_cloud.needs.backtest import (
    CLEANED,
    RAW,
    SOMEBODY,
    TRUSTED,
    Backtest,
    Course,
    Household,
    Values,
    backtest,
    watched,
)
from aircue_cloud.needs.following import Fault, Slice
from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.config import CleaningConfig
from aircue_gateway.episodes import Change, State, step

NEED = replace(shipped.load().by_name["damp-air"], rule=DAMP)
FREE = Caps(day=None, week=None, apart_h=None)
PLAIN = Settings(quiet_hours="", caps=FREE, holdout=0.0, need_holdout=0.0, explore=False, linger=timedelta(days=30))
MINUTE, HOUR = 60.0, 3600.0
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
# Twenty damp minutes in every hour and a half.
SHOWERS = ([60.0] * 30 + [85.0] * 40 + [60.0] * 20) * 4


def course(
    values: Sequence[float], begin: datetime = NOON, node: str = "bathroom", **beside: Sequence[float]
) -> Course:
    """Humidity, and other quantities beside it, each minute."""
    found = {}
    for quantity, some in {"humidity": values, **beside}.items():
        at = begin.timestamp() + np.arange(len(some)) * MINUTE
        found[quantity] = Values(at=at, value=np.array(some, dtype=np.float64))
    return Course(node=node, values=found)


def of(*courses: Course, need: Any = NEED, household: Household = SOMEBODY, **settings: Any) -> Backtest:
    return backtest(need, courses, settings=replace(PLAIN, **settings), household=household)


def outcomes(found: Backtest) -> list[tuple[str, str]]:
    return [(one.outcome, one.gate) for one in found.decisions]


def written(path: Path, rows: Iterable[tuple[Any, ...]], head: str = "node,quantity,measured_at,value") -> Path:
    path.write_text("\n".join([head, *(",".join(str(cell) for cell in row) for row in rows)]) + "\n")
    return path


def rows_of(one: Course) -> list[tuple[Any, ...]]:
    return [
        (one.node, quantity, at, value)
        for quantity, values in one.values.items()
        for at, value in zip(values.at.tolist(), values.value.tolist(), strict=True)
    ]


def read(path: Path, *quantities: str, run: int = past.RUN) -> tuple[list[Course], past.Counted]:
    counted = past.Counted()
    return list(past.from_file(path, quantities or ("humidity",), counted, run)), counted


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["needs", "backtest", *arguments])


# The engine and the cleaning.


def stepped(values: Sequence[tuple[float, float]]) -> list[tuple[float, float | None, float | None]]:
    """Start, end and peak of each episode by the engine's own step, one reading after the other."""
    state, found = State(), list[tuple[float, float | None, float | None]]()
    for at, value in values:
        before = state
        state, change = step(DAMP, state, at, value)
        if change is Change.ENDED:
            found.append((before.since or 0.0, at, before.peak))
    active = state.phase.name in ("FIRING", "RECOVERING")
    return [*found, (state.since or 0.0, None, state.peak)] if active else found


levels = st.sampled_from((60.0, 77.9, 78.0, 79.0, 80.0, 80.5, 85.0, 95.0))
stretches = st.lists(st.tuples(levels, st.integers(1, 40), st.sampled_from((0, 0, 0, 1200, 4000))), max_size=60)


@examples(max_examples=60)
@given(stretches)
def test_episodes_are_those_of_the_engine_one_reading_after_the_other(some: list[tuple[float, int, int]]) -> None:
    at, times, values = 0.0, list[float](), list[float]()
    for level, count, pause in some:
        at += pause
        for _ in range(count):
            at += MINUTE
            times.append(at)
            values.append(level)
    found = following.spans(DAMP, np.array(times), np.array(values))
    told = [(one.started_ms / 1000, None if one.ended_ms is None else one.ended_ms / 1000, one.peak) for one in found]
    assert told == stepped(list(zip(times, values, strict=True)))
    assert all(one.confirmed is not None for one in found)


def noisy(count: int, seed: int = 1) -> tuple[list[float], list[float]]:
    """Simulated: a slow course with spikes of one to three samples and a step now and then."""
    rng, value, found = random.Random(seed), 60.0, list[float]()
    while len(found) < count:
        value = min(70.0, max(30.0, value + rng.choice((-0.3, 0.0, 0.0, 0.3)) + 25 * (rng.random() < 0.002)))
        found += [value + 20] * rng.randint(1, 3) if rng.random() < 0.01 else [value]
    return [30.0 * n for n in range(count)], [round(one, 1) for one in found[:count]]


def test_cleaning_is_the_gateways_pipeline_whatever_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[tuple[float, float]] = []
    stages = pipeline.build(CleaningConfig(), "humidity", lambda at, value: bool(handed.append((at, value))))
    times, values = noisy(3000)
    status = {}
    for at, value in zip(times, values, strict=True):
        status[at] = stages.update(at, value)[0]
        status |= {one.at: Status.OK for one in stages.revised}
        stages.revised.clear()
    for many in (7, 65_536):
        monkeypatch.setattr(following, "_AT_ONCE", many)
        found = following.clean(CleaningConfig(), "humidity", np.array(times), np.array(values))
        assert list(zip(found.at.tolist(), found.value.tolist(), strict=True)) == handed
        assert [Status(code) for code in found.codes.tolist()] == list(status.values())
        assert found.flags["SPIKE"] > 20


def test_spikes_lead_to_episodes_as_measured_and_to_none_once_cleaned() -> None:
    """Three damp samples in a row, of a rule without dwell."""
    values = [60.0] * 200
    for place in range(20, 200, 40):
        values[place : place + 3] = [95.0] * 3
    need = replace(NEED, rule=replace(DAMP, dwell_s=0, keep_s=0))
    found = of(course(values), need=need)
    assert [len(found.sides[name].episodes) for name in (RAW, TRUSTED, CLEANED)] == [5, 0, 0]
    assert found.sides[RAW].crossings == 5
    assert found.flags == {"SPIKE": 15}
    assert found.decisions == ()


def test_faults_are_known_from_the_flagged_reading_to_the_next_sound_one() -> None:
    codes = np.array([Status.OK, Status.STUCK, Status.STUCK, Status.OK, Status.SPIKE, Status.RANGE], dtype=np.uint8)
    found = following.faults(np.arange(6.0), codes)
    assert found == [Fault(1.0, 3.0, "STUCK"), Fault(5.0, np.inf, "RANGE")]
    assert [following.flag_at(found, at) for at in (0.5, 1.0, 2.9, 3.0, 9.0)] == ["OK", "STUCK", "STUCK", "OK", "RANGE"]


def test_slices_hold_every_reading_once() -> None:
    at, value = np.array([0.0, 1.0, 2.0, 50.0, 99.0, 100.0]), np.array([1.0, 5.0, 3.0, 7.0, 2.0, 4.0])
    found = following.slices(at, value, 0.0, 100.0, 10)
    expected = [(0, 2000, 1.0, 3.0, 5.0, 3), (50000, 50000, 7.0, 7.0, 7.0, 1), (99000, 100000, 2.0, 3.0, 4.0, 2)]
    assert found == [Slice(*one) for one in expected]


# Decisions.


def test_an_episode_tells_when_it_began_was_confirmed_ended_and_how_far_it_went() -> None:
    [one] = of(course([60.0] * 10 + [85.0] * 20 + [90.0] * 10 + [60.0] * 30)).sides[TRUSTED].episodes
    assert (one.start, one.confirmed) == (NOON + 10 * _MIN, NOON + 25 * _MIN)
    assert (one.end, one.peak, one.minutes) == (NOON + 50 * _MIN, 90.0, 40.0)


_MIN = timedelta(minutes=1)


def test_the_second_shower_is_held_by_what_was_sent_about_the_first() -> None:
    found = of(course(SHOWERS))
    assert outcomes(found) == [("send", ""), *[("suppress", "cooldown")] * 3]
    assert (len(found.sends), found.held) == (1, {"cooldown": 3})
    assert found.sends[0].at == found.sides[TRUSTED].episodes[0].confirmed
    assert found.sends[0].category == "dehumidifier"


def test_two_rooms_at_once_lead_to_one_offer() -> None:
    found = of(course(SHOWERS[:90], node="bathroom"), course(SHOWERS[:90], node="kitchen"))
    assert sorted(outcomes(found)) == [("send", ""), ("suppress", "arbitration")]
    assert found.nodes == ("bathroom", "kitchen")


def test_the_gates_are_the_policys_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GATES, "cooldown", lambda facts: ({}, None))
    assert outcomes(of(course(SHOWERS))) == [("send", "")] * 4
    assert outcomes(of(course(SHOWERS), caps=Caps(day=2, week=None, apart_h=None)))[2:] == [("suppress", "caps")] * 2


@pytest.mark.parametrize(
    ("zone", "begins", "until"),
    [
        ("Europe/Berlin", "2026-10-24T23:30", "2026-10-25T07:00"),  # the night in which 02:00 comes twice
        ("Europe/Berlin", "2026-03-28T23:30", "2026-03-29T06:00"),  # the one without it
        ("Asia/Kathmandu", "2026-06-10T20:00", "2026-06-11T02:15"),  # +05:45
        ("UTC", "2026-06-10T20:00", "2026-06-11T10:00"),  # nobody knows where: the widest quiet hours
    ],
)
def test_what_begins_in_quiet_hours_is_decided_at_their_end(zone: str, begins: str, until: str) -> None:
    begin = datetime.fromisoformat(begins).replace(tzinfo=UTC)
    household = replace(SOMEBODY, site_zone=zone)
    [one] = of(course([85.0] * 900, begin), household=household, quiet_hours="22:00-08:00").decisions
    assert (one.outcome, one.at) == ("send", datetime.fromisoformat(until).replace(tzinfo=UTC))


def test_what_is_over_by_then_is_not_sent_and_nobody_knew_that_before() -> None:
    late = NOON.replace(hour=23)
    household = replace(SOMEBODY, site_zone="Europe/London")
    short = course([60.0] * 5 + [85.0] * 60 + [60.0] * 60, late)
    [one] = of(short, household=household, quiet_hours="22:00-08:00", linger=timedelta()).decisions
    assert (one.outcome, one.gate, one.at) == ("suppress", "expiry", (late + timedelta(days=1)).replace(hour=7))
    [one] = of(short, household=household, quiet_hours="", linger=timedelta()).decisions
    assert (one.outcome, one.at) == ("send", late + 20 * _MIN)


def test_an_own_wish_goes_before_the_stores_word() -> None:
    wishes = Wishes(person=Preferences(quiet_hours="12:00-13:00", caps={"day": 0}))
    household = replace(SOMEBODY, given=True, site_zone="Europe/London", wishes=wishes)
    assert outcomes(of(course(SHOWERS[:90]), household=household)) == [("suppress", "caps")]
    stopped = replace(household, wishes=Wishes(person=Preferences(stopped=("damp-air",))))
    assert outcomes(of(course(SHOWERS[:90]), household=stopped)) == [("suppress", "suppression")]
    assert outcomes(of(course(SHOWERS[:90]), household=replace(SOMEBODY, consent=None))) == [("suppress", "consent")]


def test_a_window_that_stands_open_holds_the_offer() -> None:
    cold = [21.0] * 40 + [15.0] * 50
    assert outcomes(of(course(SHOWERS[:90], temperature=cold))) == [("suppress", "sensor")]
    assert outcomes(of(course(SHOWERS[:90], temperature=[21.0] * 90))) == [("send", "")]


def test_what_was_assumed_is_said() -> None:
    told = " ".join(of(course(SHOWERS), quiet_hours="22:00-08:00").assumed)
    assert "a household that is made up; nobody said where it lies: zone UTC, quiet hours 20:00-10:00" in told
    assert "nobody is held out" in told
    given_ = replace(SOMEBODY, name="ada", given=True, site_zone="Asia/Kathmandu")
    told = " ".join(of(course(SHOWERS), household=given_, holdout=0.1).assumed)
    assert "household ada of the store; its zone is Asia/Kathmandu" in told
    assert "held out: 10% of all" in told


# Needs with conditions.


def test_what_a_need_asks_of_the_room_besides_is_known_as_of_the_decision() -> None:
    warm = replace(NEED, also=(Also(source="room", quantity="temperature", above=22.0, fresh_s=1800.0),))
    rising = [20.0] * 60 + [23.0] * 300
    found = of(course(SHOWERS, temperature=rising), need=warm)
    assert outcomes(found) == [("suppress", "conditions"), ("send", ""), *[("suppress", "cooldown")] * 2]
    assert found.missing == ()


def test_a_condition_that_is_worth_waiting_for_is_asked_again() -> None:
    also = Also(source="room", quantity="temperature", above=22.0, fresh_s=1800.0, wait_s=600.0)
    found = of(course([85.0] * 120, temperature=[20.0] * 50 + [23.0] * 70), need=replace(NEED, also=(also,)))
    [one] = found.decisions
    assert (one.outcome, one.at) == ("send", NOON + 55 * _MIN)  # confirmed after 15, asked at 25, 35, 45, 55


def test_what_is_derived_and_what_takes_weeks_is_reckoned_from_the_readings() -> None:
    dew = replace(NEED, also=(Also(source="room", quantity="dew_point", above=19.0, fresh_s=1800.0),))
    assert outcomes(of(course(SHOWERS[:90], temperature=[25.0] * 90), need=dew)) == [("send", "")]
    assert outcomes(of(course(SHOWERS[:90], temperature=[15.0] * 90), need=dew)) == [("suppress", "conditions")]
    mould = replace(NEED, also=(Also(source="room", quantity="mould_index", above=0.1, fresh_s=7200.0),))
    days = 24 * 60 * 20
    growing = course([60.0] * 60 + [97.0] * days, temperature=[25.0] * (days + 60))
    assert outcomes(of(growing, need=mould)) == [("suppress", "conditions")]
    around = Around({name: (values.at, values.value) for name, values in growing.values.items()})
    later = around.known(NOON + timedelta(days=19), frozenset(["mould_index"]))
    assert later["room", "mould_index"][0].value > 0.5


def test_the_calendar_is_asked_on_the_homes_clock() -> None:
    evening = replace(NEED, also=(Also(source="calendar", hours=Window.read("17:30-18:30")),))
    nepal = replace(SOMEBODY, site_zone="Asia/Kathmandu")
    assert outcomes(of(course(SHOWERS[:90]), need=evening, household=nepal)) == [("suppress", "conditions")]
    early = course(SHOWERS[:90], NOON - 40 * _MIN)  # confirmed at 12:05 UTC, 17:50 in Kathmandu
    assert outcomes(of(early, need=evening, household=nepal)) == [("send", "")]


def test_what_nobody_can_know_of_a_room_is_taken_to_hold_and_said() -> None:
    rain = replace(NEED, also=(Also(source="outdoor", quantity="rain", above=0.5),))
    found = of(course(SHOWERS[:90]), need=rain)
    assert outcomes(found) == [("send", "")]
    assert "taken to hold: outdoor rain, above 0.5" in found.assumed


def test_what_a_need_asks_for_and_nobody_measured_is_named() -> None:
    dew = replace(NEED, also=(Also(source="room", quantity="dew_point", above=19.0, fresh_s=1800.0),))
    assert of(course(SHOWERS), need=dew).missing == ("temperature",)
    found = of(Course(node="hall", values={"temperature": course(SHOWERS).values["humidity"]}))
    assert (found.missing, found.decisions, found.first) == (("humidity",), (), None)


def test_readings_of_rooms_are_refused_for_a_need_that_none_triggers() -> None:
    with pytest.raises(SettingsError, match=r"outdoor rain triggers it.*say --weather FILE in its place, or leave"):
        watched(shipped.load().by_name["rainy-way"])


# Files.


def test_rows_may_stand_in_any_order_and_come_twice(tmp_path: Path) -> None:
    """A clock that goes back, a backlog behind live readings, and what was sent again."""
    one, other = course(SHOWERS), course(SHOWERS[45:], node="kitchen")
    rows = [*rows_of(one), *rows_of(other)]
    straight, _ = read(written(tmp_path / "a.csv", rows))
    mixed = rows + rows[100:300]
    random.Random(1).shuffle(mixed)
    for run in (past.RUN, 150):
        found, counted = read(written(tmp_path / "b.csv", mixed), run=run)
        assert (counted.readings, counted.repeated) == (len(mixed), 200)
        assert [one.node for one in sorted(found, key=lambda one: one.node)] == ["bathroom", "kitchen"]
        for left, right in zip(straight, sorted(found, key=lambda one: one.node), strict=True):
            assert left.values["humidity"].at.tolist() == right.values["humidity"].at.tolist()
            assert left.values["humidity"].value.tolist() == right.values["humidity"].value.tolist()
    assert not list(Path(past.tempfile.gettempdir()).glob("aircue-past-*"))


def test_of_one_instant_the_first_reading_counts(tmp_path: Path) -> None:
    rows = [("a", "humidity", 60, 50.0), ("a", "humidity", 0, 40.0), ("a", "humidity", 60.0004, 70.0)]
    [one], counted = read(written(tmp_path / "a.csv", rows))
    assert one.values["humidity"].value.tolist() == [40.0, 50.0]
    assert counted.repeated == 1


def test_a_bad_row_is_named_with_its_line_and_costs_no_other(tmp_path: Path) -> None:
    rows = rows_of(course(SHOWERS))
    bad = [
        ("bathroom", "humidity", "yesterday", 50),
        ("bathroom", "humidity", 5, "wet"),
        ("bathroom", "humidity", 6, "nan"),
        ("", "humidity", 7, 50),
        ("bathroom", "moisture", 8, 50),
    ]
    path = written(tmp_path / "a.csv", [*rows[:10], *bad, *rows[10:], ("bathroom", "humidity", 9, "")])
    [one], counted = read(path)
    assert one.values["humidity"].value.tolist() == SHOWERS
    assert (counted.bad_rows, [bad.line for bad in counted.bad]) == (5, [12, 13, 14, 15, 16])
    assert (counted.rows, counted.empty) == (len(rows) + 6, 1)
    done = asked("--need", "damp-air", "--readings", str(path))
    assert done.exit_code == 0, done.output
    assert f"{path}: line 12: measured_at = 'yesterday': expected ISO 8601" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["bad_rows"] == 5


def test_a_file_that_is_none_says_what_it_should_be(tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(CommandError, match="does not name node, quantity, measured_at, value"):
        read(empty)
    with pytest.raises(CommandError, match="No such file"):
        read(tmp_path / "nowhere.csv")
    done = asked("--need", "damp-air", "--readings", str(empty))
    assert (done.exit_code, "expected node, quantity, measured_at, value" in done.stderr) == (1, True)


def test_a_file_without_rows_or_without_the_quantity_says_so(tmp_path: Path) -> None:
    head = written(tmp_path / "head.csv", [])
    other = written(tmp_path / "other.csv", [("hall", "co2", 0, 500), ("hall", "temperature", 0, 20)])
    for path in (head, other):
        picture = tmp_path / "a.png"
        done = asked("--need", "damp-air", "--readings", str(path), "--plot", str(picture))
        assert done.exit_code == 0, done.output
        assert "nothing was measured of humidity" in done.stdout
        assert json.loads(done.stdout.splitlines()[-1])["missing"] == ["humidity"]
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert "1 of other quantities" in done.stdout


def test_a_gap_neither_begins_nor_ends_an_episode(tmp_path: Path) -> None:
    """Damp for ten minutes, silent for five hours, damp for ten more: the silence counts for nothing."""
    first, second = [85.0] * 10, [85.0] * 10 + [60.0] * 20
    later = course(second, NOON + timedelta(hours=5))
    rows = [*rows_of(course(first)), *rows_of(later)]
    [one], _ = read(written(tmp_path / "a.csv", rows))
    [episode] = of(one).sides[TRUSTED].episodes
    assert (episode.start, episode.confirmed) == (NOON, NOON + timedelta(hours=5, minutes=6))


def test_another_unit_and_json_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [{"node": "a", "quantity": "temperature", "measured_at": n, "value": 50.0, "unit": "°F"} for n in (0, 60)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    [one], _ = read(path, "temperature")
    assert one.values["temperature"].value.tolist() == pytest.approx([10.0, 10.0])


# The command.


def test_the_command_tells_episodes_decisions_and_assumptions_and_draws_them(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", rows_of(course(SHOWERS)))
    need = tmp_path / "wet.toml"
    shipped_ = Path(shipped.__file__).with_name("damp-air.toml").read_text()
    need.write_text(shipped_.replace("enter = 80", "enter = 82").replace("exit = 78", "exit = 81"))
    out, picture = tmp_path / "out.json", tmp_path / "a.svg"
    arguments = ["--need", str(need), "--readings", str(path), "--zone", "Asia/Kathmandu", "--json", str(out)]
    done = asked(*arguments, "--plot", str(picture))
    assert done.exit_code == 0, done.output
    assert "wet: humidity above 82 (exit 81) for 15 min" in done.stdout
    assert "bathroom  10 Jun 2026 18:15 - 10 Jun 2026 19:05" in done.stdout
    assert "of 4 episodes 1 led to an offer; held by: cooldown 3" in done.stdout
    assert "assumed: nobody is held out" in done.stdout
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["raw"]["episodes"], told["cleaned"]["episodes"], told["sends"]) == (4, 4, 1)
    document = json.loads(out.read_text())
    assert len(document["episodes"]["trusted"]) == len(document["decided"]) == 4
    assert document["decided"][1]["gate"] == "cooldown"
    assert "</svg>" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--need", "dump-air"], "known are"),
        (["--need", "nowhere.toml"], "there is no such file"),
        (["--need", "damp-air", "--plot", "a.gif"], "name the picture .svg or .png"),
        (["--need", "damp-air", "--zone", "Mars/Olympus"], "IANA"),
        (["--need", "rainy-way"], "outdoor rain triggers it"),
        (["--need", "damp-air", "--cleaning", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_is_asked_wrongly_is_named(tmp_path: Path, arguments: list[str], told: str) -> None:
    path = written(tmp_path / "a.csv", rows_of(course(SHOWERS)))
    done = asked(*arguments, "--readings", str(path))
    assert (done.exit_code, told in done.stderr) == (1, True), done.output


# The store's readings.


def from_store(cloud: Cloud, since_ms: int = 0, site: str | None = None) -> tuple[list[Course], Household]:
    cloud.settle()
    with db.reading(cloud.engine) as connection:
        name = past.site_of(connection, site)
        lake: Lake = cloud.layers.lake
        courses = past.from_lake(connection, lake, name, db.from_ms(since_ms), ("humidity", "temperature"))
        return list(courses), past.household_of(connection, name)


def test_on_the_stores_readings_it_finds_what_the_cloud_found(cloud: Cloud) -> None:
    """Episodes and their outcomes, as they were stored while the readings came in."""
    values = [60.0] * 5 + [84.0, 99.0, *[85.0] * 20, *[60.0] * 20, *[None] * 3, *[86.0] * 30]
    first, second = humidity(values[:40]), humidity(dict(enumerate(values[40:], start=40)))
    spike = replace(first.samples[6], statuses=(Status.SPIKE,))
    cloud.post(batch(replace(first, samples=(*first.samples[:6], spike, *first.samples[7:]))))
    cloud.post(batch(second, sequence=2))
    courses, household = from_store(cloud)
    assert (household.name, household.given, household.consent) == ("ada", True, True)
    found = of(*courses, household=household)
    assert len(found.sides[RAW].episodes) == 2
    assert found.sides[RAW].episodes[0].peak == 99.0
    stored = [(row["started_at"], row["ended_at"], row["peak"]) for row in cloud.rows(tables.episodes)]
    assert [(one.start, one.end, one.peak) for one in found.sides[TRUSTED].episodes] == sorted(stored)
    live = [row["outcome"] for row in cloud.rows(tables.decisions)]
    assert [one.outcome for one in found.decisions] == live == ["send", "suppress"]


def test_only_the_days_that_are_asked_for_are_read(cloud: Cloud) -> None:
    cloud.post(batch(humidity([60.0] * 30)))
    [one], _ = from_store(cloud, START_MS + 7 * 60_000)
    assert one.values["humidity"].at[0] * 1000 == START_MS + 7 * 60_000


def test_a_site_must_be_known_and_named_where_there_are_several(cloud: Cloud) -> None:
    with pytest.raises(CommandError, match="site nowhere is not known; known are: home-1"):
        from_store(cloud, site="nowhere")
    cloud.add(tables.sites, {"id": "home-2", "household": None, "tz": "Asia/Kathmandu"})
    with pytest.raises(CommandError, match="say which site with --site; known are: home-1, home-2"):
        from_store(cloud)
    _, household = from_store(cloud, site="home-2")
    assert (household.given, household.site_zone) == (False, "Asia/Kathmandu")


def test_the_command_reads_the_store(cloud: Cloud, tmp_path: Path) -> None:
    cloud.post(batch(humidity([60.0] * 5 + [85.0] * 40)))
    config = tmp_path / "cloud.toml"
    folder = cloud.folder.parent.parent
    database = f'database_url = "{cloud.database_url}"\n' if cloud.database_url else ""
    config.write_text(
        f'data_dir = "{folder}"\nquiet_hours = ""\nlinger_h = 720\nholdout = 0.0\nneed_holdout = 0.0\n{database}'
    )
    done = asked("--need", "damp-air", "--days", "3660", "--config", str(config))
    assert done.exit_code == 0, done.output
    assert "of 1 episodes 1 led to an offer" in done.stdout
    assert "household ada of the store" in done.stdout


def test_the_commands_of_the_documentation_run(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.post(batch(humidity([60.0] * 5 + [85.0] * 40)))
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "readings.csv", rows_of(course(SHOWERS)))
    Path("weather.csv").write_text('area,hour,condition\n"52.5,13.4",2026-06-10T12:00:00Z,rain\n')
    Path("wet.toml").write_text(Path(shipped.__file__).with_name("damp-air.toml").read_text())
    database = f'database_url = "{cloud.database_url}"\n' if cloud.database_url else ""
    Path("cloud.toml").write_text(f'data_dir = "{cloud.folder.parent.parent}"\n{database}')
    page = (Path(__file__).parents[2] / "docs" / "push.md").read_text()
    section = page.partition("## Trying a need on past data\n")[2].partition("\n## ")[0]
    commands = re.findall(r"^    aircue-cloud (.*)$", section, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["backtest", "backtest", "backtest", "replay"]
    for command in commands:
        done = CliRunner().invoke(main, shlex.split(command))
        assert done.exit_code == 0, done.output
        json.loads(done.stdout.splitlines()[-1])
    assert "</svg>" in Path("damp-air.svg").read_text()


# The open data.

needs_data = pytest.mark.skipif(
    not os.environ.get("AIRCUE_DATA"), reason="AIRCUE_DATA names no data sets (docs/data-sets.md)"
)


def opened(name: str) -> Any:
    return gzip.open(Path(os.environ["AIRCUE_DATA"]) / name, "rt", newline="", encoding="utf-8")


def crossing(enter: float, leave: float) -> Any:
    return replace(NEED, rule=replace(DAMP, enter=enter, exit=leave, dwell_s=0, keep_s=0))


@needs_data
def test_of_a_noisy_sensors_35_crossings_one_episode_is_left(tmp_path: Path) -> None:
    with opened("pi_dht22/messages.json.gz") as file:
        messages = [one for one in json.load(file) if one["device"] == "iot-device-01"]
    rows = [(one["device"], "humidity", one["ts"], round(one["data"]["humidity"], 1)) for one in messages]
    found = of(*read(written(tmp_path / "pi.csv", rows))[0], need=crossing(75, 73))
    assert found.sides[RAW].crossings == 35
    assert len(found.sides[RAW].episodes) == 5
    assert len(found.sides[CLEANED].episodes) == 1


@needs_data
def test_of_a_real_bathrooms_showers_cleaning_takes_none_away(tmp_path: Path) -> None:
    with opened("home_climate/house.csv.gz") as file:
        rows = [("bathroom", "humidity", row["date"], row["RH_5"]) for row in csv.DictReader(file)]
    found = of(*read(written(tmp_path / "house.csv", rows))[0], need=crossing(80, 78))
    assert [found.sides[name].crossings for name in (RAW, CLEANED)] == [49, 49]
    assert [len(found.sides[name].episodes) for name in (RAW, CLEANED)] == [48, 48]
