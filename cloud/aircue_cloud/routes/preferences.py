"""What people want of pushes: quiet hours, zone, language, caps, topics, needs that are stopped or snoozed."""

from flask import Blueprint, Response, abort

from aircue_cloud import db, tables
from aircue_cloud.decision import preferences
from aircue_cloud.decision.preferences import HOUSEHOLD, PERSON, PreferencesDocument, PreferencesPatch
from aircue_cloud.fields import Reason
from aircue_cloud.homes import residents
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_shopper, requires, shopper
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("preferences", __name__, url_prefix="/api/v1")

_TABLES = {PERSON: tables.people, HOUSEHOLD: tables.households}
_BODIES = {wire.JSON: PreferencesPatch}
_REPLIES = {200: PreferencesDocument}


@blueprint.get("/people/<person>/preferences")
@requires("households:read")
@described(Operation(summary="What a person wants of pushes", replies=_REPLIES, refusals=(404,)))
def get(person: str) -> Response:
    return _get(PERSON, person)


@blueprint.patch("/people/<person>/preferences")
@requires("households:write")
@described(
    Operation(
        summary="Change what a person wants of pushes", bodies=_BODIES, replies=_REPLIES, refusals=(404, 413, 415, 422)
    )
)
def patch(person: str) -> Response:
    return _patch(PERSON, person)


@blueprint.get("/households/<household>/preferences")
@requires("households:read")
@described(Operation(summary="What a household wants of pushes", replies=_REPLIES, refusals=(404,)))
def get_of_household(household: str) -> Response:
    return _get(HOUSEHOLD, household)


@blueprint.patch("/households/<household>/preferences")
@requires("households:write")
@described(
    Operation(
        summary="Change what a household wants of pushes",
        bodies=_BODIES,
        replies=_REPLIES,
        refusals=(404, 413, 415, 422),
    )
)
def patch_of_household(household: str) -> Response:
    return _patch(HOUSEHOLD, household)


@blueprint.get("/me/preferences")
@by_shopper
@described(Operation(summary="What the shopper wants of pushes", replies=_REPLIES, refusals=(401, 404)))
def get_mine() -> Response:
    return _get(PERSON, shopper())


@blueprint.patch("/me/preferences")
@by_shopper
@described(
    Operation(
        summary="Change what one wants of pushes", bodies=_BODIES, replies=_REPLIES, refusals=(401, 404, 413, 415, 422)
    )
)
def patch_mine() -> Response:
    return _patch(PERSON, shopper())


def _get(kind: str, subject: str) -> Response:
    _must_exist(kind, subject)
    with db.reading(services().engine) as connection:
        return wire.reply(preferences.document(preferences.of(connection, kind, subject)))


def _patch(kind: str, subject: str) -> Response:
    body = wire.body(PreferencesPatch)
    _must_exist(kind, subject)
    with db.writing(services().engine) as connection:
        said = preferences.patched(preferences.of(connection, kind, subject), body)
        if isinstance(said, Reason):
            wire.refuse(422, said)
        preferences.store(connection, kind, subject, said, services().intake.clock())
        return wire.reply(preferences.document(said))


def _must_exist(kind: str, subject: str) -> None:
    with db.reading(services().engine) as connection:
        if "\0" in subject or residents.find(connection, _TABLES[kind], subject) is None:
            abort(404, f"{kind} {subject!r:.100} is not known")
