"""Parcels as they are kept: a new one is tracked, and what carriers tell is added to it.

Errors: CommandError where somebody names what is not there.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta, field
from sqlalchemy import Connection, insert, select, update

from aircue_cloud import db, keyed, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Body, Id, Moment, Reason
from aircue_cloud.logistics import course
from aircue_cloud.logistics.course import Event
from aircue_cloud.orders import reading as orders

_P, _E = tables.parcels.c, tables.parcel_events.c
# How far an event may be ahead of our clock: some carriers tell local time without its zone.
AHEAD = timedelta(hours=15)

Number = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./-]{3,63}$(?!\n)",
        description="4 to 64 letters, digits, space, . / and -, a letter or digit first",
    ),
]
Pieces = Annotated[int, Meta(ge=1, le=1_000_000)]


class Tracked(Body):
    """A parcel that somebody sends. person and contents, pieces by product, are the order's unless given; what has no
    order has both. promised_at: when the person was told it comes."""

    carrier: Id
    tracking_number: Number
    order: Id | None = None
    person: Id | None = None
    contents: Annotated[dict[Id, Pieces], Meta(max_length=1000)] = field(default_factory=dict)
    promised_at: Moment | None = None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a carrier tells of one of its parcels."""

    tracking_number: str
    events: Sequence[Event]


@dataclass(frozen=True, kw_only=True)
class Added:
    """Events: new ones, those that were there, and those of a time to come, which are not taken. unknown: numbers of
    parcels that nobody tracks here."""

    new: int = 0
    known: int = 0
    untimely: int = 0
    unknown: tuple[str, ...] = ()

    def and_(self, other: "Added") -> "Added":
        unknown = dict.fromkeys((*self.unknown, *other.unknown))
        return Added(
            new=self.new + other.new,
            known=self.known + other.known,
            untimely=self.untimely + other.untimely,
            unknown=tuple(unknown),
        )


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A parcel that can be tracked."""

    carrier: str
    tracking_number: str
    order: str | None
    person: str
    contents: Mapping[str, int]
    promised_at: datetime | None


def sent(connection: Connection, asked: Tracked) -> Sent | Reason:
    """With what its order says; or why it cannot be tracked: to nobody, nothing, or what is no product."""
    order = None if asked.order is None else orders.one(connection, asked.order)
    if asked.order is not None and order is None:
        return _unlike("order", asked.order, "an order of this store", "leave it out for a sale made elsewhere")
    person = asked.person or (order.person if order is not None else "")
    if not keyed.present(connection, tables.people.c.id, [person]) or (order is not None and order.person != person):
        return _unlike("person", person or "missing", "the order's person, or one that is known", "name another")
    contents = asked.contents or ({line.product: line.quantity for line in order.lines} if order is not None else {})
    unknown = sorted(contents.keys() - keyed.present(connection, tables.products.c.id, list(contents)))
    if unknown or not contents:
        expected = "pieces by product, of products that are known"
        return _unlike("contents", ", ".join(unknown) or "missing", expected, "PUT them to /api/v1/products/ID first")
    own = {name: getattr(asked, name) for name in ("carrier", "tracking_number", "order", "promised_at")}
    return Sent(person=person, contents=contents, **own)


def _unlike(field: str, found: str, expected: str, remedy: str) -> Reason:
    return Reason(field=field, found=found, expected=expected, remedy=remedy)


def track(connection: Connection, parcel: Sent, now: datetime) -> tuple[str, bool]:
    """Its id, and whether it is new: of one carrier a number is one parcel. Only within db.writing. CommandError where
    the number is another person's or order's."""
    same = (_P.carrier == parcel.carrier, _P.tracking_number == parcel.tracking_number)
    found = connection.execute(select(tables.parcels).where(*same)).one_or_none()
    if found is not None:
        if (found.person, found.order) != (parcel.person, parcel.order):
            number = f"{parcel.carrier} {parcel.tracking_number}"
            raise CommandError(f"parcel {number} is there already, of another person or order: check the number")
        return str(found.id), False
    id_ = str(uuid.uuid4())
    row = {"id": id_, "state": course.PENDING, "tracked_at": now, "heard_at": now, **asdict(parcel)}
    connection.execute(insert(tables.parcels), row)
    return id_, True


def tell(connection: Connection, carrier: str, told: Iterable[Told], now: datetime) -> Added:
    """Adds what is new, and says where the parcel now is; only within db.writing."""
    added = Added()
    for one in told:
        added = added.and_(_tell(connection, carrier, one, now))
    return added


def _tell(connection: Connection, carrier: str, told: Told, now: datetime) -> Added:
    mine = (_P.carrier == carrier, _P.tracking_number == told.tracking_number)
    parcel = connection.execute(select(_P.id).where(*mine).with_for_update()).scalar_one_or_none()
    if parcel is None:
        return Added(unknown=(told.tracking_number,))
    rows = [_row(parcel, event, now) for event in course.in_order(told.events) if event.at <= now + AHEAD]
    new = connection.execute(db.insert_absent(connection, tables.parcel_events), rows).rowcount if rows else 0
    if new:
        connection.execute(update(tables.parcels).where(_P.id == parcel).values(_columns(connection, parcel)))
    untimely = sum(event.at > now + AHEAD for event in told.events)
    return Added(new=new, known=len(told.events) - untimely - new, untimely=untimely)


def _row(parcel: str, event: Event, now: datetime) -> dict[str, Any]:
    own = {"key": event.key, "at": event.at, "state": event.state, "expected_at": event.expected_at}
    return {"parcel": parcel, "received_at": now, **own}


def _columns(connection: Connection, parcel: str) -> Mapping[str, Any]:
    found = course.course(events(connection, parcel))
    own = ("state", "heard_at", "expected_at", "delivered_at")
    return {name: getattr(found, name) for name in own}


def events(connection: Connection, parcel: str) -> list[Event]:
    """As they happened."""
    rows = connection.execute(select(tables.parcel_events).where(_E.parcel == parcel))
    return course.in_order(Event(key=row.key, at=row.at, state=row.state, expected_at=row.expected_at) for row in rows)
