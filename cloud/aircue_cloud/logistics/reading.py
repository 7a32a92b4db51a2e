"""What is asked of parcels: by support, by the order's page, and by the decision whether to offer something again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select

from aircue_cloud import tables
from aircue_cloud.logistics import course

_P = tables.parcels.c


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """contents: pieces by product. state: as was told; standing(now) says Expired of one that fell silent."""

    id: str
    order: str | None
    person: str
    carrier: str
    tracking_number: str
    contents: Mapping[str, int]
    state: str
    tracked_at: datetime
    heard_at: datetime
    promised_at: datetime | None
    expected_at: datetime | None
    delivered_at: datetime | None

    def standing(self, now: datetime) -> str:
        return course.standing(self.state, self.heard_at, now)

    def is_coming(self, now: datetime) -> bool:
        return self.standing(now) in course.COMING

    def delay(self, now: datetime) -> timedelta | None:
        """See course.delay."""
        return course.delay(self.promised_at, self.expected_at, self.delivered_at, now)


def of_order(connection: Connection, order: str) -> list[Parcel]:
    """The first one sent first."""
    return _found(connection, _P.order == order)


def of_person(connection: Connection, person: str, most: int = 50) -> list[Parcel]:
    """The last one sent first."""
    return _found(connection, _P.person == person)[::-1][:most]


def one(connection: Connection, id_: str) -> Parcel | None:
    return next(iter(_found(connection, _P.id == id_)), None)


def listed(
    connection: Connection, *, after: str = "", limit: int = 1000, person: str = "", order: str = ""
) -> list[Parcel]:
    """By id. person, order: only theirs."""
    conditions: list[ColumnElement[bool]] = [_P.id > after]
    conditions += [column == one for column, one in ((_P.person, person), (_P.order, order)) if one]
    query = select(tables.parcels).where(*conditions).order_by(_P.id).limit(limit)
    return [_parcel(row) for row in connection.execute(query)]


def latest(connection: Connection, limit: int, number: str = "") -> list[Parcel]:
    """What was heard of last comes first. number: only parcels with this tracking number."""
    query = select(tables.parcels).order_by(_P.heard_at.desc(), _P.id).limit(limit)
    return [_parcel(row) for row in connection.execute(query.where(_P.tracking_number == number) if number else query)]


def _found(connection: Connection, condition: ColumnElement[bool]) -> list[Parcel]:
    query = select(tables.parcels).where(condition).order_by(_P.tracked_at, _P.id)
    return [_parcel(row) for row in connection.execute(query)]


_FIELDS = tuple(Parcel.__dataclass_fields__)


def _parcel(row: Any) -> Parcel:
    return Parcel(**{name: getattr(row, name) for name in _FIELDS})


_COMING = (
    select(tables.people.c.household, _P.contents)
    .join(tables.people, tables.people.c.id == _P.person)
    .where(tables.people.c.household.in_(bindparam("homes", expanding=True)))
    .where(_P.state.in_(sorted(course.COMING)), _P.heard_at > bindparam("since"))
)


def on_their_way_to(connection: Connection, households: Sequence[str], now: datetime) -> dict[str, frozenset[str]]:
    """By household: products in parcels that have not come, and may still. None for a household without any."""
    found = defaultdict[str, set[str]](set)
    for row in connection.execute(_COMING, {"homes": households, "since": now - course.SILENCE}):
        found[row.household].update(row.contents)
    return {household: frozenset(products) for household, products in found.items()}


def on_their_way(connection: Connection, household: str, now: datetime) -> frozenset[str]:
    """Products in parcels to one household."""
    return on_their_way_to(connection, [household], now).get(household, frozenset())
