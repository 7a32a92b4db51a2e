"""Rows that their senders give an id: stored once, whoever sends them how often and at the same time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from sqlalchemy import Column, Connection, Table, insert, select

Verdict: TypeAlias = Literal["stored", "duplicate", "conflict"]
_AT_ONCE = 1000  # parameters of one statement


def put(
    connection: Connection, key: Column[Any], rows: Sequence[Mapping[str, Any]], *, besides: Sequence[str] = ()
) -> list[Verdict]:
    """One verdict for each row, in order; only within db.writing, which lets one writer in at a time.

    Rows have the same columns. conflict: another row has this id, and differs in a column that is not among besides.
    """
    verdicts, new = judged(connection, key, rows, besides=besides)
    _insert(connection, key.table, new)
    return verdicts


def judged(
    connection: Connection,
    key: Column[Any],
    rows: Sequence[Mapping[str, Any]],
    *,
    besides: Sequence[str] = (),
    before: Sequence[Mapping[str, Any]] = (),
) -> tuple[list[Verdict], list[Mapping[str, Any]]]:
    """As put, without storing anything: the verdicts, and the rows that are new. before: rows that count as stored."""
    columns = [name for name in rows[0] if name not in besides] if rows else []
    known = {row[key.name]: tuple(row[name] for name in columns) for row in before}
    known |= _known(connection, key, [row[key.name] for row in rows], columns)
    verdicts: list[Verdict] = []
    new: list[Mapping[str, Any]] = []
    for row in rows:
        content = tuple(row[name] for name in columns)
        first = known.setdefault(row[key.name], content)
        if first is content:
            new.append(row)
        verdicts.append("stored" if first is content else "duplicate" if first == content else "conflict")
    return verdicts, new


def present(connection: Connection, key: Column[Any], ids: Sequence[str]) -> set[str]:
    """Those of the ids that are there."""
    found: set[str] = set()
    for some in _some(sorted(set(ids))):
        found.update(connection.execute(select(key).where(key.in_(some))).scalars())
    return found


def _known(
    connection: Connection, key: Column[Any], ids: Sequence[str], columns: Sequence[str]
) -> dict[str, tuple[Any, ...]]:
    asked = [key, *(key.table.c[name] for name in columns)]
    found: dict[str, tuple[Any, ...]] = {}
    for some in _some(sorted(set(ids))):
        found.update((row[0], tuple(row[1:])) for row in connection.execute(select(*asked).where(key.in_(some))))
    return found


def _insert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), list(rows))


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
