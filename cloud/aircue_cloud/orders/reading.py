"""Orders as they are read, with their lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from aircue_cloud import tables

_O, _L, _P = tables.orders.c, tables.order_lines.c, tables.products.c


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """price_minor: of one piece, when it was ordered. push: that it came from."""

    product: str
    name: str
    category: str
    quantity: int
    price_minor: int
    push: str | None = None

    @property
    def sum_minor(self) -> int:
        return self.quantity * self.price_minor


@dataclass(frozen=True, kw_only=True)
class Order:
    """number: short, for people. state: placed, paid, part-refunded, refunded, cancelled or expired. total_minor: by
    the catalogue when it was placed, in minor units of its currency. expires_at: until when it waits for its payment;
    None where it waits for none. token: a digest of what its form or shop
    made it one by."""

    id: str
    number: int
    person: str
    placed_at: datetime
    currency: str
    total_minor: int
    state: str
    token: str
    expires_at: datetime | None
    lines: tuple[OrderLine, ...]


def one(connection: Connection, order: str) -> Order | None:
    return next(iter(_found(connection, [_O.id == order], 1)), None)


def of_person(connection: Connection, person: str, most: int) -> list[Order]:
    """The latest first."""
    return _found(connection, [_O.person == person], most)


def by_token(connection: Connection, person: str, token: str) -> Order | None:
    return next(iter(_found(connection, [_O.person == person, _O.token == token], 1)), None)


def page(connection: Connection, *, before: int | None, most: int, state: str = "", person: str = "") -> list[Order]:
    """Everybody's, the latest first: those with a smaller number than before."""
    asked: list[ColumnElement[bool]] = [] if before is None else [_O.number < before]
    asked += [_O.state == state] if state else []
    asked += [_O.person == person] if person else []
    return _found(connection, asked, most)


def _found(connection: Connection, asked: Iterable[ColumnElement[bool]], most: int) -> list[Order]:
    query = select(tables.orders).where(*asked).order_by(_O.number.desc()).limit(most)
    rows = list(connection.execute(query).mappings())
    lines = _lines(connection, [row["id"] for row in rows])
    return [Order(**row, lines=tuple(lines.get(row["id"], ()))) for row in rows]


def _lines(connection: Connection, orders: Sequence[str]) -> dict[str, list[OrderLine]]:
    """By order, as they were ordered."""
    query = select(tables.order_lines, _P.name, _P.category).join(tables.products, _L.product == _P.id)
    by_order: dict[str, list[OrderLine]] = {}
    for row in connection.execute(query.where(_L.order.in_(orders)).order_by(_L.place)).mappings():
        by_order.setdefault(row["order"], []).append(_line(row))
    return by_order


def _line(row: Any) -> OrderLine:
    names = ("product", "name", "category", "quantity", "price_minor", "push")
    return OrderLine(**{name: row[name] for name in names})
