"""The privacy desk: what people asked of their data, with its clock, and everything about one of them as a file."""

from datetime import datetime
from typing import Any

from flask import Response, redirect, request, url_for

from aircue_cloud import db
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, wording
from aircue_cloud.web import requests as asked_for
from aircue_cloud.web.listing import Cell, Column, Listing, Row
from aircue_cloud.web.requests import Asked

blueprint = frame.blueprint("privacy", __name__)
_EXPORTS = {"household": "rights.export_household", "person": "rights.export_person"}
_COLUMNS = ("Asked (UTC)", Column(label="What", wide=True), "Whom", "By", "State", "Clock")
_EMPTY = "Nobody asked for anything yet. Exports, erasures, withdrawals and objections will stand here."


@blueprint.get("/privacy")
@requires("rights:read")
def page() -> Response:
    now = services().intake.clock()
    with db.reading(services().engine) as connection:
        found = asked_for.requests(connection, frame.most())
    waiting = [one for one in found if one.due is not None]
    listings = [_listing("open", "Open", waiting, now, "Nothing is open: whatever was asked for is done.")]
    listings.append(_listing("requests", "Requests", found, now, _EMPTY))
    return frame.page("console/privacy.html", title="Privacy desk", listings=listings)


@blueprint.get("/privacy/export")
@requires("rights:read")
def export() -> Response:
    """Leads to the file, which is made while it is sent."""
    kind, name = request.args.get("kind", ""), request.args.get("name", "").strip()
    if kind not in _EXPORTS or not name:
        return redirect(url_for(".page"), 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both
    values: dict[str, Any] = {kind: name}
    return redirect(url_for(_EXPORTS[kind], **values), 303)  # type: ignore[return-value]  # as above


def _listing(name: str, caption: str, found: list[Asked], now: datetime, empty: str) -> Listing:
    rows = [_row(one, now) for one in found]
    return Listing(name=name, caption=caption, columns=_COLUMNS, rows=rows, empty=empty)


def _row(one: Asked, now: datetime) -> Row:
    state = Cell(text=f"left in {', '.join(one.left)}: erase again", tone="warn") if one.left else "done at once"
    at = Cell(text=f"{one.at:%d %b %Y %H:%M}", raw=one.at.isoformat())
    return [at, one.what, one.whom, one.by, state, _clock(one, now)]


def _clock(one: Asked, now: datetime) -> Cell:
    if one.due is None:
        return Cell(text="stopped", tone="soft")
    left = (one.due - now).total_seconds()
    return Cell(text=f"{wording.span(left)} left" if left > 0 else f"over since {wording.span(-left)}", tone="warn")
