"""CSV of readings: columns node, quantity, measured_at, value, and site and unit where they differ or are not usual.

The rows are sealed as batches, as a gateway seals them, and taken in as such: so every reading knows its batch, and the
layers can be rebuilt from it. All rows are read and checked before the first batch is sealed. Batches lie in the base
layer first, where nobody knows of them; then one transaction acknowledges them all: an import that is killed before has
stored nothing, one that is killed afterwards everything. A batch that was taken before is known by its id and its
content, which follow from the file alone, so that nothing is in there twice.

The layers take the batches up at the end, as they do after an outage: turn by turn, whoever does it. What was measured
long ago leads to no offer: the policy sees to that.

Memory does not grow with the file; rows wait in a private file in TMPDIR, which takes about as much room as theirs.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import func, select

from aircue_cloud import db, strict, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Reason
from aircue_cloud.identity import gateway_keys
from aircue_cloud.importing import rejects, staging
from aircue_cloud.importing.errors import FileRefused
from aircue_cloud.importing.instants import instant
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import Columns, Dialect, Record, Source
from aircue_cloud.importing.taking import Taken
from aircue_cloud.ingest import columns
from aircue_cloud.ingest.intake import Intake
from aircue_cloud.layers.worker import Worker
from aircue_cloud.shop.events import untimely
from aircue_cloud.strict import Unfit
from aircue_cloud.tables.columns import to_ms
from aircue_gateway.batch import Batch, Channel, Group, Sample, Status, encode
from aircue_gateway.quantities import LIMITS
from aircue_gateway.units import UnitError, converter
from aircue_node.quantities import QUANTITIES

GATEWAY = "import"
INSTALLATION = 0  # no node's: theirs are drawn at random
BOOT = 0
COLUMNS = Columns(needed=("node", "quantity", "measured_at", "value"), more=("site", "unit"))
_MOST_SAMPLES = 2000  # in a batch

_TABLE = """
CREATE TABLE readings (
    site TEXT, node TEXT, at INTEGER, quantity TEXT, value INTEGER NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (site, node, at, quantity)
) WITHOUT ROWID;
CREATE TABLE rejections (line INTEGER PRIMARY KEY, reason TEXT NOT NULL);
"""
_MANY = 10_000
_AT_ONCE = 500  # batches asked about in one query
_MANY_ROWS = 2_000_000  # from here on the compiled reader of batches is worth the half minute it may take to compile

# site, node, at in ms, quantity, value in units of 1 / scale, line
Row: TypeAlias = tuple[str, str, int, str, int, int]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What is staged of a file. sha256: of the file."""

    sha256: str
    rows: int
    same: int
    connection: sqlite3.Connection

    def rejections(self) -> Iterator[tuple[int, str]]:
        yield from self.connection.execute("SELECT line, reason FROM rejections ORDER BY line")

    def rejected(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM rejections").fetchone()[0])


def take(intake: Intake, layers: Worker, path: Path, site: str | None, dialect: Dialect, progress: Progress) -> Taken:
    """site: of rows that name none."""
    with staging.private() as connection:
        connection.executescript(_TABLE)
        checked = _check(connection, intake, Source(path, dialect, COLUMNS), site, progress)
        rejected = checked.rejected()
        _list_rejected(checked, path, dialect, rejected)
        if checked.rows and rejected == checked.rows:
            raise CommandError(f"{path}: none of its {checked.rows} rows could be taken; see {rejects.place(path)}")
        if checked.rows >= _MANY_ROWS:
            columns.warm()
        stored, known = _deliver(intake, layers, checked, progress)
    return Taken(rows=checked.rows, stored=stored, duplicates=known + checked.same, rejected=rejected)


def _check(
    connection: sqlite3.Connection, intake: Intake, source: Source, site: str | None, progress: Progress
) -> Checked:
    progress.begin("read")
    rows = same = 0
    staged: list[Row] = []
    now = intake.clock()
    for record in source.records():
        rows += 1
        progress.add(1)
        try:
            staged.append(_row(record, site, now))
        except Unfit as unfit:
            _reject(connection, record.line, str(unfit))
        if len(staged) >= _MANY:
            same += _stage(connection, staged)
    same += _stage(connection, staged)
    progress.end()
    return Checked(sha256=source.sha256, rows=rows, same=same, connection=connection)


def _row(record: Record, site: str | None, now: Any) -> Row:
    cells = record.cells
    if record.error is not None:
        raise _unfit("row", cells, record.error)
    quantity = cells.get("quantity", "")
    if quantity not in QUANTITIES:
        raise _unfit("quantity", cells, f"one of {', '.join(sorted(QUANTITIES))}")
    at = instant(cells.get("measured_at", ""), "measured_at")
    reason = untimely(at, now, "measured_at")
    if reason is not None:
        raise Unfit(reason)
    where = cells.get("site", site or "")
    for name, text in (("site", where), ("node", cells.get("node", ""))):
        if not 0 < len(text) <= 128 or not text.isprintable() or " " in text or "/" in text:
            raise _unfit(name, {**cells, "site": where}, "up to 128 characters without spaces or slashes")
    return where, cells["node"], to_ms(at), quantity, _value(cells, quantity), record.line


def _value(cells: dict[str, str], quantity: str) -> int:
    """In the contract's unit and resolution."""
    unit, scale = QUANTITIES[quantity]
    try:
        number = Decimal(cells.get("value", ""))
        said = converter(quantity, cells["unit"])(float(number)) if "unit" in cells else float(number)
        if not abs(said) < 1e6:
            raise ValueError
    except UnitError as error:
        raise _unfit("unit", cells, str(error)) from error
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise _unfit("value", cells, f"a number in {unit}") from error
    return round(said * scale)


def _unfit(field: str, cells: dict[str, str], expected: str) -> Unfit:
    found = strict.shown(cells.get(field, ""))
    return Unfit(Reason(field=field, found=found, expected=expected, remedy="mend this row and import it again"))


def _reject(connection: sqlite3.Connection, line: int, reason: str) -> None:
    connection.execute("INSERT OR REPLACE INTO rejections VALUES (?, ?)", (line, reason))


def _stage(connection: sqlite3.Connection, rows: list[Row]) -> int:
    """Empties rows; how many say again what another said. One that says something else is rejected."""
    same = 0
    for row in rows:
        if connection.execute("INSERT OR IGNORE INTO readings VALUES (?, ?, ?, ?, ?, ?)", row).rowcount:
            continue
        mine = "site = ? AND node = ? AND at = ? AND quantity = ?"
        value, line = connection.execute(f"SELECT value, line FROM readings WHERE {mine}", row[:4]).fetchone()
        if value == row[4]:
            same += 1
        else:
            _reject(connection, row[5], f"line {line} says something else of the same node, quantity and time")
    connection.commit()
    rows.clear()
    return same


def _deliver(intake: Intake, layers: Worker, checked: Checked, progress: Progress) -> tuple[int, int]:
    """How many readings were new, and how many there already. One transaction makes all of them part of the store."""
    _know_gateway(intake)
    progress.begin("sealed")
    kept = []
    for batch, readings in _batches(checked):
        kept.append(intake.keep(GATEWAY, encode(batch)))
        progress.add(readings)
    progress.end()
    progress.begin("stored")
    receipts = intake.acknowledge(kept) if kept else []
    known = sum(one.readings for one in receipts if one.duplicate)
    progress.add(sum(one.readings for one in receipts))
    progress.end()
    stored, duplicates = _layered(layers, [one.batch for one in receipts if not one.duplicate])
    return stored, known + duplicates


def _layered(layers: Worker, batches: Sequence[str]) -> tuple[int, int]:
    """What the layers made of these batches, once they have taken them up: readings that were new, and not."""
    table = tables.batches.c
    layers.work()
    stored = duplicates = 0
    with db.reading(layers.engine) as connection:
        for start in range(0, len(batches), _AT_ONCE):
            mine = table.id.in_(batches[start : start + _AT_ONCE])
            sums = select(func.coalesce(func.sum(table.readings), 0), func.coalesce(func.sum(table.duplicates), 0))
            new, old = connection.execute(sums.where(mine)).one()
            stored, duplicates = stored + int(new), duplicates + int(old)
    return stored, duplicates


def _know_gateway(intake: Intake) -> None:
    """Batches are a gateway's; nobody learns this one's key."""
    with db.writing(intake.engine) as connection, suppress(CommandError):
        gateway_keys.add(connection, GATEWAY, intake.clock())


def _batches(checked: Checked) -> Iterator[tuple[Batch, int]]:
    """The batches of a file with how many readings each holds: always the same, for they hold nothing else."""
    query = "SELECT site, node, at, quantity, value FROM readings ORDER BY site, node, at, quantity"
    rows = checked.connection.execute(query)
    sequence = 0
    for (site, node), of_node in groupby(rows, key=lambda row: (row[0], row[1])):
        samples = ((at, {row[3]: row[4] for row in some}) for at, some in groupby(of_node, key=lambda row: row[2]))
        while some := [sample for _, sample in zip(range(_MOST_SAMPLES), samples, strict=False)]:
            yield _batch(checked.sha256, sequence, _group(site, node, some)), sum(len(values) for _, values in some)
            sequence += 1


def _batch(sha256: str, sequence: int, group: Group) -> Batch:
    sealed_at_ms = group.samples[-1].measured_at_ms
    return Batch(gateway=GATEWAY, epoch=sha256[:16], sequence=sequence, sealed_at_ms=sealed_at_ms, groups=(group,))


def _group(site: str, node: str, samples: Sequence[tuple[int, dict[str, int]]]) -> Group:
    quantities = sorted({quantity for _, values in samples for quantity in values})
    channels = [Channel(quantity=name, unit=QUANTITIES[name][0], scale=QUANTITIES[name][1]) for name in quantities]
    return Group(
        site=site,
        node=node,
        installation=INSTALLATION,
        boot=BOOT,
        channels=tuple(channels),
        samples=tuple(_sample(at, [values.get(name) for name in quantities], channels) for at, values in samples),
    )


def _sample(at: int, values: list[int | None], channels: Sequence[Channel]) -> Sample:
    """Its sequence is its time, so that another file that holds the same reading says it under the same key
    (layers/by_time.py)."""
    return Sample(
        sequence=at,
        uptime_ms=at,
        measured_at_ms=at,
        received_at_ms=at,
        clock="node",
        values=tuple(values),
        statuses=tuple(_status(value, channel) for value, channel in zip(values, channels, strict=True)),
    )


def _status(value: int | None, channel: Channel) -> Status:
    """What no air can be is kept with its flag."""
    if value is None:
        return Status.GAP
    limits = LIMITS[channel.quantity]
    return Status.OK if limits.low <= value / channel.scale <= limits.high else Status.RANGE


def _list_rejected(checked: Checked, path: Path, dialect: Dialect, rejected: int) -> None:
    if rejected:
        rejects.write(path, Source(path, dialect, COLUMNS), checked.rejections())
        return
    with suppress(FileNotFoundError):
        rejects.place(path).unlink()


__all__ = ["FileRefused", "take"]
