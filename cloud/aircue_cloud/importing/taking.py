"""One file of interactions taken in: all of its valid rows become visible at once, or none.

Rows are read, checked and staged first, where nobody sees them; then one transaction of the database stores them all.
So no reader has to know of imports, and whatever kills the process leaves the database as it was. Rows without an id
get one from their content, so that the same file, or a longer one, may be taken in again: what is there stays.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Engine, Table

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Reason
from aircue_cloud.importing import rejects, staging
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import Columns, Dialect, Record, Source
from aircue_cloud.importing.staging import Staging
from aircue_cloud.shop import events
from aircue_cloud.shop.events import Act
from aircue_cloud.strict import Unfit

DRAWN = "row"  # in place of an id that the file does not give
_AT_ONCE = 5000
# What is made where it is not there yet, in this order.
_ROOMS: dict[str, Table] = {"households": tables.households, "people": tables.people, "products": tables.products}


@dataclass(frozen=True, kw_only=True)
class Taken:
    """rows = stored + duplicates + rejected."""

    rows: int
    stored: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Item:
    """An event, and the rows it refers to by room."""

    act: Act
    others: tuple[tuple[str, dict[str, Any]], ...] = ()


class Format(Protocol):
    """How the rows of a kind of file become events; Unfit for a row that is none."""

    @property
    def columns(self) -> Columns: ...

    def item(self, cells: dict[str, str]) -> Item: ...


def take(engine: Engine, path: Path, form: Format, dialect: Dialect, now: datetime, progress: Progress) -> Taken:
    """FileRefused, and nothing stored, where the file as a whole is no such file."""
    with staging.opened() as staged:
        rows = _stage(staged, path, form, dialect, progress)
        stored, duplicates = _store(engine, staged, now, progress)
        rejected = staged.rejected()
        _list_rejected(staged, path, form, dialect, rejected)
    if rows and rejected == rows:
        raise CommandError(f"{path}: none of its {rows} rows could be taken; {rejects.place(path)} says why")
    return Taken(rows=rows, stored=stored, duplicates=duplicates, rejected=rejected)


def _stage(staged: Staging, path: Path, form: Format, dialect: Dialect, progress: Progress) -> int:
    progress.begin("read")
    rows = 0
    for record in Source(path, dialect, form.columns).records():
        reason = record.error or _staged(staged, form, record)
        if reason is not None:
            staged.reject(record.line, reason)
        rows += 1
        progress.add(1)
    progress.end()
    return rows


def _staged(staged: Staging, form: Format, record: Record) -> str | None:
    """Why a record is not staged."""
    try:
        item = form.item(record.cells)
    except Unfit as unfit:
        return str(unfit)
    row = events.row(item.act)
    id_ = row.pop("event")
    drawn = id_ == DRAWN
    for room, other in item.others:
        staged.refer(room, other)
    staged.add(record.line, _digest(row) if drawn else id_, row, drawn=drawn)
    return None


def _digest(row: dict[str, Any]) -> str:
    """An id that stands for what a row says; its weight is ours, and may change."""
    said = {name: value for name, value in row.items() if name not in ("weight", "pushed")}
    return f"row-{hashlib.blake2b(msgspec.msgpack.encode(said), digest_size=16).hexdigest()}"


def _store(engine: Engine, staged: Staging, now: datetime, progress: Progress) -> tuple[int, int]:
    """How many were new, and how many there already."""
    progress.begin("stored")
    stored = duplicates = 0
    with db.writing(engine) as connection:
        _make_others(connection, staged)
        for some in staged.rows(_AT_ONCE):
            verdicts = events.store_rows(connection, [row for _, row in some], now)
            stored += verdicts.count("stored")
            duplicates += verdicts.count("duplicate")
            for line, reason in _refused(some, verdicts):
                staged.reject(line, str(reason))
            progress.add(len(some))
    progress.end()
    return stored, duplicates


def _refused(some: list[tuple[int, dict[str, Any]]], verdicts: list[Any]) -> Iterator[tuple[int, Reason]]:
    for (line, row), verdict in zip(some, verdicts, strict=True):
        if isinstance(verdict, Reason):
            yield line, verdict
        elif verdict == "conflict":
            yield line, events.conflict(row["event"])


def _make_others(connection: Connection, staged: Staging) -> None:
    for room, table in _ROOMS.items():
        for rows in staged.others(room, _AT_ONCE):
            connection.execute(db.insert_absent(connection, table), rows)


def _list_rejected(staged: Staging, path: Path, form: Format, dialect: Dialect, rejected: int) -> None:
    """Of the last import of this file alone."""
    if rejected:
        rejects.write(path, Source(path, replace(dialect), form.columns), staged.rejections())
        return
    with suppress(FileNotFoundError):
        rejects.place(path).unlink()
