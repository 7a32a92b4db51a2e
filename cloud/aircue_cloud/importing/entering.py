"""Staged rows into the database: compared and laid ready while everybody else goes on, then stored in one transaction.

What is laid ready lies in temporary tables, which the database shows to this connection alone and forgets with it. The
transaction copies them, and does nothing else; so other writers wait for a copy, not for a comparison. What changed
under the comparison (an event that came in meanwhile, a person who was erased) makes the copy fail as a whole; then all
is compared anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, Table, exists, insert, select
from sqlalchemy.exc import IntegrityError

from aircue_cloud import db, keyed, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.staging import Staging
from aircue_cloud.shop import events

_TRIES = 5
_AT_ONCE = 5000
# What is made where it is not there yet, in this order, and the columns that a file fills.
ROOMS: Mapping[Table, tuple[str, ...]] = {
    tables.households: ("id", "name"),
    tables.people: ("id", "household", "name"),
    tables.products: (
        "id", "name", "category", "price_minor", "currency", "stock", "description", "attributes", "retired_at",
    ),
}  # fmt: skip
_ACTS = ("event", "person", "product", "kind", "weight", "rating", "at", "pushed", *events.OWN)
_KEYED = tables.interactions.c.event


def enter(engine: Engine, staged: Staging, now: datetime, progress: Progress) -> tuple[int, int]:
    """How many rows were new, and how many there already; the others are among staged's rejections."""
    for _ in range(_TRIES):
        with engine.connect() as connection, _Ready(connection) as ready:
            new, duplicates = ready.lay(staged, now, progress)
            progress.begin("stored")
            try:
                ready.store()
            except IntegrityError:
                staged.forget_late_rejections()
                continue
        progress.add(new)
        progress.end()
        return new, duplicates
    raise CommandError(
        f"what is stored changed under the import {_TRIES} times; nothing was taken in: run it again when less goes on"
    )


class _Ready:
    """Temporary tables beside those that rows are meant for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._metadata = MetaData()
        self._rooms = {table: self._beside(table, names) for table, names in ROOMS.items()}
        self._acts = self._beside(tables.interactions, _ACTS)

    def _beside(self, table: Table, names: Sequence[str]) -> Table:
        columns = [Column(name, table.c[name].type) for name in names]
        return Table(f"import_{table.name}", self._metadata, *columns, prefixes=["TEMPORARY"])

    def __enter__(self) -> "_Ready":
        with self._connection.begin():
            self._metadata.create_all(self._connection, checkfirst=False)
        return self

    def __exit__(self, *_: object) -> None:
        """The connection goes back to others; these tables do not."""
        self._connection.rollback()
        with self._connection.begin():
            self._metadata.drop_all(self._connection, checkfirst=False)

    def lay(self, staged: Staging, now: datetime, progress: Progress) -> tuple[int, int]:
        """How many rows are laid ready, and how many are there already. Each part is a transaction of its own, which
        writes nothing that others could wait for."""
        progress.begin("compared")
        for room, ready in self._rooms.items():
            for rows in staged.others(room.name, _AT_ONCE):
                with self._connection.begin():
                    self._connection.execute(insert(ready), rows)
        new = duplicates = 0
        before: Sequence[Mapping[str, Any]] = ()
        for some in staged.rows(_AT_ONCE):
            with self._connection.begin():
                verdicts, laid = _judged(self._connection, staged, some, before, now)
                if laid:
                    self._connection.execute(insert(self._acts), laid)
            new, duplicates = new + len(laid), duplicates + verdicts.count("duplicate")
            before = laid[-1:] or before  # equal ids follow each other
            progress.add(len(some))
        progress.end()
        return new, duplicates

    def store(self) -> None:
        """IntegrityError where something is not as it was when it was compared."""
        with db.writing_on(self._connection):
            for room, ready in self._rooms.items():
                self._connection.execute(_copied(room, ready, only_absent=True))
            self._connection.execute(_copied(tables.interactions, self._acts, only_absent=False))


def _judged(
    connection: Connection,
    staged: Staging,
    some: Sequence[tuple[int, dict[str, Any]]],
    before: Sequence[Mapping[str, Any]],
    now: datetime,
) -> tuple[list[str], list[Mapping[str, Any]]]:
    """What becomes of each row, and those that are new; the others are rejected, or there already."""
    rows = [row for _, row in some]
    reasons = events.hindrances(connection, rows, now, staged.coming)
    fit = [(line, row) for (line, row), reason in zip(some, reasons, strict=True) if reason is None]
    found, new = keyed.judged(connection, _KEYED, [row for _, row in fit], besides=events.OURS, before=before)
    verdicts: list[str] = [str(verdict) for verdict in found]
    refused = [(line, reason) for (line, _), reason in zip(some, reasons, strict=True) if reason is not None]
    refused += list(_conflicts(fit, verdicts))
    for line, reason in refused:
        staged.reject(line, str(reason), late=True)
    return verdicts, new


def _conflicts(fit: Sequence[tuple[int, dict[str, Any]]], verdicts: Sequence[str]) -> Iterator[tuple[int, Any]]:
    for (line, row), verdict in zip(fit, verdicts, strict=True):
        if verdict == "conflict":
            yield line, events.conflict(row["event"])


def _copied(table: Table, ready: Table, *, only_absent: bool) -> Any:
    names = [column.name for column in ready.columns]
    rows = select(*ready.columns)
    if only_absent:
        rows = rows.where(~exists(select(table.c.id).where(table.c.id == ready.c.id)))
    return insert(table).from_select(names, rows)
