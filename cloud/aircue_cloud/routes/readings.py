"""Readings, in the order in which they were stored."""

from typing import Any

from flask import Blueprint
from sqlalchemy import Row, select

from aircue_cloud import db, tables
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services

blueprint = Blueprint("readings", __name__, url_prefix="/api/v1/readings")
_PLAIN = ("id", "site", "node", "installation", "boot", "sequence", "quantity", "unit", "flag", "clock", "batch")


@blueprint.get("")
@requires("readings:read")
def get() -> dict[str, Any]:
    after, limit = wire.page()
    query = select(tables.readings).where(tables.readings.c.id > after).order_by(tables.readings.c.id).limit(limit)
    with db.reading(services().engine) as connection:
        rows = [_fields(row) for row in connection.execute(query)]
    return {"rows": rows, "next": rows[-1]["id"] if rows else after}


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in _PLAIN},
        "value": wire.decimal(row.value, row.scale),
        "measured_at": wire.iso(row.measured_at),
        "received_at": wire.iso(row.received_at),
        "ingested_at": wire.iso(row.ingested_at),
    }
