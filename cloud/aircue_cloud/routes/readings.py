"""Readings, in the order in which they were stored."""

from datetime import datetime
from typing import Any

from flask import Blueprint

from aircue_cloud import db
from aircue_cloud.layers.lake import Span, asked
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services

blueprint = Blueprint("readings", __name__, url_prefix="/api/v1/readings")
_PAGE = "SELECT * FROM readings WHERE id > $after ORDER BY id LIMIT $limit"
_PLAIN = ("id", "site", "node", "installation", "boot", "sequence", "quantity", "unit", "flag", "clock", "batch")
_TIMES = ("measured_at", "received_at", "ingested_at")


@blueprint.get("")
@requires("readings:read")
def get() -> dict[str, Any]:
    after, limit = wire.page()
    with (
        db.reading(services().engine) as connection,
        services().lake.open(connection, Span(after_id=after)) as opened,
    ):
        found = asked(opened, _PAGE, {"after": after, "limit": limit}).to_pylist()
    rows = [_fields(row) for row in found]
    return {"rows": rows, "next": rows[-1]["id"] if rows else after}


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _PLAIN},
        "value": wire.decimal(row["raw"], row["scale"]),
        **{name: _iso(row[name]) for name in _TIMES},
    }


def _iso(at: datetime) -> str | None:
    """DuckDB's timestamps are UTC and do not say so."""
    return wire.iso(db.aware(at))
