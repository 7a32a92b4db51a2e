"""Append-only tables are so in the database itself; erasure and a restore are the two ways that are left."""

from typing import Any

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DBAPIError
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import audit, db, tables
from aircue_cloud.needs import needs, stored
from aircue_cloud.rights import erasure, subject
from aircue_cloud.support import articles
from aircue_cloud.tables import guards


@pytest.fixture
def written(cloud: Cloud) -> Cloud:
    with db.writing(cloud.engine) as connection:
        act = audit.Act(actor="operator olga", action="rights export", target="ada", detail={"of": "ada"})
        audit.append(connection, act, NOW)
        proof = {"id": "1", "at": NOW, "asked_by": "olga", "proof": {"complete": True}}
        connection.execute(tables.erasures.insert(), proof)
        answer = {"title": "Delivery", "body": "A week."}
        articles.save(connection, ("en", "delivery-time"), answer, "operator olga", "", NOW)
        stored.save(connection, "damp-air", needs.load().by_name["damp-air"].document, "operator olga", "", NOW)
        order = {"id": "o-1", "number": 1001, "person": "ada-1", "placed_at": NOW, "currency": "EUR"}
        connection.execute(tables.orders.insert(), order | {"total_minor": 9900, "state": "placed", "token": "t"})
        event = {"order": "o-1", "at": NOW, "kind": "placed", "amount_minor": 0, "key": "placed:o-1"}
        connection.execute(tables.order_events.insert(), event)
        told = {"parcel": "p-1", "key": "1", "at": NOW, "state": "InTransit", "received_at": NOW}
        connection.execute(tables.parcel_events.insert(), told)
    return cloud


CHANGES: list[Any] = [
    *(delete(table) for table in guards.APPEND_ONLY),
    update(tables.audit).values(outcome="refused"),
    update(tables.audit).values(actor="operator vera"),
    update(tables.audit).values(at=NOW.replace(year=2020), actor="erased-1"),
    update(tables.consents).values(granted=False),
    update(tables.consents).values(household="erased-1", granted=False),
    update(tables.consents).values(document={"forged": True}),
    update(tables.erasures).values(asked_by="erased-1"),
    update(tables.need_versions).values(active=False),
    update(tables.article_versions).values(active=False),
    update(tables.order_events).values(amount_minor=9900),
    update(tables.parcel_events).values(state="Delivered"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change)[:60])
def test_a_row_is_neither_changed_nor_taken_away(written: Cloud, change: Any) -> None:
    before = [written.rows(table) for table in guards.APPEND_ONLY]
    assert all(before)
    with pytest.raises(DBAPIError, match="is append-only"), db.writing(written.engine) as connection:
        connection.execute(change)
    assert [written.rows(table) for table in guards.APPEND_ONLY] == before


def test_a_table_is_not_emptied_in_one_go_either(written: Cloud) -> None:
    if written.engine.dialect.name != "postgresql":
        return  # SQLite has no TRUNCATE
    with pytest.raises(DBAPIError, match="is append-only"), db.writing(written.engine) as connection:
        connection.execute(text("TRUNCATE audit"))


def test_erasure_still_puts_a_pseudonym_in_the_place_of_names(written: Cloud) -> None:
    with db.reading(written.engine) as connection:
        ada = subject.household(connection, written.services.lake, "ada")
    proof = erasure.erase(written.engine, ada, [], "operator", NOW)
    assert proof.complete, proof.left
    [row] = [row for row in written.rows(tables.audit) if row["action"] == "rights export"]
    assert (row["actor"], row["target"]) == ("operator olga", proof.pseudonym)
    assert row["detail"] == {"of": proof.pseudonym}
    assert {row["household"] for row in written.rows(tables.consents)} == {proof.pseudonym}


def test_who_lifts_the_guards_puts_them_back(written: Cloud) -> None:
    """As a restore does, within its transaction; one that fails leaves them where they are."""
    with db.writing(written.engine) as connection:
        guards.lift(connection)
        connection.execute(delete(tables.audit))
        guards.put(connection)
    with pytest.raises(RuntimeError):
        lift_and_fail(written)
    with pytest.raises(DBAPIError, match="is append-only"), db.writing(written.engine) as connection:
        connection.execute(delete(tables.consents))


def lift_and_fail(cloud: Cloud) -> None:
    with db.writing(cloud.engine) as connection:
        guards.lift(connection)
        raise RuntimeError
