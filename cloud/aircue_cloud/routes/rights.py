"""People's rights over their data: for the store's owner, and for shoppers themselves."""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort
from sqlalchemy import select

from aircue_cloud import audit, consents, db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.rights import erasure, export
from aircue_cloud.rights import subject as subjects
from aircue_cloud.rights.places import places
from aircue_cloud.rights.subject import Subject
from aircue_cloud.routes import said
from aircue_cloud.routes.access import by_shopper, requires, shopper, who
from aircue_cloud.routes.services import Services, config, services

blueprint = Blueprint("rights", __name__, url_prefix="/api/v1")

_KINDS = {"households": subjects.household, "people": subjects.person}
_IN_MEMORY = 1024 * 1024
_PART = 64 * 1024


@blueprint.get("/households/<household>/export")
@requires("rights:read")
def export_household(household: str) -> Response:
    return _zip(_subject("households", household), _actor(), household)


@blueprint.get("/people/<person>/export")
@requires("rights:read")
def export_person(person: str) -> Response:
    return _zip(_subject("people", person), _actor(), person)


@blueprint.delete("/households/<household>")
@requires("rights:write")
def erase_household(household: str) -> dict[str, Any]:
    return _erased(_subject("households", household))


@blueprint.delete("/people/<person>")
@requires("rights:write")
def erase_person(person: str) -> dict[str, Any]:
    return _erased(_subject("people", person))


def _erased(subject: Subject) -> dict[str, Any]:
    """The proof says what went, and whether anything is left."""
    here, actor = services(), _actor()
    where = places(here.engine, here.lake, here.place.model_dir, here.intake.clock())
    proof = erasure.erase(here.engine, subject, where, actor, here.intake.clock())
    _write_down(actor, "rights erase", proof.pseudonym)
    return erasure.as_json(proof)


@blueprint.get("/erasures")
@requires("rights:read")
def get_erasures() -> dict[str, Any]:
    table = tables.erasures.c
    with db.reading(services().engine) as connection:
        return {"erasures": list(connection.execute(select(table.proof).order_by(table.at, table.id)).scalars())}


@blueprint.get("/me/export")
@by_shopper
def get_mine() -> Response:
    return _zip(_subject("people", shopper()), f"shopper {shopper()}", shopper())


@blueprint.get("/me/consents")
@by_shopper
def get_my_consents() -> dict[str, Any]:
    """What the household of whoever asks agreed to, with receipts."""
    household = _household()
    with db.reading(services().engine) as connection:
        history = consents.history(connection, household)
    return said.all_of(history)


@blueprint.post("/me/consents")
@by_shopper
def post_my_consent() -> tuple[dict[str, Any], int]:
    """Giving and taking back are the same step."""
    asked = said.asked()
    household, now, controller = _household(), services().intake.clock(), config().answers
    with db.writing(services().engine) as connection:
        how = {**asked, "now": now, "method": "shop page", "controller": controller}
        consent = consents.record(connection, household, **how)
    return said.one(consent), 201


def _actor() -> str:
    return f"{who().kind} {who().name}".strip()


def _household() -> str:
    """Of the person who is signed in."""
    table = tables.people.c
    with db.reading(services().engine) as connection:
        found: str | None = connection.execute(
            select(table.household).where(table.id == shopper())
        ).scalar_one_or_none()
    if found is None:
        abort(404, "you are in no household of this store: ask the shop to add you to one")
    return found


def _subject(kind: str, name: str) -> Subject:
    if "\0" in name:
        abort(404, f"{name!r:.100} is nobody's id")
    with db.reading(services().engine) as connection:
        try:
            return _KINDS[kind](connection, services().lake, name)
        except CommandError as error:
            abort(404, str(error))


def _zip(subject: Subject, actor: str, name: str) -> Response:
    here = services()
    _write_down(actor, "rights export", name)
    headers = {"Content-Disposition": "attachment; filename=everything.zip"}
    return Response(_parts(here, subject, here.intake.clock()), mimetype="application/zip", headers=headers)


def _parts(here: Services, subject: Subject, now: datetime) -> Iterator[bytes]:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        with db.reading(here.engine) as connection:
            export.write(connection, here.lake, subject, file, now)
        file.seek(0)
        while part := file.read(_PART):
            yield part


def _write_down(actor: str, action: str, target: str) -> None:
    with db.writing(services().engine) as connection:
        audit.append(connection, audit.Act(actor=actor, action=action, target=target), services().intake.clock())
