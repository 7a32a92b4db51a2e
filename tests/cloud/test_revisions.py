"""What a gateway says later about a reading: its flag changes, and with it the episodes; in any order, once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from tests.cloud.stage import DAMP, DRY, START_MS, Cloud, batch, humidity
from werkzeug.test import TestResponse

from aircue_cloud import db, tables
from aircue_cloud.layers import revisions
from aircue_gateway.batch import Batch, Revision, Status


def revision(minute: int, status: Status, node: str = "bathroom", quantity: str = "humidity") -> Revision:
    """Of the sample that tests.cloud.stage takes in a minute."""
    return Revision(node=node, installation=2779096485, boot=1, sequence=minute + 1, quantity=quantity, status=status)


def revising(number: int, *revisions: Revision) -> Batch:
    return replace(batch(sequence=number), sealed_at_ms=START_MS + number * 1000, revisions=revisions)


def flags(cloud: Cloud) -> dict[int, str]:
    return {row["sequence"] - 1: row["flag"] for row in cloud.readings()}


def taken(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.get_json()
    return found


def test_a_revision_changes_the_flag_of_a_stored_reading_and_nothing_else(cloud: Cloud) -> None:
    cloud.post(batch(humidity([60.0, 99.0, 61.0])))
    before = cloud.readings()
    taken(cloud.post(revising(2, revision(1, Status.SPIKE))))
    assert flags(cloud) == {0: "OK", 1: "SPIKE", 2: "OK"}
    assert [{**row, "flag": ""} for row in cloud.readings()] == [{**row, "flag": ""} for row in before]
    figures = cloud.get("status")
    assert (figures["revised"], figures["unknown_revisions"], figures["readings"]) == (1, 0, 3)


def test_the_latest_state_of_a_node_takes_the_new_flag_over(cloud: Cloud) -> None:
    cloud.post(batch(humidity([60.0, 99.0])))
    cloud.post(revising(2, revision(1, Status.SPIKE), revision(0, Status.STUCK)))
    assert [row["flag"] for row in cloud.rows(tables.node_state)] == ["SPIKE"]


def test_a_batch_with_revisions_that_comes_again_changes_nothing(cloud: Cloud) -> None:
    cloud.post(batch(humidity([60.0, 99.0])))
    for duplicate in (False, True, True):
        assert taken(cloud.post(revising(2, revision(1, Status.SPIKE))))["duplicate"] is duplicate
    assert flags(cloud) == {0: "OK", 1: "SPIKE"}
    assert cloud.get("status")["revised"] == 1


@pytest.mark.parametrize(
    "stray",
    [revision(1, Status.SPIKE, node="cellar"), revision(9, Status.SPIKE), revision(1, Status.SPIKE, quantity="co2")],
)
def test_a_revision_of_a_reading_nobody_has_is_counted_and_harms_nothing(cloud: Cloud, stray: Revision) -> None:
    cloud.post(batch(humidity([60.0, 99.0])))
    taken(cloud.post(revising(2, stray)))
    assert flags(cloud) == {0: "OK", 1: "OK"}
    assert (cloud.get("status")["revised"], cloud.get("status")["unknown_revisions"]) == (0, 1)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_newest_word_holds_in_whatever_order_batches_come(cloud: Cloud, order: tuple[int, ...]) -> None:
    """A fresh batch overtakes those that wait."""
    batches = [
        batch(humidity([60.0, 99.0])),
        revising(2, revision(1, Status.SPIKE), revision(0, Status.SPIKE)),
        revising(3, revision(0, Status.OK)),
    ]
    for place in order:
        taken(cloud.post(batches[place]))
    assert flags(cloud) == {0: "OK", 1: "SPIKE"}


def standing(cloud: Cloud) -> list[Any]:
    """Minutes since START at which the episodes that hold began."""
    return [
        (db.to_ms(row["started_at"]) - START_MS) // 60_000
        for row in cloud.rows(tables.episodes)
        if not row["withdrawn"]
    ]


def test_an_episode_that_stood_on_readings_that_were_none_is_withdrawn_and_comes_back(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DRY + DAMP)))
    assert standing(cloud) == [20]
    cloud.post(revising(2, *(revision(minute, Status.SPIKE) for minute in range(20, 40))))
    assert standing(cloud) == []
    cloud.post(revising(3, *(revision(minute, Status.OK) for minute in range(20, 40))))
    assert standing(cloud) == [20]


def test_a_flag_that_becomes_another_flag_makes_no_reading_trusted(cloud: Cloud) -> None:
    """Also where they are newer than all that is trusted."""
    cloud.post(revising(2, *(revision(minute, Status.SPIKE) for minute in range(1, 40))))
    cloud.post(batch(humidity([60.0, *DAMP, *DAMP[:19]])))
    assert (standing(cloud), flags(cloud)[39]) == ([], "SPIKE")
    cloud.post(revising(3, *(revision(minute, Status.RANGE) for minute in range(1, 40))))
    assert (standing(cloud), flags(cloud)[39]) == ([], "RANGE")


def test_what_is_cleared_counts_together_with_the_new_readings_of_the_same_batch(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP[:8])))
    cloud.post(revising(2, *(revision(minute, Status.SPIKE) for minute in range(8))))
    cleared = revising(3, *(revision(minute, Status.OK) for minute in range(8)))
    cloud.post(replace(cleared, groups=(humidity(dict.fromkeys(range(8, 30), 85.0)),)))
    assert standing(cloud) == [0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (revision(1, Status.GAP), "status of a revision"),
        (revision(1, Status.OK, node="a/b"), "node of a revision"),
        (revision(-5, Status.OK), "sequence of a revision"),
    ],
)
def test_a_revision_no_gateway_writes_is_refused(cloud: Cloud, wrong: Revision, said: str) -> None:
    response = cloud.post(revising(2, wrong))
    assert response.status_code == 422
    assert said in response.get_json()["detail"]


def looked_into(cloud: Cloud, meant: Revision, sealed_at: datetime) -> tuple[list[str], int]:
    """The flags of the readings that a revision means, and how many of the lake's files were opened to find them."""
    lake, opened = cloud.layers.lake, set[str]()
    paths = lake.paths

    def watched(keys: Sequence[str]) -> list[str]:
        opened.update(keys)
        return paths(keys)

    key = (meant.node, meant.installation, meant.boot, meant.sequence, meant.quantity)
    lake.paths = watched  # type: ignore[method-assign]
    with db.reading(cloud.engine) as connection:
        rows = revisions.stored(lake, connection, {key: (int(meant.status), sealed_at)}, [key])
    lake.paths = paths  # type: ignore[method-assign]
    return [str(row["flag"]) for row in rows], len(opened)


