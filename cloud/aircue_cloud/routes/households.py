"""Households: their inbox, and what they agreed to."""

from typing import Any

from flask import Blueprint, Response, abort
from msgspec.structs import asdict
from sqlalchemy import Connection, Row, select

from aircue_cloud import consents, db, tables
from aircue_cloud.consents import Consent
from aircue_cloud.fields import changed
from aircue_cloud.homes import residents
from aircue_cloud.homes.residents import Household, HouseholdDocument, HouseholdPatch
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services

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
    query = (
        select(*columns)
        .join(tables.products, tables.products.c.id == table.product)
        .where(table.household == household)
    )
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
    return {
        "consents": [_consent(consent) for consent in consents.latest(history)],
        "history": [_consent(consent) for consent in history],
    }


@blueprint.post("/<household>/consents")
@requires("consents:write")
def post_consent(household: str) -> tuple[dict[str, Any], int]:
    said = wire.fields({"purpose": str, "data_category": str, "channel": str, "granted": bool})
    wire.one_of("purpose", said["purpose"], consents.PURPOSES)
    wire.one_of("data_category", said["data_category"], consents.DATA_CATEGORIES)
    wire.one_of("channel", said["channel"], consents.CHANNELS)
    with db.writing(services().engine) as connection:
        _must_exist(connection, household)
        consent = consents.record(connection, household, **said, now=services().intake.clock())
    return _consent(consent), 201


def _consent(consent: Consent) -> dict[str, Any]:
    return {**vars(consent), "at": wire.iso(consent.at)}


def _must_exist(connection: Connection, household: str) -> None:
    if "\0" in household or residents.find(connection, tables.households, household) is None:
        abort(404, f"household {household!r:.100} is not known; GET /api/v1/households lists those that are")
