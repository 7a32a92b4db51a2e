"""The feed: nodes that join, episodes, decisions, pushes."""

from typing import Any

from flask import Blueprint
from sqlalchemy import select

from aircue_cloud import db, tables
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services

blueprint = Blueprint("feed", __name__, url_prefix="/api/v1/feed")


@blueprint.get("")
@requires("feed:read")
def get() -> dict[str, Any]:
    after, limit = wire.page()
    query = select(tables.feed).where(tables.feed.c.id > after).order_by(tables.feed.c.id).limit(limit)
    with db.reading(services().engine) as connection:
        found = connection.execute(query).all()
    rows = [{**row.fields, "id": row.id, "at": wire.iso(row.at), "kind": row.kind, "text": row.text} for row in found]
    return {"rows": rows, "next": rows[-1]["id"] if rows else after}
