"""What the store's database says of its own experiments: who was looked at when, what they got, what they bought.

A household enters an experiment with its first decision that ended in a push or, in the holdout, in a ghost: both
passed the same gates, so both arms are looked at from the same moment of their lives. What comes after that moment may
follow from it, so later decisions enter nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select

from aircue_cloud import tables
from aircue_cloud.errors import CommandError
from aircue_cloud.outcomes.attribution import Order, Push, Return, net

SEND, GHOST = "send", "ghost"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A household's first decision about a need that reached the holdout. sent: it ended in a push. category, product:
    of what was offered, or in the holdout would have been; None of a decision that did not say."""

    household: str
    need: str
    at: datetime
    sent: bool
    category: str | None = None
    product: str | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """All that the report needs. orders: net of refunds, of the currency; sent: when each household got pushes about
    a need."""

    entries: Sequence[Entry]
    orders: Sequence[Order]
    pushes: Sequence[Push]
    sent: Mapping[tuple[str, str], Sequence[datetime]]
    currency: str


def record(connection: Connection, currency: str | None, now: datetime) -> Record:
    """currency: None for the only one there is. CommandError where there are several, or none of this name."""
    chosen = _currency(connection, currency)
    return Record(
        entries=list(entries(connection, now)),
        orders=orders(connection, chosen, now),
        pushes=_pushes(connection, now),
        sent=_sent(connection, now),
        currency=chosen,
    )


Homes = tuple[str, str]  # the first and the last of a run of households, both among them


def runs(connection: Connection, now: datetime, most: int) -> Iterator[Homes]:
    """Households with an entry, in runs of so many at most."""
    home, last = tables.decisions.c.household, ""
    entered = (tables.decisions.c.outcome.in_((SEND, GHOST)), tables.decisions.c.at <= now)
    while True:
        some = select(home).where(*entered, home > last).distinct().order_by(home).limit(most)
        names = list(connection.execute(some).scalars())
        if not names:
            return
        last = names[-1]
        yield names[0], last


def entries(connection: Connection, now: datetime, among: Homes | None = None) -> Iterator[Entry]:
    """among: of these households alone."""
    table = tables.decisions.c
    query = (
        select(table.household, table.need, table.at, table.outcome, table.category, table.product)
        .where(table.outcome.in_((SEND, GHOST)), table.household.is_not(None), table.at <= now)
        .order_by(table.at, table.id)
    )
    if among is not None:
        query = query.where(table.household.between(*among))
    seen: set[tuple[str, str]] = set()
    for row in connection.execute(query):
        if (row.household, row.need) not in seen:
            seen.add((row.household, row.need))
            what = {"category": row.category, "product": row.product}
            yield Entry(household=row.household, need=row.need, at=row.at, sent=row.outcome == SEND, **what)


def _currency(connection: Connection, asked: str | None) -> str:
    table, products = tables.interactions.c, tables.products.c
    said = func.coalesce(table.currency, products.currency)
    query = select(said).join(tables.products, products.id == table.product).where(table.kind == "purchase").distinct()
    found = sorted(connection.execute(query).scalars())
    if asked is None and len(found) == 1:
        return str(found[0])
    if asked in found:
        return str(asked)
    if not found:
        raise CommandError("nothing was bought yet, so there is no outcome to report")
    raise CommandError(f"purchases are in {', '.join(found)}: say which to report with --currency")


def _bought(kind: str, currency: str | None, now: datetime) -> Select[tuple[str, str, str, str, datetime, int]]:
    """A purchase that does not say its price had the catalogue's. currency: None for all."""
    table, products, people = tables.interactions.c, tables.products.c, tables.people.c
    amount = func.coalesce(table.price_minor, products.price_minor) * func.coalesce(table.quantity, 1)
    query = (
        select(people.household, table.person, table.product, products.category, table.at, amount.label("amount"))
        .join(tables.products, products.id == table.product)
        .join(tables.people, people.id == table.person)
        .where(table.kind == kind, table.at <= now)
        .order_by(table.at, table.id)
    )
    if currency is None:
        return query
    return query.where(func.coalesce(table.currency, products.currency) == currency)


def orders(connection: Connection, currency: str | None, now: datetime, among: Homes | None = None) -> list[Order]:
    """Net of refunds. currency: None for all, whose amounts are not to be added up then. among: of these households
    alone."""
    kinds = [_bought(kind, currency, now) for kind in ("purchase", "return")]
    if among is not None:
        kinds = [query.where(tables.people.c.household.between(*among)) for query in kinds]
    bought = [
        Order(
            household=row.household,
            person=row.person,
            product=row.product,
            category=row.category,
            at=row.at,
            amount=row.amount,
        )
        for row in connection.execute(kinds[0])
    ]
    back = connection.execute(kinds[1])
    returns = [Return(person=row.person, product=row.product, at=row.at, amount=row.amount) for row in back]
    return net(bought, returns)


def _pushes(connection: Connection, now: datetime) -> list[Push]:
    table = tables.pushes.c
    query = select(table.id, table.household, table.need, table.product, table.category, table.created_at)
    rows = connection.execute(query.where(table.created_at <= now).order_by(table.created_at, table.id)).all()
    clicks = _clicks(connection, now)
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row.household, row.product), []).append(row.id)
    made = {row.id: row.created_at for row in rows}
    by_push: dict[str, list[datetime]] = {}
    for household, product, named, at in clicks:
        last = [one for one in found.get((household, product), ()) if made[one] <= at]
        clicked = [named] if named is not None and named in made else last[-1:]
        for one in clicked:
            by_push.setdefault(one, []).append(at)
    return [
        Push(
            id=row.id,
            household=row.household,
            need=row.need,
            category=row.category,
            delivered_at=row.created_at,
            clicks=tuple(by_push.get(row.id, ())),
        )
        for row in rows
    ]


def _clicks(connection: Connection, now: datetime) -> list[tuple[str, str, str | None, datetime]]:
    """Of those that followed from a push: household, product, the push where it was named, when. One that names none
    belongs to the household's latest push of the product."""
    table, people = tables.interactions.c, tables.people.c
    query = (
        select(people.household, table.product, table.push, table.at)
        .join(tables.people, people.id == table.person)
        .where(table.kind == "click", table.pushed.is_(True), table.at <= now)
        .order_by(table.at, table.id)
    )
    return [(row.household, row.product, row.push, row.at) for row in connection.execute(query)]


def _sent(connection: Connection, now: datetime) -> dict[tuple[str, str], list[datetime]]:
    table = tables.pushes.c
    query = select(table.household, table.need, table.created_at).where(table.created_at <= now)
    found: dict[tuple[str, str], list[datetime]] = {}
    for row in connection.execute(query.order_by(table.created_at, table.id)):
        found.setdefault((row.household, row.need), []).append(row.created_at)
    return found
