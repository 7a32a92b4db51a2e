"""How long rows of the database are kept, and their end. The layers' readings have a retention of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, delete, exists, select

from aircue_cloud import tables
from aircue_cloud.rights.register import BOOKS


@dataclass(frozen=True, kw_only=True)
class Period:
    """Rows whose instant in `column` lies more than `days` back go. why: what they are kept for until then."""

    table: Table
    column: str
    days: int
    why: str


# In the order in which they go: what points to a row goes before it.
PERIODS = (
    Period(table=tables.feed, column="at", days=90, why="to follow what happened"),
    Period(table=tables.attempts, column="at", days=90, why="to find out why an offer did not arrive"),
    Period(table=tables.outbox, column="created_at", days=180, why="which channel reaches whom"),
    Period(table=tables.answers, column="at", days=400, why="which buttons were pressed"),
    Period(table=tables.messages, column="at", days=400, why="to answer what somebody comes back to"),
    Period(table=tables.conversations, column="changed_at", days=400, why="as their messages"),
    Period(table=tables.pushes, column="created_at", days=400, why="cooldowns, and what offers changed in a year"),
    Period(table=tables.decisions, column="at", days=400, why="to answer why an offer came, or did not"),
    Period(table=tables.episodes, column="ended_at", days=800, why="a home's own norm, season by season"),
    Period(table=tables.interactions, column="at", days=800, why="to learn what people like, season by season"),
    Period(table=tables.observations, column="at", days=400, why="the air around somebody who is out"),
    Period(table=tables.refused, column="received_at", days=90, why="to find out why a batch was refused"),
)
BOOKS_DAYS = 3650  # purchases and returns: the store's books


def retain(connection: Connection, now: datetime, periods: Mapping[str, int] | None = None) -> dict[str, int]:
    """How many rows of each table went. periods: days by table, where they differ from PERIODS."""
    days = {period.table.name: period.days for period in PERIODS} | dict(periods or {})
    return {period.table.name: _end(connection, period, days[period.table.name], now) for period in PERIODS}


def _end(connection: Connection, period: Period, days: int, now: datetime) -> int:
    table, at = period.table, period.table.c[period.column]
    old = at < now - timedelta(days=days)
    if table is tables.interactions:
        books = table.c.kind.in_(sorted(BOOKS))
        old = (old & ~books) | (at < now - timedelta(days=max(days, BOOKS_DAYS)))
    conditions = [old, *(~_pointed_at(column) for column in _pointing_to(table))]
    return connection.execute(delete(table).where(and_(*conditions))).rowcount


def _pointing_to(table: Table) -> list[Column[object]]:
    """Columns of other tables whose values are keys of this one."""
    others = (other for other in tables.metadata.sorted_tables if other is not table)
    return [key.parent for other in others for key in other.foreign_keys if key.column.table is table]


def _pointed_at(column: Column[object]) -> ColumnElement[bool]:
    key = next(iter(column.foreign_keys)).column
    return exists(select(column).where(column == key))
