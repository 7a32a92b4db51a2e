"""Rows of a table as lines of text, and back; the same on every database."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, func, insert, select, text

from aircue_cloud import db, tables
from aircue_cloud.backup import LEFT_OUT
from aircue_cloud.tables.columns import Moment

_PART = 1000


def kept() -> list[Table]:
    """The tables of a backup, each after those that it points to."""
    return [table for table in tables.metadata.sorted_tables if table.name not in LEFT_OUT]


def lines(connection: Connection, table: Table) -> Iterator[bytes]:
    """The rows by primary key, read in parts."""
    query = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=_PART)
    for row in connection.execute(query):
        yield json.dumps([_written(value) for value in row], separators=(",", ":")).encode() + b"\n"


def load(connection: Connection, table: Table, columns: Sequence[str], found: Iterable[bytes]) -> int:
    """How many rows were added."""
    readers = [_reader(table, name) for name in columns]
    part: list[dict[str, Any]] = []
    count = 0
    for line in found:
        values = json.loads(line)
        part.append({name: read(value) for name, read, value in zip(columns, readers, values, strict=True)})
        if len(part) == _PART:
            count += _add(connection, table, part)
    return count + _add(connection, table, part)


def go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL's sequences do not notice rows that bring their number."""
    number = table.autoincrement_column
    if connection.dialect.name != "postgresql" or number is None:
        return
    highest = connection.execute(select(func.max(number))).scalar_one()
    if highest is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)")
        connection.execute(sequence, {"table": table.name, "column": number.name, "highest": highest})


def _add(connection: Connection, table: Table, part: list[dict[str, Any]]) -> int:
    count = len(part)
    if part:
        connection.execute(insert(table), part)
        part.clear()
    return count


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return db.to_ms(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _reader(table: Table, name: str) -> Callable[[Any], Any]:
    kind = table.c[name].type
    if isinstance(kind, Moment):
        return _unless_none(db.from_ms)
    return _unless_none(base64.b64decode) if isinstance(kind, LargeBinary) else lambda value: value


def _unless_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)
