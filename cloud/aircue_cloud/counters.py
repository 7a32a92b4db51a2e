"""Counts that only grow, kept in the database and changed in the transaction that they count."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from aircue_cloud import db, tables

NAMES = (
    "readings",
    "batches",
    "redelivered_batches",
    "refused_batches",
    "oversized_batches",
    "unknown_keys",
    "duplicates",
    "gaps",
    "suppressed",
    "revised",
    "unknown_revisions",
    "forged_callbacks",
)


def add(connection: Connection, amounts: Mapping[str, int]) -> None:
    rows = [{"name": name, "value": amount} for name, amount in sorted(amounts.items()) if amount]
    if rows:
        connection.execute(db.insert_or_add(connection, tables.counters, "value"), rows)


def read(connection: Connection) -> dict[str, int]:
    stored = {row.name: row.value for row in connection.execute(select(tables.counters))}
    return {name: stored.get(name, 0) for name in NAMES}
