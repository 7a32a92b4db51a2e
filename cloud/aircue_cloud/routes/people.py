"""People, the members of households."""

from flask import Blueprint, Response, abort
from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection

from aircue_cloud import db, tables
from aircue_cloud.fields import changed
from aircue_cloud.homes import residents
from aircue_cloud.homes.residents import Person, PersonDocument, PersonPatch
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import AFTER_ID, HOUSEHOLD, LIMIT, Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("people", __name__, url_prefix="/api/v1/people")


class PersonPage(Struct, kw_only=True, frozen=True):
    """next: what to give as after for the rows that follow."""

    people: list[PersonDocument]
    next: str


@blueprint.get("")
@requires("households:read")
@described(Operation(summary="List people by id", replies={200: PersonPage}, query=(AFTER_ID, LIMIT, HOUSEHOLD)))
def get() -> Response:
    after, limit, household = wire.text_argument("after"), wire.limit(), wire.text_argument("household") or None
    with db.reading(services().engine) as connection:
        rows = residents.page(connection, tables.people, after=after, limit=limit, household=household)
    found = [residents.person(row) for row in rows]
    return wire.reply(PersonPage(people=found, next=found[-1].id if found else after))


@blueprint.get("/<person>")
@requires("households:read")
@described(Operation(summary="One person", replies={200: PersonDocument}, refusals=(404,)))
def get_one(person: str) -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(_document(connection, person))


@blueprint.put("/<person>")
@requires("households:write")
@described(
    Operation(
        summary="Create or replace a person",
        bodies={wire.JSON: Person},
        replies={200: PersonDocument, 201: PersonDocument},
        refusals=(413, 415, 422),
    )
)
def put(person: str) -> Response:
    id_, body = wire.new_id(person, "person"), wire.body(Person)
    with db.writing(services().engine) as connection:
        _must_know(connection, body.household)
        created = residents.put(connection, tables.people, id_, asdict(body))
        return wire.reply(_document(connection, id_), 201 if created else 200)


@blueprint.patch("/<person>")
@requires("households:write")
@described(
    Operation(
        summary="Change a person, or the household they belong to",
        bodies={wire.JSON: PersonPatch},
        replies={200: PersonDocument},
        refusals=(404, 413, 415, 422),
    )
)
def patch(person: str) -> Response:
    values = changed(wire.body(PersonPatch))
    with db.writing(services().engine) as connection:
        _document(connection, person)
        _must_know(connection, values.get("household"))
        residents.change(connection, tables.people, person, values)
        return wire.reply(_document(connection, person))


def _must_know(connection: Connection, household: str | None) -> None:
    reason = residents.household_amiss(connection, household)
    if reason is not None:
        wire.refuse(422, reason)


def _document(connection: Connection, person: str) -> PersonDocument:
    row = None if "\0" in person else residents.find(connection, tables.people, person)
    if row is None:
        abort(404, f"person {person!r:.100} is not known; GET /api/v1/people lists those that are")
    return residents.person(row)