def test_a_revision_looks_at_the_days_before_it_however_long_the_lake_is(cloud: Cloud) -> None:
    cloud.clock.now += timedelta(days=200)
    opened = []
    for days in (4, 20):
        for number in range(days):
            minutes = range(number * 1440, number * 1440 + 3)
            cloud.post(batch(humidity(dict.fromkeys(minutes, 60.0)), sequence=number + 1))
        last = (days - 1) * 1440
        sealed_at = db.from_ms(START_MS + (last + 60) * 60_000)
        flags_, files = looked_into(cloud, revision(last, Status.SPIKE), sealed_at)
        assert flags_ == ["OK"]
        opened.append(files)
    assert opened[0] == opened[1] <= 3


def test_one_of_a_reading_of_long_ago_finds_it_too(cloud: Cloud) -> None:
    cloud.clock.now += timedelta(days=200)
    cloud.post(batch(humidity({0: 60.0, 1: 61.0})))
    cloud.post(batch(humidity({100 * 1440: 60.0}), sequence=2))
    late = revising(3, revision(1, Status.SPIKE), revision(100 * 1440, Status.STUCK))
    cloud.post(replace(late, sealed_at_ms=START_MS + 100 * 86_400_000 + 60_000))
    assert flags(cloud) == {0: "OK", 1: "SPIKE", 100 * 1440: "STUCK"}
