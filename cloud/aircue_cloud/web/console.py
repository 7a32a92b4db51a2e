"""The operator's console: one page, and the part of it that its script fetches again while somebody looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, make_response, render_template, request
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.decision import kill_switch
from aircue_cloud.layers.lake import Lake
from aircue_cloud.needs.needs import Needs
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, funnel, page, pages, queries, sign_in, wording
from aircue_cloud.web.funnel import Step
from aircue_cloud.web.listing import Listing
from aircue_cloud.web.queries import Series

EPISODES = 20
PUSHES = 12
CARDS = 6
SLICES = 120  # of each of its charts, which are small
FUNNEL = timedelta(days=30)
DECLINED = 12

Place = tuple[str, str]  # site, node

blueprint = Blueprint("console", __name__, url_prefix="/console", template_folder="templates", static_folder="static")
blueprint.after_request(frame.guard)


def register(app: Flask) -> None:
    app.jinja_env.filters["say"] = frame.said
    app.register_blueprint(blueprint)
    pages.register(app)
    app.register_blueprint(sign_in.blueprint)


@dataclass(frozen=True, kw_only=True)
class View:
    """All that the template shows."""

    figures: list[page.Figure]
    window: page.Window
    cards: list[page.Card]
    episodes: list[page.EpisodeLine]
    pushes: list[page.PushLine]
    declined: list[page.DeclinedLine]
    funnel: list[Step]
    off: str | None  # why nothing is pushed at all
    nodes: int  # all, of which the cards show some


@blueprint.get("")
@requires("status:read")
def console() -> Response:
    """The whole page; or one of its tables as a file."""
    return _file() if frame.as_csv() else _answer("console.html", _asked())


def _file() -> Response:
    known = services()
    with db.reading(known.engine) as connection:
        zones = {site: page.zone(name) for site, name in queries.zones(connection).items()}
        units = {one.quantity: wording.unit(one.unit) for one in queries.series(connection)}
        now = known.intake.clock()
        listings = [
            _episodes(connection, known.needs, zones, units, now),
            _pushes(connection, zones),
            _declined(connection, known.needs, zones),
        ]
    return frame.page("console.html", title="Now", listings=listings)


Zones = Mapping[str, ZoneInfo]


def _episodes(connection: Connection, needs: Needs, zones: Zones, units: Mapping[str, str], now: datetime) -> Listing:
    lines = [
        page.episode_line(row, needs, zones[row["site"]], units, now)
        for row in queries.episodes(connection, limit=frame.most())
    ]
    rows = [[o.need, o.node, o.site, o.started, o.lasted, o.peak, o.standing, o.outcome, o.reason] for o in lines]
    columns = ("Need", "Node", "Home", "Began", "Lasted", "Peak", "State", "Decision", "Why")
    return Listing(name="episodes", caption="Episodes", columns=columns, rows=rows, empty="")


def _pushes(connection: Connection, zones: Zones) -> Listing:
    lines = [page.push_line(row, zones[row["site"]]) for row in queries.pushes(connection, frame.most())]
    rows = [[o.at, o.household, o.title, o.text, o.product, o.price, o.reason, o.origin] for o in lines]
    columns = ("Sent", "Household", "Push", "Text", "Product", "Price", "Why", "Origin")
    return Listing(name="pushes", caption="Pushes", columns=columns, rows=rows, empty="")


def _declined(connection: Connection, needs: Needs, zones: Zones) -> Listing:
    lines = [page.declined_line(row, needs, zones[row["site"]]) for row in queries.declined(connection, frame.most())]
    rows = [[o.at, o.need, o.node, o.site, o.reason] for o in lines]
    columns = ("At", "Need", "Node", "Home", "Why")
    return Listing(name="declined", caption="Held back", columns=columns, rows=rows, empty="")


@blueprint.get("/live")
@requires("status:read")
def live() -> Response:
    """What changes on it; 304 while nothing has been added since the version the script names."""
    asked, known = _asked(), services()
    with db.reading(known.engine) as connection:
        version = _version(connection, asked, known.intake.clock())
    if request.if_none_match.contains(version):
        return Response(status=304)
    return _answer("live.html", asked)


def _asked() -> str | None:
    """The window that is asked for; None for the one that fits."""
    name = request.args.get("window")
    return name if name in page.WINDOWS else None


def _answer(template: str, asked: str | None) -> Response:
    known = services()
    now = known.intake.clock()
    with db.reading(known.engine) as connection:
        version = _version(connection, asked, now)
        view = build(connection, known.lake, known.needs, asked, now)
    shown = {"view": view, "windows": page.WINDOWS, "asked": asked, "version": version, "title": "Now"}
    response = make_response(render_template(template, **shown, **frame.framed()))
    response.set_etag(version)
    return response


def _version(connection: Connection, asked: str | None, now: datetime) -> str:
    """The minute is part of it, because a node that falls silent adds nothing."""
    return f"{queries.version(connection)}-{asked}-{now:%H%M}"


def build(connection: Connection, lake: Lake, needs: Needs, asked: str | None, now: datetime) -> View:
    """The page's content as of one moment."""
    every = queries.series(connection)
    nodes = list(dict.fromkeys((one.site, one.node) for one in every))
    charted = _charted(nodes, queries.troubled(connection))
    first = None if asked is not None else queries.first_measured(connection)
    shown = page.window(asked, first, [one.measured_at for one in every], now)
    zones = {site: page.zone(name) for site, name in queries.zones(connection).items()}
    units = {one.quantity: wording.unit(one.unit) for one in every}
    return View(
        figures=page.figures(queries.figures(connection)),
        window=shown,
        cards=_cards(
            connection, lake, needs, [one for one in every if (one.site, one.node) in charted], shown, zones, now
        ),
        episodes=[
            page.episode_line(row, needs, zones[row["site"]], units, shown.end)
            for row in queries.episodes(connection, limit=EPISODES)
        ],
        pushes=[page.push_line(row, zones[row["site"]]) for row in queries.pushes(connection, PUSHES)],
        declined=[page.declined_line(row, needs, zones[row["site"]]) for row in queries.declined(connection, DECLINED)],
        funnel=funnel.steps(connection, now - FUNNEL),
        off=kill_switch.switched_off(connection),
        nodes=len(nodes),
    )


def _charted(nodes: list[Place], troubled: set[Place]) -> set[Place]:
    """Of many nodes those with an open episode first, then by site and name."""
    return set(sorted(nodes, key=lambda node: (node not in troubled, node))[:CARDS])


def _cards(
    connection: Connection,
    lake: Lake,
    needs: Needs,
    every: list[Series],
    shown: page.Window,
    zones: Mapping[str, ZoneInfo],
    now: datetime,
) -> list[page.Card]:
    """The nodes by site and name, which is the order of `every`."""
    episodes = queries.episodes(connection, start=shown.start)
    wanted = {(one.site, one.node) for one in every}
    courses = queries.courses(connection, lake, wanted, shown.start_ms, shown.end_ms, SLICES)
    homes = queries.households(connection)
    cards = []
    for (site, _), found in groupby(every, key=lambda one: (one.site, one.node)):
        series = page.in_order(found)
        newest = max(series, key=lambda one: one.measured_at)
        drawn = [
            page.draw(one, shown, courses[one.site, one.node, one.quantity], episodes, needs, zones[site])
            for one in series
        ]
        cards.append(page.card(newest, newest.sender, drawn, tz=zones[site], home=homes.get(site, ""), now=now))
    return cards
