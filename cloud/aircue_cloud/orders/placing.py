"""Placing an order: prices are the catalogue's as of this moment, and its pieces are its own from now on. Within
db.writing."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, select

from aircue_cloud import tables
from aircue_cloud.errors import CommandError
from aircue_cloud.orders import book, ledger, reading
from aircue_cloud.orders.ledger import Event, Ledger
from aircue_cloud.orders.reading import Order
from aircue_cloud.orders.stock import SoldOut

FIRST = 1001
MOST_LINES = 200
MOST_PIECES = 10_000
_P = tables.products.c


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """push: that the line came from."""

    product: str
    quantity: int
    push: str | None = None


class Unfit(CommandError):
    """What is wanted is no order: nothing, a product twice, or in two currencies."""


class Conflict(CommandError):
    """Under this token another order was placed."""


def token_of(said: str) -> str:
    """As it is kept: what somebody else chose may hold a name."""
    return hashlib.sha256(said.encode()).hexdigest()


def place(
    connection: Connection, person: str, token: str, wanted: Sequence[Wanted], now: datetime, waits: timedelta
) -> tuple[Order, bool]:
    """The order, and whether it is new: under the same token of a person it is placed once. waits: for how long its
    pieces are kept for it without a payment. SoldOut, Unfit, Conflict: the caller's transaction must not hold then."""
    known = reading.by_token(connection, person, token_of(token))
    if known is not None:
        if {one.product: one.quantity for one in known.lines} != {one.product: one.quantity for one in wanted}:
            raise Conflict(f"order {known.number} was placed under this key with other lines: draw a key an order")
        return known, False
    id_ = str(uuid.uuid4())
    _insert(connection, id_, person, token, wanted, now, now + waits)
    order = reading.one(connection, id_)
    if order is None:
        raise CommandError(f"order {id_} was written and is not there")
    new = (Event(kind=ledger.PLACED), Event(kind=ledger.RESERVED))
    book.add(connection, order, Ledger(order.total_minor, ()), new, now)
    return order, True


def _insert(
    connection: Connection,
    id_: str,
    person: str,
    token: str,
    wanted: Sequence[Wanted],
    now: datetime,
    expires_at: datetime,
) -> None:
    prices = _prices(connection, wanted)
    currency = next(iter(prices.values()))[1]
    row = {
        "id": id_,
        "number": _number(connection),
        "person": person,
        "placed_at": now,
        "currency": currency,
        "total_minor": sum(prices[one.product][0] * one.quantity for one in wanted),
        "state": ledger.PLACED,
        "token": token_of(token),
        "expires_at": expires_at,
    }
    lines = [
        {**vars(one), "order": id_, "place": place, "price_minor": prices[one.product][0]}
        for place, one in enumerate(wanted)
    ]
    connection.execute(insert(tables.orders), row)
    connection.execute(insert(tables.order_lines), lines)


def _prices(connection: Connection, wanted: Sequence[Wanted]) -> dict[str, tuple[int, str]]:
    """Price of one piece and its currency, by product."""
    names = {one.product for one in wanted}
    if not wanted or len(names) < len(wanted) or len(wanted) > MOST_LINES:
        raise Unfit(f"an order has 1 to {MOST_LINES} lines, each of another product")
    if not all(1 <= one.quantity <= MOST_PIECES for one in wanted):
        raise Unfit(f"a line is of 1 to {MOST_PIECES} pieces")
    query = select(_P.id, _P.price_minor, _P.currency).where(_P.id.in_(names), _P.retired_at.is_(None))
    found = {row.id: (row.price_minor, row.currency) for row in connection.execute(query)}
    for one in wanted:
        if one.product not in found:
            raise SoldOut(one.product)
    currencies = sorted({currency for _, currency in found.values()})
    if len(currencies) > 1:
        raise Unfit(f"an order is in one currency, and these products are in {' and '.join(currencies)}")
    return found


def _number(connection: Connection) -> int:
    last = connection.execute(select(func.max(tables.orders.c.number))).scalar_one()
    return FIRST if last is None else int(last) + 1
