"""Gateways, each with its keys."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from aircue_cloud import db, tables
from aircue_cloud.identity import keys

KIND = "gateway"


def add(connection: Connection, name: str, now: datetime) -> str:
    """The new gateway's key; CommandError where the name is taken or no name. One whose keys were revoked may come
    again."""
    key = keys.add(connection, KIND, name, (), now)
    expect(connection, name, now)
    return key


def expect(connection: Connection, name: str, now: datetime) -> None:
    """From now on there is such a gateway, with or without a key."""
    connection.execute(db.insert_absent(connection, tables.gateways), [{"name": name, "added_at": now}])


def rotate(connection: Connection, name: str, now: datetime, overlap: timedelta = keys.OVERLAP) -> str:
    """A new key for a gateway that is there; the old one holds until the overlap is over."""
    return keys.rotate(connection, KIND, name, now, overlap)


def owner(connection: Connection, key: str, now: datetime) -> str | None:
    """The gateway whose key this is."""
    found = keys.find(connection, key, now)
    return found.owner if found is not None and found.kind == KIND else None


def secrets_of(connection: Connection, name: str, now: datetime) -> list[str]:
    return keys.secrets_of(connection, KIND, name, now)
