"""Decisions, each with its trace: why a push went out, and why not."""

from typing import Any

from flask import Blueprint
from sqlalchemy import select

from aircue_cloud import db, tables
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services

blueprint = Blueprint("decisions", __name__, url_prefix="/api/v1/decisions")


@blueprint.get("")
@requires("decisions:read")
def get() -> dict[str, Any]:
    after, limit = wire.page()
    query = select(tables.decisions).where(tables.decisions.c.id > after).order_by(tables.decisions.c.id).limit(limit)
    with db.reading(services().engine) as connection:
        found = connection.execute(query).mappings().all()
    instants = ("at", "scheduled_at", "expires_at")
    rows = [{**row, **{name: wire.iso(row[name]) for name in instants}} for row in found]
    return {"rows": rows, "next": rows[-1]["id"] if rows else after}
