"""Engagement by channel from the tables: who got what through which channel, and turned to it; and what a decision
makes of it and keeps."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from tests.cloud.conftest import new_database
from tests.cloud.stage import NOW
from tests.cloud.town import NEEDS, Town

from aircue_cloud import db, tables
from aircue_cloud.decision import engaging
from aircue_cloud.decision.channels import Engagement, Own
from aircue_cloud.delivery.addresses import Whom
from aircue_cloud.outcomes import learnt
from aircue_cloud.outcomes.report import Terms

DAY = timedelta(days=1)
HOMES = 44


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    engine: Engine = db.open_database(new_database() or db.sqlite_url(str(tmp_path / "town.db")))
    yield Town(engine)
    engine.dispose()


def received(
    town: Town, home: str, channel: str, number: int, *, ago: timedelta, clicked: bool, addresses: int = 1
) -> None:
    """A push that was handed over through a channel."""
    at, id_ = NOW - ago, f"{home}-{channel}-{number}"
    town.episode(home, at=at, number=number)
    text = {"title": "t", "text": "t", "reason": "r", "trigger": {}}
    what = {"need": "damp-air", "episode": f"{home}-damp-air-{number}", "product": "drymax", "category": "dehumidifier"}
    town.add(tables.pushes, {"id": id_, "household": home, "person": f"{home}-1", "created_at": at, **what, **text})
    row = {"push": id_, "attempts": 1, "ready_at": at, "expires_at": at + DAY, "created_at": at, "done_at": at}
    inbox = {**row, "id": f"{id_}-inbox", "channel": "in-app", "place": 0, "state": "handed"}
    sent = [{**row, "id": f"{id_}-{n}", "channel": channel, "place": 1, "state": "handed"} for n in range(addresses)]
    spare = {**row, "id": f"{id_}-spare", "channel": "sns", "place": 2, "state": "spare"}
    town.add(tables.outbox, inbox, *sent, spare)
    if clicked:
        click = {"person": f"{home}-1", "product": "drymax", "kind": "click", "weight": 1.0, "pushed": True}
        town.add(tables.interactions, *({**click, "push": id_, "at": at + timedelta(hours=n)} for n in (1, 2)))


def everybody(town: Town) -> list[Engagement]:
    with db.reading(town.engine) as connection:
        return engaging.everybody(connection, NOW)


def test_a_push_counts_once_for_the_channel_it_was_handed_to_and_once_as_turned_to(town: Town) -> None:
    for number in range(20):
        town.home(f"h{number}", f"h{number}-1")
        received(town, f"h{number}", "web-push", 1, ago=30 * DAY, clicked=number < 3, addresses=2)
    assert everybody(town) == [Engagement(channel="web-push", received=20, turned_to=3)]


def test_a_channel_that_reached_fewer_than_20_households_or_long_ago_is_not_told_of(town: Town) -> None:
    for number in range(20):
        town.home(f"h{number}", f"h{number}-1")
        received(town, f"h{number}", "email", 1, ago=(181 if number == 0 else 2) * DAY, clicked=True)
    assert everybody(town) == []


def test_of_one_person_it_says_what_is_recent(town: Town) -> None:
    town.home("ada", "ada-1")
    town.home("bob", "bob-1")
    received(town, "ada", "email", 1, ago=40 * DAY, clicked=True)
    received(town, "ada", "email", 2, ago=2 * DAY, clicked=False)
    received(town, "ada", "web-push", 3, ago=8 * DAY, clicked=False)
    received(town, "bob", "email", 1, ago=DAY, clicked=True)
    with db.reading(town.engine) as connection:
        found = engaging.own(connection, [("ada", "ada-1"), ("ada", None), ("bob", "bob-1")], NOW)
    assert found == {
        ("ada", "ada-1"): [
            Own(channel="email", received=2, turned_to=1, recent=1),
            Own(channel="web-push", received=1, turned_to=0, recent=0),
        ],
        ("bob", "bob-1"): [Own(channel="email", received=1, turned_to=1, recent=1)],
    }


def agreeing(town: Town) -> None:
    town.home("ada", "ada-1")
    said = {"purpose": "marketing", "data_category": "sensor", "granted": True, "at": NOW, "household": "ada"}
    town.add(tables.consents, *(said | {"channel": one, "receipt": one} for one in ("email", "web-push")))


def reach(_connection: Any, whom: Sequence[Whom]) -> list[list[str]]:
    return [["web-push", "email"]] * len(whom)


def learn(town: Town) -> None:
    learnt.refresh(town.engine, NEEDS, Terms(now=NOW))


def test_a_decision_leaves_behind_the_channel_that_nobody_clicks_and_keeps_why(town: Town) -> None:
    for number in range(HOMES):
        channel = "email" if number % 2 else "web-push"
        town.home(f"h{number}", f"h{number}-1")
        received(town, f"h{number}", channel, 1, ago=30 * DAY, clicked=number % 6 == 1)
    agreeing(town)
    learn(town)
    [push] = town.decide(town.episode("ada"), reach=reach)
    assert push.channel == "email"
    kept = {one["channel"]: one for one in town.decisions()[-1]["trace"]["channel_values"]}
    assert kept["email"]["everybody"] == [22, 8]
    assert kept["web-push"]["everybody"] == [22, 0]
    assert kept["email"]["value"] > kept["web-push"]["value"]
    assert kept["email"]["recent"] == 0


def test_few_data_change_no_order(town: Town) -> None:
    """Three pushes that nobody clicked: Web Push, the cheaper one, comes first as it did before."""
    agreeing(town)
    for number in range(1, 4):
        received(town, "ada", "web-push", number, ago=(20 + 20 * number) * DAY, clicked=False)
    learn(town)
    [push] = town.decide(town.episode("ada", number=9), reach=reach)
    assert push.channel == "web-push"


def test_what_was_used_often_lately_waits(town: Town) -> None:
    agreeing(town)
    for number in range(1, 3):
        received(town, "ada", "web-push", number, ago=number * DAY, clicked=False)
    [push] = town.decide(town.episode("ada", number=9), reach=reach)
    assert push.channel == "email"
