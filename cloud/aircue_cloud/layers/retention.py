"""How long each layer is kept, and the end of what is older.

base      the batches as they came: their objects go, their rows stay as lineage
readings  the lake, one quantity or all; a quantity's own word counts before that of all
hourly    what readings come to by the hour
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Engine, delete, select, update

from aircue_cloud import db, tables
from aircue_cloud.layers import merging
from aircue_cloud.layers.lake import Lake
from aircue_cloud.layers.summary import HOUR_MS

LAYERS = ("base", "readings", "hourly")
_F, _B, _H = tables.lake_files.c, tables.batches.c, tables.hourly.c
_K = tables.retention.c


def keep(connection: Connection, layer: str, quantity: str, days: int) -> None:
    row = {"layer": layer, "quantity": quantity, "days": days}
    connection.execute(db.insert_or_update(connection, tables.retention, ("days",)), [row])


def _limits(connection: Connection, layer: str, now: datetime) -> dict[str, datetime]:
    """By quantity, "" for all: what is older goes."""
    rows = connection.execute(select(_K.quantity, _K.days).where(_K.layer == layer))
    return {row.quantity: now - timedelta(days=row.days) for row in rows}


def retain(engine: Engine, lake: Lake, now: datetime) -> dict[str, int]:
    """How many objects, readings and hours were removed."""
    with db.reading(engine) as connection:
        base, readings, hourly = (_limits(connection, layer, now) for layer in LAYERS)
    return {
        "objects of base": _retain_base(engine, lake, base[""], now) if base else 0,
        "readings": _retain_readings(engine, lake, readings, now) if readings else 0,
        "hours": _retain_hours(engine, hourly[""]) if hourly else 0,
    }


def _retain_base(engine: Engine, lake: Lake, limit: datetime, now: datetime) -> int:
    """Only what the layers above have taken up."""
    old = (_B.received_at < limit, _B.layered_at.is_not(None), _B.held.is_(None), _B.base_removed_at.is_(None))
    with db.reading(engine) as connection:
        rows = connection.execute(select(_B.id, _B.object_key).where(*old)).all()
    for row in rows:
        with db.writing(engine) as connection:
            connection.execute(update(tables.batches).where(_B.id == row.id).values(base_removed_at=now))
        lake.objects.remove(row.object_key)
    return len(rows)


def _retain_readings(engine: Engine, lake: Lake, limits: Mapping[str, datetime], now: datetime) -> int:
    newest = max(limits.values())
    with db.reading(engine) as connection:
        query = select(_F.object_key, _F.rows).where(_F.removed_at.is_(None), _F.first_measured < newest)
        files = connection.execute(query).all()
    removed = 0
    for file in files:
        left: list[int] = []

        def kept(content: pa.Table, left: list[int] = left) -> pa.Table:
            found = content.filter(_young(content, limits))
            left.append(len(found))
            return found

        merging.merge(engine, lake, [file.object_key], now, kept)
        removed += file.rows - left[0]
    return removed


def _young(content: pa.Table, limits: Mapping[str, datetime]) -> pa.Array:
    """Which rows stay."""
    for_all = db.to_ms(limits[""]) if "" in limits else -(2**62)
    limit = pa.scalar(for_all, pa.int64())
    for quantity, at in limits.items():
        if quantity:
            limit = pc.if_else(pc.equal(content["quantity"], quantity), db.to_ms(at), limit)
    return pc.greater_equal(content["measured_at"], limit)


def _retain_hours(engine: Engine, limit: datetime) -> int:
    with db.writing(engine) as connection:
        return connection.execute(delete(tables.hourly).where(_H.hour < db.to_ms(limit) // HOUR_MS)).rowcount
