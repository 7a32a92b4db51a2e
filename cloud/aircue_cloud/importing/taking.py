"""One file of interactions taken in: all of its valid rows become visible at once, or none.

Rows are read, checked and staged first, where nobody sees them; then one short transaction of the database stores them
all (entering.py). So no reader has to know of imports, and whatever kills the process leaves the database as it was.
Rows without an id get one from their content, so that the same file, or a longer one, may be taken in again: what is
there stays.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Engine

from aircue_cloud.errors import CommandError
from aircue_cloud.importing import entering, rejects, staging
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import Columns, Dialect, Record, Source
from aircue_cloud.importing.staging import Staging
from aircue_cloud.shop import events
from aircue_cloud.shop.events import Act
from aircue_cloud.strict import Unfit

DRAWN = "row"  # in place of an id that the file does not give


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
        stored, duplicates = entering.enter(engine, staged, now, progress)
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


def _list_rejected(staged: Staging, path: Path, form: Format, dialect: Dialect, rejected: int) -> None:
    """Of the last import of this file alone."""
    if rejected:
        rejects.write(path, Source(path, replace(dialect), form.columns), staged.rejections())
        return
    with suppress(FileNotFoundError):
        rejects.place(path).unlink()
