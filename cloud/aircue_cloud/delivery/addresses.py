"""Where people can be reached, by channel."""

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, update

from aircue_cloud import tables
from aircue_cloud.delivery.channel import Address

GONE, UNSUBSCRIBED = "gone", "unsubscribed"
MOST = 20  # of one person
Whom: TypeAlias = tuple[str, str | None]  # household, and the person of it; None: all of it
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


def reachable(switched_on: Sequence[str], connection: Connection, whom: Sequence[Whom]) -> list[list[str]]:
    """Of each the channels, of those that are switched on, by which a person is reached, or anybody of the
    household."""
    found = reaching(connection, whom, switched_on)
    return [sorted(found[one]) for one in whom]


def reaching(
    connection: Connection, whom: Sequence[Whom], channels: Sequence[str]
) -> dict[Whom, Mapping[str, Sequence[str]]]:
    """Of each the ids in use by channel: the person's, or everybody's in the household where the push is for all of
    it."""
    if not channels or not whom:
        return {one: {} for one in whom}
    by_person, by_home = defaultdict[str, _ByChannel](_by_channel), defaultdict[str, _ByChannel](_by_channel)
    for row in connection.execute(_REACHING, _asked(whom, channels)):
        by_person[row.person][row.channel].append(row.id)
        by_home[row.household][row.channel].append(row.id)
    return {(home, person): by_home[home] if person is None else by_person[person] for home, person in whom}


_ByChannel = defaultdict[str, list[str]]


def _by_channel() -> _ByChannel:
    return defaultdict(list)


_REACHING = (
    select(_A.id, _A.channel, _A.person, tables.people.c.household)
    .join(tables.people, tables.people.c.id == _A.person)
    .where(
        or_(
            tables.people.c.household.in_(bindparam("homes", expanding=True)),
            _A.person.in_(bindparam("people", expanding=True)),
        ),
        _A.channel.in_(bindparam("channels", expanding=True)),
        _A.ended_at.is_(None),
    )
    .order_by(_A.id)
)


def _asked(whom: Sequence[Whom], channels: Sequence[str]) -> dict[str, list[str]]:
    homes = sorted({home for home, person in whom if person is None})
    people = sorted({person for _, person in whom if person is not None})
    return {"homes": homes, "people": people, "channels": sorted(channels)}
