"""Households: their inbox, and what they agreed to."""

from typing import Any

from flask import Blueprint, Response, abort
from msgspec.structs import asdict
from sqlalchemy import Connection, Row, select

from aircue_cloud import consents, db, tables
from aircue_cloud.fields import changed
from aircue_cloud.homes import residents
from aircue_cloud.homes.residents import Household, HouseholdDocument, HouseholdPatch
from aircue_cloud.routes import said, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import config, services

blueprint = Blueprint("households", __name__, url_prefix="/api/v1/households")


@blueprint.get("")
@requires("households:read")
def get() -> dict[str, Any]:
    with db.reading(services().engine) as connection:
        rows = connection.execute(select(tables.households).order_by(tables.households.c.id)).all()
        sites = connection.execute(select(tables.sites).where(tables.sites.c.household.is_not(None))).all()
    linked = {row.id: [site.id for site in sites if site.household == row.id] for row in rows}
    return {"households": [{"id": row.id, "name": row.name, "sites": linked[row.id]} for row in rows]}


@blueprint.get("/<household>")
@requires("households:read")
@described(Operation(summary="One household with its sites", replies={200: HouseholdDocument}, refusals=(404,)))
def get_one(household: str) -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(_document(connection, household))


@blueprint.put("/<household>")
@requires("households:write")
@described(
    Operation(
        summary="Create or replace a household",
        bodies={wire.JSON: Household},
        replies={200: HouseholdDocument, 201: HouseholdDocument},
        refusals=(413, 415, 422),
    )
)
def put(household: str) -> Response:
    id_, body = wire.new_id(household, "household"), wire.body(Household)
    with db.writing(services().engine) as connection:
        created = residents.put(connection, tables.households, id_, asdict(body))
        return wire.reply(_document(connection, id_), 201 if created else 200)


@blueprint.patch("/<household>")
@requires("households:write")
@described(
    Operation(
        summary="Change a household",
        bodies={wire.JSON: HouseholdPatch},
        replies={200: HouseholdDocument},
        refusals=(404, 413, 415, 422),
    )
)
def patch(household: str) -> Response:
    body = wire.body(HouseholdPatch)
    with db.writing(services().engine) as connection:
        _must_exist(connection, household)
        residents.change(connection, tables.households, household, changed(body))
        return wire.reply(_document(connection, household))


def _document(connection: Connection, household: str) -> HouseholdDocument:
    _must_exist(connection, household)
    row = residents.find(connection, tables.households, household)
    assert row is not None
    return residents.household(connection, row)


@blueprint.get("/<household>/inbox")
@requires("households:read")
def inbox(household: str) -> dict[str, Any]:
    """The latest push first."""
    table = tables.pushes.c
    columns = (
        tables.pushes,
        tables.products.c.name.label("product_name"),
        tables.products.c.price_minor,
        tables.products.c.currency,
    )
    theirs = (table.household == household, table.withdrawn_at.is_(None))
    query = select(*columns).join(tables.products, tables.products.c.id == table.product).where(*theirs)
    with db.reading(services().engine) as connection:
        _must_exist(connection, household)
        rows = connection.execute(query.order_by(table.created_at.desc(), table.id))
        return {"pushes": [_push(row) for row in rows]}


def _push(row: Row[Any]) -> dict[str, Any]:
    names = ("id", "need", "product", "product_name", "category", "price_minor", "currency")
    texts = ("title", "text", "reason", "episode", "trigger")
    return {**{name: getattr(row, name) for name in (*names, *texts)}, "at": wire.iso(row.created_at)}


@blueprint.get("/<household>/consents")
@requires("consents:read")
def get_consents(household: str) -> dict[str, Any]:
    """What holds now, and all that was ever said."""
    with db.reading(services().engine) as connection:
        _must_exist(connection, household)
        history = consents.history(connection, household)
    return said.all_of(history)


@blueprint.post("/<household>/consents")
@requires("consents:write")
def post_consent(household: str) -> tuple[dict[str, Any], int]:
    asked = said.asked()
    with db.writing(services().engine) as connection:
        _must_exist(connection, household)
        now, controller = services().intake.clock(), config().answers
        consent = consents.record(connection, household, **asked, now=now, method="API", controller=controller)
    return said.one(consent), 201


def _must_exist(connection: Connection, household: str) -> None:
    if "\0" in household or residents.find(connection, tables.households, household) is None:
        abort(404, f"household {household!r:.100} is not known; GET /api/v1/households lists those that are")
