"""Episodes, the latest first."""

from typing import Any

from flask import Blueprint
from sqlalchemy import Row, select

from aircue_cloud import db, tables
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services

blueprint = Blueprint("episodes", __name__, url_prefix="/api/v1/episodes")


@blueprint.get("")
@requires("episodes:read")
def get() -> dict[str, Any]:
    _, limit = wire.page()
    table = tables.episodes.c
    query = select(tables.episodes).where(~table.withdrawn).order_by(table.started_at.desc(), table.id).limit(limit)
    with db.reading(services().engine) as connection:
        return {"episodes": [_fields(row) for row in connection.execute(query)]}


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in ("id", "need", "site", "node", "quantity", "peak", "open")},
        **{name: wire.iso(getattr(row, name)) for name in ("started_at", "confirmed_at", "ended_at")},
    }
