"""Many rows of one shape in one statement, without what SQLAlchemy does for each row.

SQLite takes the rows one by one under one prepared statement. PostgreSQL takes all of them as one value, JSON, which it
unfolds itself: a statement a row would cost it more than the row.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, Connection, Dialect, Table

from aircue_cloud.tables.columns import Moment, to_ms

Row = Mapping[str, Any]
# How two numbers of one column are put together: what SQLite and PostgreSQL say for it.
_TOGETHER = {
    "take": {"sqlite": "{new}", "postgresql": "{new}"},
    "add": {"sqlite": "{old} + {new}", "postgresql": "{old} + {new}"},
    "min": {"sqlite": "min({old}, {new})", "postgresql": "least({old}, {new})"},
    "max": {"sqlite": "max({old}, {new})", "postgresql": "greatest({old}, {new})"},
}


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Rows that are new, all with the same columns."""
    _run(connection, rows, lambda dialect, columns: _inserting(dialect, table, columns, ()))


def insert_or_merge(connection: Connection, table: Table, rows: Sequence[Row], how: Mapping[str, str]) -> None:
    """Where the primary key is there already, the columns named are put together: take, add, min, max. No two of the
    rows have one key."""
    _run(connection, rows, lambda dialect, columns: _inserting(dialect, table, columns, tuple(how.items())))


def update(connection: Connection, table: Table, rows: Sequence[Row], key: Sequence[str]) -> int:
    """Rows that are there, found by the columns of key; how many were."""
    return _run(connection, rows, lambda dialect, columns: _updating(dialect, table, columns, tuple(key)))


class _Statement(NamedTuple):
    """columns: in the order in which they are given."""

    sql: str
    columns: tuple[Column[Any], ...]


def _run(connection: Connection, rows: Sequence[Row], built: Callable[[Dialect, tuple[str, ...]], _Statement]) -> int:
    if not rows:
        return 0
    statement = built(connection.dialect, tuple(rows[0]))
    given = _GIVEN[connection.dialect.name](statement.columns, rows)
    return connection.exec_driver_sql(statement.sql, given).rowcount


def _one_by_one(columns: Sequence[Column[Any]], rows: Sequence[Row]) -> Any:
    found = [[row[column.name] for row in rows] for column in columns]
    told = [_as_numbers(column, values) for column, values in zip(columns, found, strict=True)]
    whole = [
        [json.dumps(value) for value in values] if isinstance(column.type, JSON) else values
        for column, values in zip(columns, told, strict=True)
    ]
    return list(zip(*whole, strict=True))


def _together(columns: Sequence[Column[Any]], rows: Sequence[Row]) -> Any:
    names = [column.name for column in columns]
    told = [_as_numbers(column, [row[column.name] for row in rows]) for column in columns]
    return (json.dumps([dict(zip(names, values, strict=True)) for values in zip(*told, strict=True)]),)


_GIVEN: Mapping[str, Callable[[Sequence[Column[Any]], Sequence[Row]], Any]] = {
    "sqlite": _one_by_one,
    "postgresql": _together,
}


def _as_numbers(column: Column[Any], values: list[Any]) -> list[Any]:
    """Instants as the database keeps them: datetimes, or milliseconds since the epoch as they are."""
    if isinstance(column.type, Moment):
        return [to_ms(value) if isinstance(value, datetime) else value for value in values]
    return values


@cache
def _inserting(
    dialect: Dialect, table: Table, columns: tuple[str, ...], how: tuple[tuple[str, str], ...]
) -> _Statement:
    quote = dialect.identifier_preparer.quote
    names = ", ".join(map(quote, columns))
    found = tuple(table.c[name] for name in columns)
    source = f"VALUES ({', '.join('?' * len(columns))})"
    if dialect.name == "postgresql":
        source = f"SELECT {names} FROM {_unfolded(dialect, found)}"
    told = f"INSERT INTO {quote(table.name)} ({names}) {source}"
    return _Statement(told + (_conflict(dialect, table, how) if how else ""), found)


def _conflict(dialect: Dialect, table: Table, how: Sequence[tuple[str, str]]) -> str:
    quote = dialect.identifier_preparer.quote
    key = ", ".join(quote(column.name) for column in table.primary_key)
    changes = [f"{quote(name)} = {_joined(dialect, table, name, word)}" for name, word in how]
    return f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)}"


def _joined(dialect: Dialect, table: Table, name: str, word: str) -> str:
    quote = dialect.identifier_preparer.quote
    return _TOGETHER[word][dialect.name].format(old=f"{quote(table.name)}.{quote(name)}", new=f"excluded.{quote(name)}")


@cache
def _updating(dialect: Dialect, table: Table, columns: tuple[str, ...], key: tuple[str, ...]) -> _Statement:
    quote, name = dialect.identifier_preparer.quote, dialect.identifier_preparer.quote(table.name)
    changing = [column for column in columns if column not in key]
    found = tuple(table.c[column] for column in (*changing, *key))
    if dialect.name == "postgresql":
        changes = ", ".join(f"{quote(column)} = given.{quote(column)}" for column in changing)
        mine = " AND ".join(f"{name}.{quote(column)} = given.{quote(column)}" for column in key)
        return _Statement(f"UPDATE {name} SET {changes} FROM {_unfolded(dialect, found)} WHERE {mine}", found)
    changes = ", ".join(f"{quote(column)} = ?" for column in changing)
    mine = " AND ".join(f"{quote(column)} = ?" for column in key)
    return _Statement(f"UPDATE {name} SET {changes} WHERE {mine}", found)


def _unfolded(dialect: Dialect, columns: Sequence[Column[Any]]) -> str:
    quote = dialect.identifier_preparer.quote
    shape = ", ".join(f"{quote(column.name)} {column.type.compile(dialect)}" for column in columns)
    return f"json_to_recordset(%s::json) AS given({shape})"
