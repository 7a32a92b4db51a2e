"""Many rows in one statement: the same rows as one by one, on both databases."""

from datetime import timedelta
from typing import Any

from sqlalchemy import insert
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import bulk, db, tables

HOUR: dict[str, Any] = {"site": "home-1", "node": "Küche 'ä\" %s 2", "quantity": "co2", "hour": 7, "scale": 1}
MERGED = {"readings": "add", "low": "min", "high": "max", "total": "add"}


def hour(place: int, readings: int, low: int, high: int) -> dict[str, Any]:
    return {**HOUR, "hour": place, "readings": readings, "low": low, "high": high, "total": readings * low}


def test_numbers_are_put_together_where_the_key_is_there_already(cloud: Cloud) -> None:
    with db.writing(cloud.engine) as connection:
        bulk.insert_or_merge(connection, tables.hourly, [hour(7, 2, 5, 9), hour(8, 1, 1, 1)], MERGED)
        bulk.insert_or_merge(connection, tables.hourly, [hour(7, 3, 4, 8), hour(9, 1, -(2**50), 2**50)], MERGED)
    assert cloud.rows(tables.hourly) == [
        {**hour(7, 5, 4, 9), "total": 2 * 5 + 3 * 4},
        hour(8, 1, 1, 1),
        hour(9, 1, -(2**50), 2**50),
    ]


def test_documents_and_instants_come_back_as_they_were(cloud: Cloud) -> None:
    key = {"need": "damp-air", "site": "home-1", "node": "bath"}
    state = {"phase": "firing", "since": 0.1 + 0.2, "peak": None, "armed": True}
    with db.writing(cloud.engine) as connection:
        rows = [{**key, "rule": "a", "state": {}}]
        bulk.insert_or_merge(connection, tables.rule_states, rows, {"rule": "take", "state": "take"})
        rows = [{**key, "rule": "b", "state": state}]
        bulk.insert_or_merge(connection, tables.rule_states, rows, {"rule": "take", "state": "take"})
        bulk.insert(connection, tables.gateways, [{"name": "gw-9", "added_at": NOW}])
    assert cloud.rows(tables.rule_states) == [{**key, "rule": "b", "state": state}]
    assert {row["added_at"] for row in cloud.rows(tables.gateways) if row["name"] == "gw-9"} == {NOW}


def test_an_update_says_how_many_rows_were_there_and_takes_nothing_for_null(cloud: Cloud) -> None:
    later = db.to_ms(NOW + timedelta(hours=1))
    with db.writing(cloud.engine) as connection:
        connection.execute(insert(tables.gateways), {"name": "gw-9", "added_at": NOW})
        rows = [{"added_at": later, "name": "gw-9"}, {"added_at": later, "name": "nobody"}]
        assert bulk.update(connection, tables.gateways, rows, ("name",)) == 1
        assert bulk.update(connection, tables.gateways, [], ("name",)) == 0
    times = {row["name"]: row["added_at"] for row in cloud.rows(tables.gateways)}
    assert times["gw-9"] == NOW + timedelta(hours=1)
