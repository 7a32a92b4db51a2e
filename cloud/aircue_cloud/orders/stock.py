"""Pieces that an order takes out of the stock, and puts back. Within db.writing."""

from collections.abc import Iterable

from sqlalchemy import Connection, update

from aircue_cloud import tables
from aircue_cloud.orders.reading import OrderLine

_P = tables.products.c


class SoldOut(Exception):
    """Fewer pieces are left than are wanted. Its argument: the product's name. The caller's transaction, or a part of
    it, must not hold then."""


def take(connection: Connection, lines: Iterable[OrderLine]) -> None:
    for line in lines:
        left = (_P.id == line.product, _P.retired_at.is_(None), _P.stock >= line.quantity)
        taken = update(tables.products).where(*left).values(stock=_P.stock - line.quantity)
        if connection.execute(taken).rowcount == 0:
            raise SoldOut(line.name)


def put_back(connection: Connection, lines: Iterable[OrderLine]) -> None:
    for line in lines:
        back = update(tables.products).where(_P.id == line.product).values(stock=_P.stock + line.quantity)
        connection.execute(back)
