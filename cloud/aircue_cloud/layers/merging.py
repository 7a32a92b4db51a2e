"""Merging the lake's small files, by day, sorted so that a reader of one series finds it in one place.

Readers do not notice: the new file and the end of the old ones are one transaction, and the old ones stay on the disk
for those who began before. Flags that stood beside the files are folded in.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, delete, insert, select, update

from aircue_cloud import db, tables
from aircue_cloud.layers import lake, parquet, revisions
from aircue_cloud.layers.lake import BESIDE, FOLDED, Lake

GRACE = timedelta(minutes=10)
MOST_ROWS = 4_000_000  # of one merge: they are held in memory
_LARGE = 2_000_000  # a file of this many rows is merged no more
_LEVEL = 9
_MOST_DAYS = 64
_DAY_MS = 86_400_000
_F = tables.lake_files.c
_R = tables.revisions.c

Keep = Callable[[pa.Table], pa.Table]


class Merge(NamedTuple):
    """Files of one day that become one."""

    day: int
    keys: list[str]
    rows: int


def _as_they_are(content: pa.Table) -> pa.Table:
    return content


def waiting(connection: Connection, least: int) -> list[Merge]:
    """Days with at least so many small files, and files that hold several days."""
    columns = (_F.object_key, _F.day, _F.rows, _F.first_measured, _F.last_measured)
    small = select(*columns).where(_F.removed_at.is_(None), _F.rows < _LARGE).order_by(_F.day, _F.last_id)
    found = []
    for day, rows in groupby(connection.execute(small).all(), key=lambda row: row.day):
        files = _some(list(rows))
        mixed = any(_day(row.first_measured) != day or _day(row.last_measured) != day for row in files)
        if len(files) >= least or mixed:
            found.append(Merge(day, [row.object_key for row in files], sum(row.rows for row in files)))
    return found


def _some(files: Sequence[Any]) -> list[Any]:
    """As many as fit into memory; at least one."""
    taken: list[Any] = []
    rows = 0
    for file in files:
        rows += file.rows
        if taken and rows > MOST_ROWS:
            break
        taken.append(file)
    return taken


def _day(at: datetime) -> int:
    return db.to_ms(at) // _DAY_MS


def merge_all(engine: Engine, lake_: Lake, now: Callable[[], datetime], least: int = 2) -> int:
    """How many files were merged away."""
    with db.reading(engine) as connection:
        merges = waiting(connection, least)
    return sum(merge(engine, lake_, one.keys, now()) for one in merges)


def merge(engine: Engine, lake_: Lake, keys: Sequence[str], now: datetime, keep: Keep = _as_they_are) -> int:
    """Puts one file for each day in the place of these. keep: which of the rows stay."""
    with db.reading(engine) as connection:
        beside = _beside(connection)
    content = pa.concat_tables([pq.read_table(path) for path in lake_.paths(keys)]).unify_dictionaries()
    content, folded = _folded(content, beside)
    content = parquet.ordered(keep(content))
    rows = _written(lake_, content, now, len(keys))
    with db.writing(engine) as connection:
        mine = (_F.object_key.in_(keys), _F.removed_at.is_(None))
        ended = connection.execute(update(tables.lake_files).where(*mine).values(removed_at=now)).rowcount
        if ended != len(keys):
            raise lake.Superseded
        if rows:
            connection.execute(insert(tables.lake_files), rows)
        _mark_folded(connection, folded)
    return len(keys)


def _written(lake_: Lake, content: pa.Table, now: datetime, merged: int) -> list[dict[str, Any]]:
    days = pc.divide(content["measured_at"], _DAY_MS)
    different = sorted(pc.unique(days).to_pylist())[:_MOST_DAYS]
    rows = []
    for place, day in enumerate(different):
        last = place == _MOST_DAYS - 1
        part = content.filter(pc.greater_equal(days, day) if last else pc.equal(days, day))
        data = parquet.encode(part, level=_LEVEL)
        key = f"lake/{day}/{uuid.uuid4()}.parquet"
        lake_.objects.put(key, data)
        rows.append(lake.file_row(part, key, len(data), day, now, merged))
    return rows


def _beside(connection: Connection) -> dict[revisions.Key, str]:
    query = select(*(_R[name] for name in revisions.KEY), _R.flag).where(_R.place == BESIDE)
    return {tuple(row[:-1]): row[-1] for row in connection.execute(query).all()}


def _folded(content: pa.Table, beside: dict[revisions.Key, str]) -> tuple[pa.Table, dict[revisions.Key, str]]:
    """With the flags that stood beside, and which of them are in these files."""
    if not beside:
        return content, {}
    nodes, sequences = pa.array({key[0] for key in beside}), pa.array({key[3] for key in beside})
    node = content["node"].cast(pa.string())
    likely = pc.and_(pc.is_in(node, value_set=nodes), pc.is_in(content["sequence"], value_set=sequences))
    few = content.select(revisions.KEY).filter(likely)
    keys = list(zip(*(few[name].to_pylist() for name in revisions.KEY), strict=True))
    meant = np.flatnonzero(likely.to_numpy())[[key in beside for key in keys]]
    folded = {key: beside[key] for key in keys if key in beside}
    if not folded:
        return content, {}
    changed = np.zeros(len(content), np.bool_)
    changed[meant] = True
    flags = content["flag"].cast(pa.string()).combine_chunks()
    column = pc.replace_with_mask(flags, changed, pa.array([beside[key] for key in keys if key in beside], pa.string()))
    place = content.schema.get_field_index("flag")
    return content.set_column(place, "flag", column.dictionary_encode()), folded


def _mark_folded(connection: Connection, folded: dict[revisions.Key, str]) -> None:
    """But for those that another word has taken the place of meanwhile."""
    for key, flag in folded.items():
        mine = [_R[name] == part for name, part in zip(revisions.KEY, key, strict=True)]
        connection.execute(update(tables.revisions).where(*mine, _R.flag == flag).values(place=FOLDED))


def forget_old(engine: Engine, lake_: Lake, now: datetime, grace: timedelta = GRACE) -> int:
    """Removes the files that were merged away long enough ago; how many."""
    old = _F.removed_at <= now - grace
    with db.reading(engine) as connection:
        keys = list(connection.execute(select(_F.object_key).where(old)).scalars())
    for key in keys:
        lake_.forget(key)
    with db.writing(engine) as connection:
        connection.execute(delete(tables.lake_files).where(_F.object_key.in_(keys)))
    return len(keys)
