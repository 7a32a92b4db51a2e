"""Where people can be reached, by channel."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from aircue_cloud import tables
from aircue_cloud.delivery.channel import Address

GONE, UNSUBSCRIBED = "gone", "unsubscribed"
MOST = 20  # of one person
_A = tables.addresses.c


def add(connection: Connection, person: str, channel: str, address: Address, now: datetime) -> str:
    """Its id. The same address again is the same row, in use again; only within db.writing."""
    mark = fingerprint(channel, address)
    row = connection.execute(select(_A.id).where(_A.person == person, _A.fingerprint == mark)).one_or_none()
    if row is not None:
        again = {"ended_at": None, "ended_by": None, "address": dict(address)}
        connection.execute(update(tables.addresses).where(_A.id == row.id).values(again))
        return str(row.id)
    new = {"id": str(uuid.uuid4()), "person": person, "channel": channel, "address": dict(address)}
    connection.execute(insert(tables.addresses), {**new, "fingerprint": mark, "added_at": now})
    return str(new["id"])


def fingerprint(channel: str, address: Address) -> str:
    """Of what tells one address from another: a new secret for the same one changes nothing."""
    told = {name: value for name, value in address.items() if name not in ("secret", "keys")}
    return hashlib.sha256(json.dumps([channel, told], sort_keys=True).encode()).hexdigest()


def remove(connection: Connection, person: str, id_: str) -> bool:
    """False where the person has no such address. What waits for it in the outbox finds it gone."""
    return connection.execute(delete(tables.addresses).where(_A.id == id_, _A.person == person)).rowcount > 0


def end(connection: Connection, id_: str, by: str, now: datetime) -> bool:
    """Out of use from now on; False where it was already."""
    mine = (_A.id == id_, _A.ended_at.is_(None))
    return connection.execute(update(tables.addresses).where(*mine).values(ended_at=now, ended_by=by)).rowcount > 0


def of_person(connection: Connection, person: str) -> list[Row[Any]]:
    query = select(tables.addresses).where(_A.person == person).order_by(_A.added_at, _A.id)
    return list(connection.execute(query))


def in_use(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """By id."""
    query = select(tables.addresses).where(_A.id.in_(ids), _A.ended_at.is_(None))
    return {row.id: row for row in connection.execute(query)}


def reachable(switched_on: Sequence[str], connection: Connection, household: str, person: str | None) -> list[str]:
    """Channels, of those that are switched on, by which a person is reached, or anybody of the household."""
    return sorted(reaching(connection, household, person, switched_on))


def reaching(
    connection: Connection, household: str, person: str | None, channels: Sequence[str]
) -> dict[str, list[str]]:
    """Ids in use by channel: of the person, or of everybody in the household where the push is for all of it."""
    if not channels:
        return {}
    people = tables.people.c
    whose = _A.person == person if person is not None else people.household == household
    query = select(_A.id, _A.channel).join(tables.people, people.id == _A.person)
    found: dict[str, list[str]] = {}
    for row in connection.execute(query.where(whose, _A.channel.in_(channels), _A.ended_at.is_(None)).order_by(_A.id)):
        found.setdefault(row.channel, []).append(row.id)
    return found
