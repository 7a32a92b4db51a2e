"""One box for everything that has a name: nodes, sites, households, people, products, pushes and needs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request, url_for
from sqlalchemy import ColumnElement, Connection, Select, select
from sqlalchemy.sql.elements import KeyedColumnElement

from aircue_cloud import db, tables
from aircue_cloud.needs.needs import Needs
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, navigation
from aircue_cloud.web.listing import Cell, Listing, Row

blueprint = frame.blueprint("search", __name__)
MOST = 20  # of a kind
LONGEST = 100


@dataclass(frozen=True, kw_only=True)
class Found:
    """href: "" where no page tells of it."""

    kind: str
    name: str
    about: str
    href: str


Finder = Callable[[Connection, Needs, str], Iterator[Found]]


@blueprint.get("/search")
@requires("status:read")
def page() -> Response:
    wanted = request.args.get("q", "").strip()[:LONGEST]
    found = _found(wanted) if wanted else []
    return frame.page("console/search.html", title="Search", listings=[_listing(found, wanted)], wanted=wanted)


def _found(wanted: str) -> list[Found]:
    """Only of the kinds that whoever asks may see."""
    scopes = who().scopes
    with db.reading(services().engine) as connection:
        return [
            found
            for scope, finder in FINDERS
            if scope in scopes
            for found in finder(connection, services().needs, wanted)
        ]


def _listing(found: list[Found], wanted: str) -> Listing:
    rows: list[Row] = [[Cell(text=one.kind, word=True), Cell(text=one.name, href=one.href), one.about] for one in found]
    empty = f"Nothing has {wanted!r} in its name. Try a part of it, or an id." if wanted else "Type a name or an id."
    return Listing(name="found", caption="Found", columns=("What", "Name", "About"), rows=rows, empty=empty)


def _has(wanted: str, *columns: KeyedColumnElement[str]) -> ColumnElement[bool]:
    first, *others = (column.icontains(wanted, autoescape=True) for column in columns)
    for other in others:
        first = first | other
    return first


def _rows(connection: Connection, query: Select[str, str, str]) -> Iterator[tuple[str, str, str]]:
    for first, second, third in connection.execute(query.limit(MOST)):
        yield first, second or "", third or ""


def _nodes(connection: Connection, _: Needs, wanted: str) -> Iterator[Found]:
    t = tables.node_state.c
    query = select(t.node, t.site, t.site).where(_has(wanted, t.node)).distinct().order_by(t.site, t.node)
    for node, site, _site in _rows(connection, query):
        yield Found(kind="node", name=node, about=f"in {site}", href=_home(site))


def _sites(connection: Connection, _: Needs, wanted: str) -> Iterator[Found]:
    t, h = tables.sites.c, tables.households.c
    joined = select(t.id, h.name, t.tz).join(tables.households, h.id == t.household, isouter=True)
    for site, household, zone in _rows(connection, joined.where(_has(wanted, t.id)).order_by(t.id)):
        yield Found(kind="site", name=site, about=household or f"no household, {zone}", href=_home(site))


def _households(connection: Connection, _: Needs, wanted: str) -> Iterator[Found]:
    t = tables.households.c
    query = select(t.id, t.name, t.name).where(_has(wanted, t.id, t.name)).order_by(t.id)
    for id_, name, _name in _rows(connection, query):
        yield Found(kind="household", name=name, about=id_, href=_decisions(household=id_))


def _people(connection: Connection, _: Needs, wanted: str) -> Iterator[Found]:
    t = tables.people.c
    query = select(t.id, t.name, t.household).where(_has(wanted, t.id, t.name)).order_by(t.id)
    for id_, name, household in _rows(connection, query):
        yield Found(kind="person", name=name, about=f"{id_}, of {household}", href=_decisions(person=id_))


def _products(connection: Connection, _: Needs, wanted: str) -> Iterator[Found]:
    t = tables.products.c
    query = select(t.id, t.name, t.category).where(_has(wanted, t.id, t.name)).order_by(t.id)
    for id_, name, category in _rows(connection, query):
        yield Found(kind="product", name=name, about=category, href=_page("console_catalogue.product", product=id_))


def _pushes(connection: Connection, _: Needs, wanted: str) -> Iterator[Found]:
    t = tables.pushes.c
    query = select(t.id, t.title, t.household).where(_has(wanted, t.title) | (t.id == wanted))
    for id_, title, household in _rows(connection, query.order_by(t.created_at.desc(), t.id)):
        yield Found(kind="push", name=title, about=f"to {household}", href=_decisions(push=id_))


def _needs(_: Connection, needs: Needs, wanted: str) -> Iterator[Found]:
    page = next((entry.endpoint for entry in navigation.ENTRIES if entry.name == "Needs"), "")
    for name, need in needs.by_name.items():
        if wanted.lower() in name.lower() or wanted.lower() in need.title.lower():
            yield Found(kind="need", name=need.title, about=name, href=_page(page))


# In the order in which they are shown, each with the scope it needs.
FINDERS: tuple[tuple[str, Finder], ...] = (
    ("readings:read", _nodes),
    ("readings:read", _sites),
    ("households:read", _households),
    ("households:read", _people),
    ("catalogue:read", _products),
    ("decisions:read", _pushes),
    ("status:read", _needs),
)


def _home(site: str) -> str:
    return _page("console_homes.home", site=site)


def _decisions(**asked: str) -> str:
    return _page("console_decisions.page", **asked)


def _page(endpoint: str, **values: Any) -> str:
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else ""
