"""Samples that were dropped on purpose and declared: kept as ranges that do not overlap.

A ledger is declared again and again, and its ranges grow and merge: a range takes the place of those inside it, and one
that lies inside a range that is kept says nothing new.
"""

from sqlalchemy import Connection, func, insert, select

from aircue_cloud import tables
from aircue_gateway.batch import Loss

_T = tables.losses.c


def declare(connection: Connection, losses: tuple[Loss, ...]) -> None:
    for loss in losses:
        _declare(connection, loss)


def _declare(connection: Connection, loss: Loss) -> None:
    mine = [_T[name] == getattr(loss, name) for name in ("node", "installation", "boot", "where")]
    grown = (_T.first == loss.first) & (_T.last == loss.last) & (_T.samples < loss.samples)
    covers = (_T.first <= loss.first, _T.last >= loss.last, ~grown)
    if connection.execute(select(_T.first).where(*mine, *covers)).first() is not None:
        return
    inside = (_T.first >= loss.first, _T.last <= loss.last)
    connection.execute(tables.losses.delete().where(*mine, *inside))
    row = {name: getattr(loss, name) for name in tables.losses.c.keys()}  # noqa: SIM118 - a collection of columns, no dict
    connection.execute(insert(tables.losses), row)


def total(connection: Connection) -> int:
    """Samples declared lost."""
    return int(connection.execute(select(func.coalesce(func.sum(_T.samples), 0))).scalar_one())
