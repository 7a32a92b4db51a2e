"""Homes: where they are, and what the air in each was like."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flask import Response, abort, request, url_for
from sqlalchemy import Connection, func, select

from aircue_cloud import db, tables
from aircue_cloud.needs.needs import Needs
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import areas, frame, queries, wording
from aircue_cloud.web import home as homes
from aircue_cloud.web import page as pages_page
from aircue_cloud.web.home import Site, View
from aircue_cloud.web.listing import Cell, Column, Listing, Row
from aircue_cloud.web.page import Drawn, Window

blueprint = frame.blueprint("homes", __name__)
SPAN_WORDS = {"hour": "Hour", "day": "Day", "week": "Week", "month": "Month", "year": "Year"}
_S, _H, _N, _E = tables.sites.c, tables.households.c, tables.node_state.c, tables.episodes.c
_COLUMNS = (
    "Home",
    "Household",
    Column(label="Nodes", number=True),
    Column(label="Open episodes", number=True),
    "Last heard",
    "Time zone",
    "Area",
)
_EMPTY = (
    "No home yet. One appears with the first readings of its site; name it beforehand with PUT /api/v1/sites/ID, and "
    "link it with: aircue-cloud site link SITE HOUSEHOLD"
)


@blueprint.get("/homes")
@requires("readings:read")
def page() -> Response:
    after = request.args.get("after", "")
    with db.reading(services().engine) as connection:
        rows = _sites(connection, after, frame.most() + 1)
        placed = connection.execute(select(_S.area)).scalars().all()
    listing = _listing(rows, frame.most())
    return frame.page("console/homes.html", title="Homes", listings=[listing], map=areas.svg(placed))


@blueprint.get("/homes/<path:site>")
@requires("readings:read")
def home(site: str) -> Response:
    known, raw = services(), request.args.get("raw") == "1"
    now = known.intake.clock()
    with db.reading(known.engine) as connection:
        mine = homes.site(connection, site)
        if mine is None:
            abort(404, f"site {site!r:.100} is not known: look for it among the homes")
        series = queries.series(connection, site)
        shown = _window([one.measured_at for one in series], now)
        view = homes.build(connection, known.lake, known.needs, mine, series, shown, now, raw=raw)
    return frame.page(
        "console/home.html",
        title=mine.id,
        crumbs=[("Homes", url_for(".page")), (mine.id, "")],
        listings=[_episodes(view, mine, known.needs), _pushes(view, mine), *_courses(view)],
        mine_site=mine,
        view=view,
        spans=SPAN_WORDS,
        raw=raw,
        moves=_moves(shown),
        said=_said(shown, mine),
    )


def _window(latest: Sequence[datetime], now: datetime) -> Window:
    start, end = request.args.get("start", type=_instant), request.args.get("end", type=_instant)
    return homes.window(request.args.get("span", ""), start, end, latest, now)


def _instant(text: str) -> int:
    """Milliseconds of the years 1970 to 9999; ValueError for anything else, which counts as not said."""
    ms = int(text)
    if not 0 <= ms < 253_402_300_800_000:
        raise ValueError(text)
    return ms


def _moves(shown: Window) -> dict[str, str]:
    """Where earlier, later, wider and narrower windows are."""
    width = shown.end_ms - shown.start_ms
    moved = {
        "Earlier": (shown.start_ms - width // 2, shown.end_ms - width // 2),
        "Later": (shown.start_ms + width // 2, shown.end_ms + width // 2),
        "Closer": (shown.start_ms + width // 4, shown.end_ms - width // 4),
        "Wider": (shown.start_ms - width // 2, shown.end_ms + width // 2),
    }
    return {name: _at(max(start, 0), end) for name, (start, end) in moved.items()}


def _at(start_ms: int, end_ms: int) -> str:
    kept = {"raw": "1"} if request.args.get("raw") == "1" else {}
    return url_for(".home", **{**(request.view_args or {}), **kept, "start": start_ms, "end": end_ms})


def _said(shown: Window, mine: Site) -> str:
    start, end = (wording.date_and_time(at, mine.tz) for at in (shown.start, shown.end))
    return frame.say("{start} to {end}, times in {zone}", start=start, end=end, zone=mine.tz)


def _sites(connection: Connection, after: str, limit: int) -> list[Any]:
    nodes = select(func.count(_N.node.distinct())).where(_N.site == _S.id).scalar_subquery()
    heard = select(func.max(_N.measured_at)).where(_N.site == _S.id).scalar_subquery()
    opened = select(func.count()).where(_E.site == _S.id, _E.open, ~_E.withdrawn).scalar_subquery()
    query = (
        select(
            _S.id,
            _S.tz,
            _S.area,
            _S.household,
            _H.name,
            nodes.label("nodes"),
            heard.label("heard"),
            opened.label("opened"),
        )
        .join(tables.households, _H.id == _S.household, isouter=True)
        .where(_S.id > after)
    )
    return list(connection.execute(query.order_by(_S.id).limit(limit)).all())


def _listing(rows: Sequence[Any], most: int) -> Listing:
    more = url_for(".page", after=rows[most - 1].id) if len(rows) > most else ""
    return Listing(
        name="homes",
        caption="Homes",
        columns=_COLUMNS,
        rows=[_row(row) for row in rows[:most]],
        empty=_EMPTY,
        more=more,
    )


def _row(row: Any) -> Row:
    heard = None
    if row.heard is not None:
        heard = Cell(text=wording.day_and_time(row.heard, pages_page.zone(row.tz)), raw=row.heard.isoformat())
    return [
        Cell(text=row.id, href=url_for(".home", site=row.id)),
        row.name or Cell(text="linked to none", raw="", tone="soft", word=True),
        row.nodes,
        Cell(text=str(row.opened), raw=row.opened, tone="warn" if row.opened else ""),
        heard,
        row.tz,
        row.area,
    ]


def _episodes(view: View, mine: Site, needs: Needs) -> Listing:
    lines = [pages_page.episode_line(row, needs, mine.tz, {}, view.window.end) for row in view.episodes[: frame.most()]]
    rows: list[Row] = [
        [o.need, o.node, o.started, o.lasted, o.peak, _word(o.standing), _word(o.outcome), o.reason] for o in lines
    ]
    columns = ("Need", "Room", "Began", "Lasted", "Peak", "State", "Decision", Column(label="Why", wide=True))
    empty = "No episode in this window: choose a wider one, or wait for a reading that passes a need's threshold."
    return Listing(name="episodes", caption="Episodes", columns=columns, rows=rows, empty=empty)


def _word(text: str) -> Cell:
    return Cell(text=text, word=True)


def _pushes(view: View, mine: Site) -> Listing:
    rows: list[Row] = [
        [
            Cell(text=wording.day_and_time(row["created_at"], mine.tz), raw=row["created_at"].isoformat()),
            pages_page.place(row["node"]),
            Cell(text=row["title"], href=_decisions(row["id"])),
            row["product_name"],
            row["channel"],
            row["reason"],
        ]
        for row in view.pushes
    ]
    columns = ("Sent", "Room", "Push", "Product", "Channel", Column(label="Why", wide=True))
    empty = "No push in this window. The decisions page says why not, gate by gate."
    return Listing(name="pushes", caption="Pushes", columns=columns, rows=rows, empty=empty)


def _decisions(push: str) -> str:
    return url_for("console_decisions.page", push=push)


def _courses(view: View) -> Iterable[Listing]:
    """The table behind each chart, as a file."""
    for room in view.rooms:
        yield from (_course(room.node, one) for one in room.drawn)
    yield from (_course("outdoors", one) for one in view.outdoors)


def _course(node: str, one: Drawn) -> Listing:
    rows = [[s.since, s.low, s.mean, s.high, s.readings] for s in one.table]
    heads = ("From", *(f"{name}, {one.unit}".rstrip(", ") for name in ("Lowest", "Mean", "Highest")), "Readings")
    columns = [Column(label=head, number=head != "From") for head in heads]
    caption = f"{one.label} of {node}"
    return Listing(name=f"{node}/{one.quantity}", caption=caption, columns=columns, rows=rows, empty="No reading here.")
