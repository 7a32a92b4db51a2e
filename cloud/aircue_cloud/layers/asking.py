"""Questions in SQL over all layers, for people: DuckDB over the lake's files and over the tables of the database.

Nothing can be changed: one SELECT is taken, on copies of the tables it names, and files of its own it may not open.
Errors: CommandError.
"""

import re
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, Table, select

from aircue_cloud import tables
from aircue_cloud.errors import CommandError
from aircue_cloud.layers.lake import Lake
from aircue_cloud.tables.columns import Moment

TABLES = (
    "batches", "decisions", "delivered", "episodes", "feed", "hourly", "lake_files", "losses", "node_state", "refused",
    "revisions", "sites", "tallies",
)  # fmt: skip


def ask(connection: Connection, lake: Lake, query: str) -> pa.Table:
    """The answer's columns."""
    named = {name for name in TABLES if re.search(rf"\b{name}\b", query)}
    beside = {name: _content(connection, getattr(tables, name)) for name in sorted(named)}
    with lake.open(connection, beside=beside, alone=True) as opened:
        try:
            _must_be_a_question(opened, query)
            answer: pa.Table = opened.sql(query).to_arrow_table()
        except duckdb.Error as error:
            raise CommandError(f"{error}; there are: readings, lake, {', '.join(TABLES)}") from error
    return answer


def _must_be_a_question(opened: duckdb.DuckDBPyConnection, query: str) -> None:
    statements = opened.extract_statements(query)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise CommandError("expected one SELECT: nothing can be changed here")


def _content(connection: Connection, table: Table) -> pa.Table:
    rows = connection.execute(select(table)).all()
    kinds = [_kind(column.type) for column in table.columns]
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pa.table(
        {
            column.name: pa.array([_plain(value) for value in values], kind)
            for column, values, kind in zip(table.columns, columns, kinds, strict=True)
        }
    )


def _kind(type_: Any) -> pa.DataType:
    if isinstance(type_, Moment):
        return pa.timestamp("ms", "UTC")
    known: dict[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return known.get(type_.python_type, pa.string())


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, dict | list) else value
