"""Carts, and the orders that are made of them. Within db.writing, where something is changed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from aircue_cloud import db, tables
from aircue_cloud.orders import book, placing, reading
from aircue_cloud.orders.placing import Wanted
from aircue_cloud.orders.reading import Order

MOST = 99  # pieces of a product in one order
_C, _P, _I = tables.cart_lines.c, tables.products.c, tables.interactions.c


@dataclass(frozen=True, kw_only=True)
class Line:
    """What lies in a cart. available: pieces in stock, 0 of what is no longer sold. price_minor: of one. push: the
    offer it was put in from."""

    product: str
    name: str
    category: str
    quantity: int
    price_minor: int
    currency: str
    available: int
    push: str | None = None

    @property
    def sum_minor(self) -> int:
        return self.quantity * self.price_minor


class Changed(Exception):
    """The cart is not what was seen when it was ordered."""


class Empty(Changed):
    """There is nothing in it."""


def lines(connection: Connection, person: str) -> list[Line]:
    """By when they were put in."""
    query = select(tables.products, _C.quantity, _C.push).join(tables.cart_lines, _C.product == _P.id)
    rows = connection.execute(query.where(_C.person == person).order_by(_C.added_at, _P.id))
    return [
        Line(
            product=row.id,
            name=row.name,
            category=row.category,
            quantity=row.quantity,
            price_minor=row.price_minor,
            currency=row.currency,
            available=row.stock if row.retired_at is None else 0,
            push=row.push,
        )
        for row in rows
    ]


def totals(lines: Sequence[Line]) -> dict[str, int]:
    """Minor units by currency."""
    found: dict[str, int] = {}
    for line in lines:
        found[line.currency] = found.get(line.currency, 0) + line.sum_minor
    return found


def digest(lines: Sequence[Line]) -> str:
    """Stands for what somebody sees of a cart: products, pieces, prices."""
    seen = [[one.product, one.quantity, one.price_minor, one.currency] for one in lines]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def put(
    connection: Connection, person: str, product: str, quantity: int, now: datetime, push: str | None = None
) -> None:
    """So many pieces; 0: none. No more than are in stock. push: the offer that they are put in from."""
    mine = (_C.person == person, _C.product == product)
    fit = min(quantity, MOST, _available(connection, product))
    if fit <= 0:
        connection.execute(delete(tables.cart_lines).where(*mine))
        return
    came = {} if push is None else {"push": push}
    there = connection.execute(update(tables.cart_lines).where(*mine).values(quantity=fit, **came)).rowcount
    if not there:
        row = {"person": person, "product": product, "quantity": fit, "added_at": now, **came}
        connection.execute(db.insert_absent(connection, tables.cart_lines), [row])


def add(
    connection: Connection, person: str, product: str, quantity: int, now: datetime, push: str | None = None
) -> None:
    mine = (_C.person == person, _C.product == product)
    held = connection.execute(select(_C.quantity).where(*mine)).scalar_one_or_none() or 0
    put(connection, person, product, held + quantity, now, push)


def _available(connection: Connection, product: str) -> int:
    query = select(_P.stock).where(_P.id == product, _P.retired_at.is_(None))
    return int(connection.execute(query).scalar_one_or_none() or 0)


def order(
    connection: Connection, person: str, token: str, seen: str, currency: str, now: datetime, waits: timedelta
) -> Order:
    """Orders what is in the cart of one currency, "" where there is but one; under the same token once. seen: its
    digest as it was shown. waits: for how long the pieces are kept without a payment. Changed, Empty, SoldOut: nothing
    is ordered; the caller's transaction must not hold then."""
    known = reading.by_token(connection, person, placing.token_of(token))
    if known is not None:
        return known
    found = of_currency(lines(connection, person), currency)
    if not found:
        raise Empty
    if digest(found) != seen:
        raise Changed
    wanted = [Wanted(product=one.product, quantity=one.quantity, push=one.push) for one in found]
    made, _ = placing.place(connection, person, token, wanted, now, waits)
    mine = (_C.person == person, _C.product.in_([one.product for one in found]))
    connection.execute(delete(tables.cart_lines).where(*mine))
    return made


def of_currency(lines: Sequence[Line], currency: str) -> list[Line]:
    """Those in one currency; "": the only one there is, or none of them."""
    known = set(totals(lines))
    wanted = currency or (next(iter(known)) if len(known) == 1 else "")
    return [one for one in lines if one.currency == wanted]


def history(connection: Connection, person: str, most: int) -> list[Any]:
    """Purchases and returns of this person that were told of by others than this shop, the latest first."""
    columns = (_I.product, _I.kind, _I.quantity, _I.price_minor, _I.currency, _I.at, _P.name, _P.category)
    query = select(*columns).join(tables.products, _I.product == _P.id)
    mine = (_I.person == person, _I.kind.in_(("purchase", "return")), ~book.wrote(_I.event))
    return list(connection.execute(query.where(*mine).order_by(_I.at.desc(), _I.id.desc()).limit(most)))
