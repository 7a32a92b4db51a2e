"""Homes that join at once: a turn of the layers costs as many statements and looks at the lake for many as for one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from tests.cloud.stage import DAMP, DRY, Cloud, batch, humidity

from aircue_cloud import tables
from aircue_cloud.layers.lake import Lake
from aircue_gateway.batch import encode


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    said: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


def joining(cloud: Cloud, sequence: int, homes: range, course: Mapping[int, float]) -> list[str]:
    """What one turn says to the database that takes up a batch with the bathrooms of these homes."""
    groups = [humidity(course, site=f"home-{home}", node=f"bathroom-{home}") for home in homes]
    cloud.services.intake.take("gw-1", encode(batch(*groups, sequence=sequence)))
    with statements(cloud.engine) as said:
        assert cloud.layers.work() == 1
    return said


@pytest.mark.parametrize("values", [DAMP, DRY], ids=["damp", "dry"])
def test_many_homes_join_with_as_many_statements_as_one(cloud: Cloud, values: list[float]) -> None:
    course = dict(enumerate(values))
    joining(cloud, 1, range(10, 11), course)  # what is read once is read
    few = joining(cloud, 2, range(11, 13), course)
    many = joining(cloud, 3, range(20, 50), course)
    assert list(map(_what, many)) == list(map(_what, few))
    episodes = cloud.rows(tables.episodes)
    assert len(episodes) == (33 if values is DAMP else 0)
    assert len(cloud.rows(tables.decisions)) == len(episodes)
    assert [row["fields"]["event"] for row in cloud.rows(tables.feed) if row["kind"] == "episode"] == (
        ["started"] * len(episodes)
    )


def test_the_damp_ends_in_many_homes_with_as_many_statements_to_read_as_in_one(cloud: Cloud) -> None:
    """Each episode that ends is a row that changes; what is read for them is read together."""
    joining(cloud, 1, range(10, 12), dict(enumerate(DAMP)))
    joining(cloud, 2, range(20, 50), dict(enumerate(DAMP)))
    after = dict.fromkeys(range(20, 90), 50.0)
    few, many = joining(cloud, 3, range(10, 12), after), joining(cloud, 4, range(20, 50), after)
    assert not any(row["open"] for row in cloud.rows(tables.episodes))
    assert _reads(many) == _reads(few)


def _what(statement: str) -> str:
    """Without how many it asks for."""
    return statement.partition("(")[0]


def _reads(said: list[str]) -> list[str]:
    return [_what(one) for one in said if one.startswith("SELECT")]


def test_the_lake_is_not_asked_for_the_past_of_a_home_that_has_none(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(Lake, "open", lambda *_args, **_named: opened.append("lake"))
    joining(cloud, 1, range(10, 30), dict(enumerate(DAMP)))
    assert opened == []
