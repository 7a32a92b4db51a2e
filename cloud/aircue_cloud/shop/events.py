"""Events: what people do with products, as the shop tells it.

An event is stored once under the id its sender gave it: the same content again is a duplicate, another a conflict.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias

from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection, select

from aircue_cloud import keyed, tables
from aircue_cloud.fields import Body, Id, Line, Minor, Moment, Reason, Text
from aircue_cloud.keyed import Verdict
from aircue_cloud.recommender.weights import WEIGHTS
from aircue_cloud.shop.money import Currency
from aircue_cloud.tables.columns import EPOCH, from_ms, to_ms

AHEAD = timedelta(minutes=5)  # how far a sender's clock may be before ours
_LONGEST_DWELL_S = 86_400

Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]


class Act(Body, tag_field="kind"):
    """What every event says."""

    id: Id
    person: Id
    product: Id
    at: Moment


class View(Act, tag="view"):
    """A look at the product's page: where it came from, which page, and for how long."""

    referrer: Line | None = None
    path: Line | None = None
    dwell_s: Annotated[float, Meta(ge=0, le=_LONGEST_DWELL_S)] | None = None


class Click(Act, tag="click"):
    pass


class Cart(Act, tag="cart"):
    pass


class Favourite(Act, tag="favourite"):
    pass


class Impression(Act, tag="impression"):
    """The product was shown."""


class Dismissal(Act, tag="dismissal"):
    """Not for me."""


class Purchase(Act, tag="purchase"):
    """price_minor: of one piece."""

    quantity: Quantity
    price_minor: Minor
    currency: Currency


class Return(Act, tag="return"):
    """Pieces of an earlier purchase that came back."""

    quantity: Quantity = 1


class Rating(Act, tag="rating"):
    stars: Annotated[int, Meta(ge=0, le=5)]
    text: Text | None = None


Event: TypeAlias = View | Click | Cart | Favourite | Impression | Dismissal | Purchase | Return | Rating
KINDS: dict[str, type[Act]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (View, Click, Cart, Favourite, Impression, Dismissal, Purchase, Return, Rating)
}

OURS = ("weight", "pushed")  # columns that say nothing of what the sender said
OWN = ("referrer", "path", "dwell_s", "quantity", "price_minor", "currency", "text")


def row(event: Act) -> dict[str, Any]:
    """Its row in tables.interactions."""
    said = asdict(event)
    kind = str(event.__struct_config__.tag)
    return {
        "event": event.id,
        "person": event.person,
        "product": event.product,
        "kind": kind,
        "weight": WEIGHTS[kind],
        "rating": said.get("stars"),
        "at": from_ms(to_ms(event.at)),
        "pushed": False,
        **{name: said.get(name) for name in OWN},
    }


def untimely(at: datetime, now: datetime, field: str = "at") -> Reason | None:
    """Why an instant cannot be when something happened."""
    if EPOCH <= at <= now + AHEAD:
        return None
    limit = (now + AHEAD).isoformat(timespec="seconds")
    remedy = "set the sender's clock right, and send UTC or the right zone"
    return Reason(field=field, found=at.isoformat(), expected=f"a time from 1970 to {limit}", remedy=remedy)


def conflict(id_: str) -> Reason:
    expected = "the content that was stored under this id before"
    return Reason(field="id", found=id_, expected=expected, remedy="give every event an id of its own, drawn once")


def store(connection: Connection, events: Sequence[Act], now: datetime) -> list[Verdict | Reason]:
    """What became of each, in order; only within db.writing."""
    return store_rows(connection, [row(event) for event in events], now)


def store_rows(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> list[Verdict | Reason]:
    """As store, of rows that are made already."""
    reasons = hindrances(connection, rows, now)
    fit = [one for one, reason in zip(rows, reasons, strict=True) if reason is None]
    verdicts = iter(keyed.put(connection, tables.interactions.c.event, fit, besides=OURS))
    return [next(verdicts) if reason is None else reason for reason in reasons]


def page(
    connection: Connection, *, after: int, limit: int, person: str | None, household: str | None
) -> list[dict[str, Any]]:
    """What is stored, by its number; of one person, of one household, or of all."""
    table, people = tables.interactions.c, tables.people.c
    own = [table[name] for name in ("kind", "person", "product", "at", "pushed", *OWN)]
    query = select(table.id.label("number"), table.event.label("id"), table.rating.label("stars"), *own)
    query = query.where(table.id > after).order_by(table.id).limit(limit)
    if person is not None:
        query = query.where(table.person == person)
    if household is not None:
        query = query.where(table.person.in_(select(people.id).where(people.household == household)))
    return [dict(row) for row in connection.execute(query).mappings()]


def _nobody(_room: str, _ids: Sequence[str]) -> set[str]:
    return set()


def hindrances(
    connection: Connection,
    rows: Sequence[dict[str, Any]],
    now: datetime,
    coming: Callable[[str, Sequence[str]], set[str]] = _nobody,
) -> list[Reason | None]:
    """coming: which ids of a room (people, products) will be there as well when the rows are stored."""
    named, offered = [one["person"] for one in rows], [one["product"] for one in rows]
    people = keyed.present(connection, tables.people.c.id, named) | coming("people", named)
    products = keyed.present(connection, tables.products.c.id, offered) | coming("products", offered)
    return [
        untimely(one["at"], now)
        or _unknown("person", one["person"], people, "/api/v1/people/ID")
        or _unknown("product", one["product"], products, "/api/v1/products/ID")
        for one in rows
    ]


def _unknown(field: str, found: str, known: set[str], where: str) -> Reason | None:
    if found in known:
        return None
    return Reason(field=field, found=found, expected=f"a {field} that is known", remedy=f"PUT it to {where} first")
