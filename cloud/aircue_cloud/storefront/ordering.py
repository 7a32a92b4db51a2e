"""Carts and orders. There is no payment yet: an order is written down as purchases, and paid on delivery.

Within db.writing, where something is changed.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from aircue_cloud import db, tables
from aircue_cloud.shop import events
from aircue_cloud.shop.events import Purchase

MOST = 99  # pieces of a product in one order
_C, _P, _I = tables.cart_lines.c, tables.products.c, tables.interactions.c


@dataclass(frozen=True, kw_only=True)
class Line:
    """What lies in a cart. available: pieces in stock, 0 of what is no longer sold. price_minor: of one."""

    product: str
    name: str
    category: str
    quantity: int
    price_minor: int
    currency: str
    available: int

    @property
    def sum_minor(self) -> int:
        return self.quantity * self.price_minor


class SoldOut(Exception):
    """Fewer pieces are left than were ordered. Its argument: the product's name. Nothing of the order holds."""


class Changed(Exception):
    """The cart is not what was seen when it was ordered."""


class Empty(Changed):
    """There is nothing in it."""


def lines(connection: Connection, person: str) -> list[Line]:
    """By when they were put in."""
    query = select(tables.products, _C.quantity).join(tables.cart_lines, _C.product == _P.id)
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


def put(connection: Connection, person: str, product: str, quantity: int, now: datetime) -> None:
    """So many pieces; 0: none. No more than are in stock."""
    mine = (_C.person == person, _C.product == product)
    fit = min(quantity, MOST, _available(connection, product))
    if fit <= 0:
        connection.execute(delete(tables.cart_lines).where(*mine))
        return
    there = connection.execute(update(tables.cart_lines).where(*mine).values(quantity=fit)).rowcount
    if not there:
        row = {"person": person, "product": product, "quantity": fit, "added_at": now}
        connection.execute(db.insert_absent(connection, tables.cart_lines), [row])


def add(connection: Connection, person: str, product: str, quantity: int, now: datetime) -> None:
    mine = (_C.person == person, _C.product == product)
    held = connection.execute(select(_C.quantity).where(*mine)).scalar_one_or_none() or 0
    put(connection, person, product, held + quantity, now)


def _available(connection: Connection, product: str) -> int:
    query = select(_P.stock).where(_P.id == product, _P.retired_at.is_(None))
    return int(connection.execute(query).scalar_one_or_none() or 0)


def order(connection: Connection, person: str, token: str, seen: str, now: datetime) -> None:
    """Orders what is in the cart; under the same token once. seen: its digest as it was shown. Changed, Empty, SoldOut:
    nothing is ordered; the caller's transaction must not hold then."""
    if pieces(connection, person, token):
        return
    found = lines(connection, person)
    if not found:
        raise Empty
    if digest(found) != seen:
        raise Changed
    for line in found:
        _take(connection, line)
    acts = [_purchase(person, token, number, line, now) for number, line in enumerate(found)]
    if any(verdict != "stored" for verdict in events.store(connection, acts, now)):
        raise Changed
    connection.execute(delete(tables.cart_lines).where(_C.person == person))


def _take(connection: Connection, line: Line) -> None:
    left = (_P.id == line.product, _P.retired_at.is_(None), _P.stock >= line.quantity)
    taken = update(tables.products).where(*left).values(stock=_P.stock - line.quantity)
    if connection.execute(taken).rowcount == 0:
        raise SoldOut(line.name)


def _purchase(person: str, token: str, number: int, line: Line, now: datetime) -> Purchase:
    return Purchase(
        id=f"{_mark(token)}{number}",
        person=person,
        product=line.product,
        at=now,
        quantity=line.quantity,
        price_minor=line.price_minor,
        currency=line.currency,  # type: ignore[arg-type]  # the catalogue holds ISO 4217's alone
    )


def _mark(token: str) -> str:
    return f"order-{token}-"


def pieces(connection: Connection, person: str, token: str) -> list[Any]:
    """The purchases of one order of this person."""
    columns = (_I.product, _I.quantity, _I.price_minor, _I.currency, _I.at, _P.name, _P.category)
    query = select(*columns).join(tables.products, _I.product == _P.id)
    mine = (_I.person == person, _I.kind == "purchase", _I.event.startswith(_mark(token), autoescape=True))
    return list(connection.execute(query.where(*mine).order_by(_I.id)))


def history(connection: Connection, person: str, most: int) -> list[Any]:
    """Purchases and returns of this person, wherever they were told of, the latest first."""
    columns = (_I.product, _I.kind, _I.quantity, _I.price_minor, _I.currency, _I.at, _P.name, _P.category)
    query = select(*columns).join(tables.products, _I.product == _P.id)
    mine = (_I.person == person, _I.kind.in_(("purchase", "return")))
    return list(connection.execute(query.where(*mine).order_by(_I.at.desc(), _I.id.desc()).limit(most)))
