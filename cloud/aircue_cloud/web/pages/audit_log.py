"""The audit log: who did what, on what, when, from where, and how it went."""

from typing import Any

from flask import Response, request, url_for
from sqlalchemy import ColumnElement, Connection, select

from aircue_cloud import audit, db, tables
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame
from aircue_cloud.web.listing import Cell, Column, Listing, Row

blueprint = frame.blueprint("audit", __name__)
_A = tables.audit.c
_COLUMNS = (
    Column(label="Number", number=True),
    "At (UTC)",
    "Who",
    "What",
    Column(label="On", wide=True),
    "Outcome",
    "From",
)


@blueprint.get("/audit")
@requires("audit:read")
def page() -> Response:
    wanted, before = request.args.get("q", "").strip(), request.args.get("before", type=int)
    with db.reading(services().engine) as connection:
        rows = _rows(connection, wanted, before, frame.most() + 1)
    return frame.page("console/audit.html", title="Audit log", listings=[_listing(rows, frame.most())], wanted=wanted)


def _rows(connection: Connection, wanted: str, before: int | None, limit: int) -> list[Any]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = [] if before is None else [_A.id < before]
    if wanted:
        columns = (_A.actor, _A.action, _A.target)
        who, what, on = (column.icontains(wanted, autoescape=True) for column in columns)
        conditions.append(who | what | on)
    query = select(tables.audit).where(*conditions).order_by(_A.id.desc()).limit(limit)
    return list(connection.execute(query).all())


def _listing(rows: list[Any], most: int) -> Listing:
    more = ""
    if len(rows) > most:
        more = url_for(".page", **{**request.args.to_dict(), "before": rows[most - 1].id})
    shown = [_row(row) for row in rows[:most]]
    empty = "Nothing was done here yet: signing in and every change will stand here, and stay."
    return Listing(name="audit", caption="Audit log", columns=_COLUMNS, rows=shown, empty=empty, more=more)


def _row(row: Any) -> Row:
    return [
        row.id,
        Cell(text=f"{row.at:%d %b %Y %H:%M:%S}", raw=row.at.isoformat()),
        row.actor,
        row.action,
        row.target,
        Cell(text=row.outcome, tone="" if row.outcome == audit.DONE else "warn"),
        row.address or None,
    ]
