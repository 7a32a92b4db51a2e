"""Decisions on the database: whom they are for, what is counted, what comes again, and two workers at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import Connection, Engine, event, func, insert, select, update
from tests.cloud.conftest import new_database
from tests.cloud.stage import NOW, FixedAffinity
from tests.cloud.town import Town

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import kill_switch, preferences, recheck, shopping
from aircue_cloud.decision.decisions import one_by_one
from aircue_cloud.decision.message import version
from aircue_cloud.decision.preferences import HOUSEHOLD, PERSON, Preferences
from aircue_cloud.decision.recheck import Deferred
from aircue_cloud.delivery import addresses, inbox, outbox
from aircue_cloud.homes import personalisation
from aircue_cloud.needs import needs
from aircue_cloud.recommender.asked import NOTHING, Told

NIGHT = NOW.replace(hour=22)  # 23:00 in Berlin
DAY = timedelta(days=1)
BY_MAIL = {"purpose": "marketing", "data_category": "sensor", "channel": "email"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = db.open_database(new_database() or db.sqlite_url(str(tmp_path / "town.db")))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    made = Town(engine)
    made.home("ada", "ada-1", "ada-2")
    return made


def say(town: Town, kind: str, subject: str, **said: Any) -> None:
    with db.writing(town.engine) as connection:
        preferences.store(connection, kind, subject, Preferences(**said), NOW)


class Tastes(FixedAffinity):
    """Each person likes something else."""

    def affinity(self, people: Any, products: Any, told: Told = NOTHING) -> npt.NDArray[np.float64]:
        likes = {("ada-2", "drymax"): 0.5, ("ada-1", "ember"): 0.5}
        return np.array([[likes.get((person, one), 0.01) for one in products] for person in people])


def test_a_push_is_for_whoever_is_most_interested_in_a_remedy(town: Town) -> None:
    town.affinity = Tastes()
    [push] = town.decide(town.episode("ada"))
    assert (push.household, push.person, push.product) == ("ada", "ada-2", "drymax")
    [row] = town.decisions()
    assert (row["person"], row["push"], row["product"], row["arm"]) == ("ada-2", push.id, "drymax", "treatment")
    assert row["propensity"] == 1.0
    assert row["trace"]["why"]["person"] == "ada-2"


def test_who_wants_no_offers_about_a_need_leaves_them_to_the_others(town: Town) -> None:
    town.affinity = Tastes()
    say(town, PERSON, "ada-2", stopped=["damp-air"])
    [push] = town.decide(town.episode("ada"))
    assert push.person == "ada-1"
    say(town, HOUSEHOLD, "ada", snoozed={"*": NOW + DAY})
    assert town.decide(town.episode("ada", "heat"), at=NOW + timedelta(hours=21)) == []
    assert town.outcomes()[-1] == ("suppress", "suppression")


def test_a_household_that_names_nobody_is_pushed_as_a_whole(town: Town) -> None:
    town.home("bob")
    [push] = town.decide(town.episode("bob"))
    assert (push.household, push.person) == ("bob", None)
    assert town.decide(town.episode("bob", "heat"), at=NOW + timedelta(hours=1)) == []
    assert town.outcomes() == [("send", ""), ("suppress", "caps")]


def test_a_message_is_in_the_persons_language_and_names_the_time_of_the_day(town: Town) -> None:
    say(town, PERSON, "ada-1", language="zh")
    first = town.episode("ada", at=NOW - timedelta(hours=3))
    town.end(first.id, NOW - timedelta(hours=2))
    [push] = town.decide(town.episode("ada", number=2))
    assert push.language == "zh"
    [row] = town.decisions()
    template = needs.load().by_name["damp-air"].messages["zh"]
    assert row["trace"]["template"] == push.template == version("damp-air", "zh", template)
    assert version("damp-air", "zh", replace(template, title="Other")) != push.template
    # 08:44 to 10:00, and 11:44 to 11:59: all of the day.
    assert push.message.reason.startswith("您的浴室今天共有1小时31分钟湿度高于80%")


def test_quiet_hours_put_a_push_off_and_everything_is_run_again(town: Town) -> None:
    town.settings = replace(town.settings, quiet_hours="22:00-08:00")
    episode = town.episode("ada", at=NIGHT)
    assert town.decide(episode, at=NIGHT) == []
    [row] = town.decisions()
    morning = (NIGHT + DAY).replace(hour=7)
    assert (row["outcome"], row["scheduled_at"]) == ("defer", morning)
    assert town.due(morning - timedelta(minutes=1)) == []
    [push] = town.due(morning)
    assert push.message.reason == "Your bathroom was above 80 % humidity for 15 min yesterday (it measured 85 %)."
    assert town.due(morning + timedelta(minutes=1)) == []
    assert town.outcomes() == [("defer", "quiet-hours"), ("send", "")]


@pytest.mark.parametrize("what", ["consent", "condition", "switch"])
def test_what_has_changed_by_the_morning_counts(town: Town, what: str) -> None:
    town.settings = replace(town.settings, quiet_hours="22:00-08:00")
    episode = town.episode("ada", at=NIGHT)
    town.decide(episode, at=NIGHT)
    if what == "consent":
        town.consent("ada", granted=False)
    elif what == "condition":
        town.end(episode.id, NIGHT + timedelta(hours=2))
    else:
        with db.writing(town.engine) as connection:
            kill_switch.switch(connection, NIGHT, on=False, reason="a wrong price")
    assert town.due((NIGHT + DAY).replace(hour=7)) == []
    gates = {"consent": "consent", "condition": "expiry", "switch": "kill-switch"}
    assert town.outcomes()[-1] == ("suppress", gates[what])


def test_a_household_that_is_held_out_gets_nothing_and_uses_its_caps_up(town: Town) -> None:
    town.settings = replace(town.settings, holdout=1.0)
    assert town.decide(town.episode("ada")) == []
    assert town.decide(town.episode("ada", "heat"), at=NOW + timedelta(hours=2)) == []
    assert town.decide(town.episode("ada", number=2), at=NOW + 2 * DAY) == []
    assert town.outcomes() == [("ghost", "holdout"), ("suppress", "caps"), ("suppress", "cooldown")]
    row = town.decisions()[0]
    assert (row["arm"], row["product"], row["channel"]) == ("holdout", "drymax", None)
    with db.reading(town.engine) as connection:
        assert connection.execute(select(func.count()).select_from(tables.pushes)).scalar_one() == 0


def test_one_offer_a_person_and_tick_by_margin(town: Town) -> None:
    town.affinity = FixedAffinity(shares={"breeze": 0.05})
    pushes = town.decide(town.episode("ada"), town.episode("ada", "heat"), town.episode("ada", "cold"))
    assert [push.need for push in pushes] == ["heat"]
    assert sorted(town.outcomes()) == [("send", ""), ("suppress", "arbitration"), ("suppress", "arbitration")]


def test_a_tick_knows_what_it_has_decided_before(town: Town) -> None:
    """Two rooms of one home are damp at once, and its people like different things."""
    town.affinity = Tastes()
    first, second = town.episode("ada"), town.episode("ada", number=2)
    assert len(town.decide(first, second, first)) == 1
    assert [outcome for outcome, _ in town.outcomes()].count("send") == 1


@pytest.mark.parametrize(("flag", "outcome"), [("OK", "send"), ("SPIKE", "send"), ("STUCK", "suppress")])
def test_a_sensor_at_fault_silences(town: Town, flag: str, outcome: str) -> None:
    town.add(tables.node_state, _state("humidity", 85.0, flag))
    town.decide(town.episode("ada"))
    assert [row["outcome"] for row in town.decisions()] == [outcome]


@pytest.mark.parametrize(("now", "outcome"), [(19.0, "send"), (17.0, "suppress")])
def test_a_room_that_cools_down_quickly_has_an_open_window(town: Town, now: float, outcome: str) -> None:
    hour = db.to_ms(NOW - timedelta(minutes=1)) // 3_600_000
    high = {"site": "ada-home", "node": "bathroom", "quantity": "temperature", "hour": hour - 1, "scale": 100}
    town.add(tables.hourly, high | {"readings": 60, "low": 2000, "high": 2100, "total": 60 * 2050})
    town.add(tables.node_state, _state("temperature", now, "OK"))
    town.decide(town.episode("ada"))
    assert [row["outcome"] for row in town.decisions()] == [outcome]


def _state(quantity: str, value: float, flag: str) -> dict[str, Any]:
    key = {"site": "ada-home", "node": "bathroom", "quantity": quantity, "installation": 1, "boot": 1, "sequence": 9}
    at = {"measured_at": NOW - timedelta(minutes=1), "ingested_at": NOW, "first_seen_at": NOW}
    return {**key, **at, "value": round(value * 100), "scale": 100, "unit": "", "flag": flag}


def test_the_channels_are_those_that_reach_the_person_and_that_are_agreed_to(town: Town) -> None:
    """What hands over is told where to; the inbox is always among it."""
    told: list[tuple[str, ...]] = []

    def enqueue(connection: Any, push: Any, channels: tuple[str, ...], now: Any) -> bool:
        told.append(channels)
        return inbox.send(connection, push)

    said = {"purpose": "marketing", "data_category": "sensor", "granted": True, "at": NOW, "household": "ada"}
    for channel in ("email", "sns"):
        town.add(tables.consents, said | {"channel": channel, "receipt": channel})
    say(town, PERSON, "ada-1", topics={"*": {"sns": False}})
    reach = lambda _, whom: [("web-push", "email", "sns")] * len(whom)  # noqa: E731  # three words
    [push] = town.decide(town.episode("ada"), hand_over=one_by_one(enqueue), reach=reach)
    assert (told, push.channel) == ([("email", "in-app")], "email")


def test_many_homes_of_one_tick_take_as_many_queries_as_one(town: Town) -> None:
    def queries(*homes: str) -> int:
        told: list[str] = []
        episodes = [town.episode(home) for home in homes]
        with db.writing(town.engine) as connection:
            event.listen(connection, "before_cursor_execute", lambda *said: told.append(said[2]))
            reach = partial(addresses.reachable, ["email", "webhook"])
            decider = town.decider(reach=reach, hand_over=outbox.enqueue_all)
            assert len(decider.about(connection, episodes, NOW)) == len(homes)
        return len(told)

    homes = ["bob", "cleo", "dora"]
    for home in homes:
        town.home(home, f"{home}-1")
        said = {"purpose": "marketing", "data_category": "sensor", "granted": True, "at": NOW, "household": home}
        town.add(tables.consents, said | {"channel": "email", "receipt": f"{home}-email"})
        with db.writing(town.engine) as connection:
            addresses.add(connection, f"{home}-1", "email", {"email": f"{home}@home.example"}, NOW)
    assert queries("bob") == queries("cleo", "dora")


def test_what_stands_in_for_a_model_is_added_up_once_until_something_is_done_or_said(town: Town) -> None:
    def popular(after: timedelta = timedelta()) -> object:
        with db.reading(town.engine) as connection:
            return shopping.lately_popular(connection, NOW + after)

    click = {"person": "ada-1", "product": "drymax", "kind": "click", "weight": 1.0, "at": NOW, "pushed": False}
    first = popular()
    assert popular(shopping.COUNT_KEPT / 2) is first
    assert popular(shopping.COUNT_KEPT) is not first
    changes: list[Callable[[Connection], object]] = [
        lambda c: c.execute(insert(tables.interactions).values(click)),
        lambda c: consents.record(c, "ada", **BY_MAIL, granted=True, now=NOW),
        lambda c: personalisation.keep(c, NOW, on=False, person="ada-1"),
        lambda c: personalisation.keep(c, NOW, on=False, household="ada"),
    ]
    for change in changes:
        before = popular()
        with db.writing(town.engine) as connection:
            change(connection)
        assert popular() is not before


def test_two_workers_and_one_slot_of_a_cap_are_one_send(town: Town) -> None:
    """Each on a connection of its own, at the same moment, about different needs of one person."""
    episodes = [town.episode("ada"), town.episode("ada", "heat"), town.episode("ada", "cold")]
    ready = Barrier(len(episodes))

    def work(number: int) -> None:
        ready.wait()
        town.decide(episodes[number])

    workers = [Thread(target=work, args=(number,)) for number in range(len(episodes))]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sorted(town.outcomes()) == [("send", ""), ("suppress", "caps"), ("suppress", "caps")]


def test_the_household_is_locked_by_itself_where_writers_take_no_turns(town: Town) -> None:
    """On PostgreSQL, without the turn that this program's writers take."""
    if town.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer; set AIRCUE_TEST_DATABASE to a PostgreSQL server")
    episodes, ready = [town.episode("ada"), town.episode("ada", "heat")], Barrier(2)

    def work(number: int) -> None:
        ready.wait()
        with town.engine.connect() as connection, connection.begin():
            town.decider().about(connection, [episodes[number]], NOW)

    workers = [Thread(target=work, args=(number,)) for number in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sorted(town.outcomes()) == [("send", ""), ("suppress", "caps")]


class TestRightBeforeAHandOver:
    @pytest.fixture
    def push(self, town: Town) -> str:
        [push] = town.decide(town.episode("ada"))
        return push.id

    def asked(self, town: Town, push: str, after: timedelta = timedelta(minutes=1), **settings: Any) -> str | None:
        with db.reading(town.engine) as connection:
            asked = replace(town.settings, **settings)
            return recheck.still_wanted(connection, [(push, "in-app")], NOW + after, asked)[0]

    def test_what_is_as_it_was_goes(self, town: Town, push: str) -> None:
        assert self.asked(town, push) is None

    def test_it_ends_with_its_time(self, town: Town, push: str) -> None:
        assert self.asked(town, push, DAY) == "the offer has expired"

    def test_it_ends_with_its_condition(self, town: Town, push: str) -> None:
        town.end("ada-damp-air-1", NOW)
        assert self.asked(town, push) == "the condition is over"
        assert self.asked(town, push, linger=timedelta(hours=1)) is None

    def test_it_ends_with_consent(self, town: Town, push: str) -> None:
        town.consent("ada", granted=False)
        assert self.asked(town, push) == "the household's agreement was withdrawn"

    def test_it_ends_with_the_switch(self, town: Town, push: str) -> None:
        with db.writing(town.engine) as connection:
            kill_switch.switch(connection, NOW, on=False, reason="a wrong price")
        assert self.asked(town, push) == "all pushes are stopped (a wrong price)"

    def test_it_ends_with_the_need_that_was_stopped(self, town: Town, push: str) -> None:
        with db.writing(town.engine) as connection:
            preferences.stop(connection, PERSON, "ada-1", "damp-air", NOW)
        assert self.asked(town, push) == "offers about damp-air were switched off"

    def test_quiet_hours_and_a_snooze_put_it_off(self, town: Town, push: str) -> None:
        quiet = self.asked(town, push, quiet_hours="12:00-14:00")
        assert isinstance(quiet, Deferred)
        assert (quiet, quiet.until.hour) == ("quiet hours (12:00-14:00, Europe/Berlin)", 13)
        with db.writing(town.engine) as connection:
            preferences.snooze(connection, PERSON, "ada-1", "damp-air", NOW + timedelta(hours=3), NOW)
        snoozed = self.asked(town, push)
        assert isinstance(snoozed, Deferred)
        assert snoozed.until == NOW + timedelta(hours=3)

    def test_what_would_be_over_by_then_is_not_put_off(self, town: Town, push: str) -> None:
        late = self.asked(town, push, timedelta(hours=23), quiet_hours="11:00-14:00")
        assert (str(late), isinstance(late, Deferred)) == (
            "quiet hours (11:00-14:00, Europe/Berlin), and by then the offer is over",
            False,
        )

    @pytest.mark.parametrize(
        "said",
        [
            lambda c: kill_switch.switch(c, NOW, on=False, reason="a wrong price"),
            lambda c: consents.record(c, "ada", **BY_MAIL, granted=False, now=NOW),
            lambda c: consents.end_waiting(c, "ada", NOW),
            lambda c: preferences.stop(c, PERSON, "ada-1", "damp-air", NOW),
            lambda c: preferences.snooze(c, HOUSEHOLD, "ada", "*", NOW + DAY, NOW),
            lambda c: personalisation.keep(c, NOW, on=False, household="ada"),
            lambda c: personalisation.keep(c, NOW, on=False, person="ada-1"),
            lambda c: c.execute(update(tables.episodes).values(ended_at=NOW)),
            lambda c: c.execute(update(tables.episodes).values(withdrawn=True)),
        ],
    )
    def test_every_word_that_may_end_it_changes_its_mark(
        self, town: Town, push: str, said: Callable[[Connection], object]
    ) -> None:
        with db.reading(town.engine) as connection:
            before = recheck.marks(connection, [push])
            assert recheck.marks(connection, [push, "nothing"]) == before
        with db.writing(town.engine) as connection:
            said(connection)
        with db.reading(town.engine) as connection:
            assert recheck.marks(connection, [push])[push] != before[push]

    def test_many_are_answered_as_each_alone(self, town: Town, push: str) -> None:
        town.home("bob", "bob-1")
        [other] = town.decide(town.episode("bob"))
        town.consent("bob", granted=False)
        asked = [(other.id, "in-app"), ("nothing", "in-app"), (push, "in-app"), (push, "email")]
        with db.reading(town.engine) as connection:
            told = recheck.still_wanted(connection, asked, NOW, town.settings)
            alone = [recheck.still_wanted(connection, [one], NOW, town.settings)[0] for one in asked]
        gone = "the household's agreement was withdrawn"
        assert told == alone == [gone, recheck.GONE, None, gone]

    def test_what_is_not_there_does_not_go(self, town: Town) -> None:
        assert self.asked(town, "nothing") == recheck.GONE


def test_what_its_cooldown_holds_does_not_stand_in_the_way_of_another_need(town: Town) -> None:
    """Heat comes first by its margin, and was offered against the day before: the damp bathroom has its turn."""
    town.affinity = FixedAffinity(shares={"breeze": 0.05})
    town.decide(town.episode("ada", "heat"))
    later = NOW + 2 * DAY
    pushes = town.decide(town.episode("ada", "heat", later, number=2), town.episode("ada", at=later), at=later)
    assert [push.need for push in pushes] == ["damp-air"]
