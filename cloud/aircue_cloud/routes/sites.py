"""Sites: the homes that nodes stand in, whose they are, and the air outside them."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort
from msgspec import Struct
from sqlalchemy import Connection

from aircue_cloud import db, tables
from aircue_cloud.fields import Reason
from aircue_cloud.homes import residents
from aircue_cloud.homes.residents import Site, SiteDocument, SitePatch
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import AFTER_ID, HOUSEHOLD, LIMIT, Argument, Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.weather import outdoor
from aircue_cloud.weather.outdoor import Outdoor

blueprint = Blueprint("sites", __name__, url_prefix="/api/v1/sites")

_AT = Argument(name="at", about="when; now unless given", schema={"type": "string", "format": "date-time"})


class SitePage(Struct, kw_only=True, frozen=True):
    """next: what to give as after for the rows that follow."""

    sites: list[SiteDocument]
    next: str


@blueprint.get("")
@requires("households:read")
@described(Operation(summary="List sites by id", replies={200: SitePage}, query=(AFTER_ID, LIMIT, HOUSEHOLD)))
def get() -> Response:
    after, limit, household = wire.text_argument("after"), wire.limit(), wire.text_argument("household") or None
    with db.reading(services().engine) as connection:
        rows = residents.page(connection, tables.sites, after=after, limit=limit, household=household)
    found = [residents.site(row) for row in rows]
    return wire.reply(SitePage(sites=found, next=found[-1].id if found else after))


@blueprint.get("/<site>")
@requires("households:read")
@described(Operation(summary="One site", replies={200: SiteDocument}, refusals=(404,)))
def get_one(site: str) -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(_document(connection, site))


@blueprint.put("/<site>")
@requires("households:write")
@described(
    Operation(
        summary="Create or replace a site; it need not have sent anything yet",
        bodies={wire.JSON: Site},
        replies={200: SiteDocument, 201: SiteDocument},
        refusals=(413, 415, 422),
    )
)
def put(site: str) -> Response:
    id_, values = wire.new_id(site, "site"), _fit(residents.site_values(wire.body(Site)))
    with db.writing(services().engine) as connection:
        _must_know(connection, values["household"])
        created = residents.put(connection, tables.sites, id_, values)
        return wire.reply(_document(connection, id_), 201 if created else 200)


@blueprint.patch("/<site>")
@requires("households:write")
@described(
    Operation(
        summary="Change a site: link it to a household, or unlink it with null",
        bodies={wire.JSON: SitePatch},
        replies={200: SiteDocument},
        refusals=(404, 413, 415, 422),
    )
)
def patch(site: str) -> Response:
    values = _fit(residents.site_changes(wire.body(SitePatch)))
    with db.writing(services().engine) as connection:
        _document(connection, site)
        _must_know(connection, values.get("household"))
        residents.change(connection, tables.sites, site, values)
        return wire.reply(_document(connection, site))


@blueprint.get("/<site>/outdoor")
@requires("weather:read")
@described(
    Operation(
        summary="The weather outside a site, of the nearest hour that is known",
        replies={200: Outdoor},
        query=(_AT,),
        refusals=(404,),
    )
)
def get_outdoor(site: str) -> Response:
    at = wire.moment_argument("at") or services().intake.clock()
    with db.reading(services().engine) as connection:
        area = _document(connection, site).area
        found = None if area is None else outdoor.at(connection, area, at)
    if found is None:
        abort(404, _unknown(site, area, at))
    return wire.reply(found)


def _unknown(site: str, area: str | None, at: datetime) -> str:
    if area is None:
        return f"nobody said where site {site!r:.100} is: PATCH its latitude and longitude"
    when = at.isoformat(timespec="minutes")
    remedy = "POST it to /api/v1/weather, or run: aircue-cloud weather refresh"
    return f"no weather of area {area} is known for {when}: {remedy}"


def _fit(values: dict[str, Any] | Reason) -> dict[str, Any]:
    if isinstance(values, Reason):
        wire.refuse(422, values)
    return values


def _must_know(connection: Connection, household: str | None) -> None:
    reason = residents.household_amiss(connection, household)
    if reason is not None:
        wire.refuse(422, reason)


def _document(connection: Connection, site: str) -> SiteDocument:
    row = None if "\0" in site else residents.find(connection, tables.sites, site)
    if row is None:
        abort(404, f"site {site!r:.100} is not known; GET /api/v1/sites lists those that are")
    return residents.site(row)
