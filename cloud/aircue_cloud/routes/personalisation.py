"""Whether anything may be fitted to a household or a person: asked for by a shop for them, or by a shopper."""

from collections.abc import Callable, Mapping
from datetime import datetime

from flask import Blueprint, Response, abort
from msgspec import Struct

from aircue_cloud import audit, db
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Body
from aircue_cloud.homes import personalisation
from aircue_cloud.rights import personalising
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_shopper, requires, shopper, who
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("personalisation", __name__, url_prefix="/api/v1")


class Wanted(Body):
    """personalised: false for what is popular, the same for everybody, and no offer from the air at home."""

    personalised: bool


class Chosen(Struct, kw_only=True):
    """off_since: when it was switched off; null while it is on."""

    personalised: bool
    off_since: datetime | None


_SEE = Operation(summary="Whether anything is fitted to them", replies={200: Chosen}, refusals=(404,))
_SAY = Operation(
    summary="Switch personalisation off, or on again; it holds at once",
    bodies={wire.JSON: Wanted},
    replies={200: Chosen},
    refusals=(404, 413, 415, 422),
)
_SAYING: Mapping[str, Callable[..., None]] = {
    "household": personalising.of_household,
    "person": personalising.of_person,
}


@blueprint.get("/households/<household>/personalisation")
@requires("consents:read")
@described(_SEE)
def get_household(household: str) -> Response:
    return _seen("household", household)


@blueprint.put("/households/<household>/personalisation")
@requires("consents:write")
@described(_SAY)
def put_household(household: str) -> Response:
    return _said("household", household, _somebody())


@blueprint.get("/people/<person>/personalisation")
@requires("consents:read")
@described(_SEE)
def get_person(person: str) -> Response:
    return _seen("person", person)


@blueprint.put("/people/<person>/personalisation")
@requires("consents:write")
@described(_SAY)
def put_person(person: str) -> Response:
    return _said("person", person, _somebody())


@blueprint.get("/me/personalisation")
@by_shopper
@described(Operation(summary="Whether anything is fitted to the shopper", replies={200: Chosen}, refusals=(401, 404)))
def get_mine() -> Response:
    return _seen("person", shopper())


@blueprint.put("/me/personalisation")
@by_shopper
@described(
    Operation(
        summary="Switch personalisation off for oneself, or on again",
        bodies={wire.JSON: Wanted},
        replies={200: Chosen},
        refusals=(401, 404, 413, 415, 422),
    )
)
def put_mine() -> Response:
    return _said("person", shopper(), f"shopper {shopper()}")


def _somebody() -> str:
    return f"{who().kind} {who().name}".strip()


def _said(kind: str, name: str, actor: str) -> Response:
    """kind: household, person."""
    wanted, now = wire.body(Wanted).personalised, services().intake.clock()
    try:
        with db.writing(services().engine) as connection:
            _SAYING[kind](connection, _plain(name), now, on=wanted)
            audit.append(connection, act(actor, name, on=wanted), now)
    except CommandError as error:
        abort(404, str(error))
    return _seen(kind, name)


def act(actor: str, name: str, *, on: bool) -> audit.Act:
    return audit.Act(actor=actor, action=f"personalisation {'on' if on else 'off'}", target=name)


def _plain(name: str) -> str:
    return name.replace("\0", " ")  # nobody's id; PostgreSQL takes no NUL


def _seen(kind: str, name: str) -> Response:
    """What they themselves said."""
    whom = {kind: _plain(name)}
    with db.reading(services().engine) as connection:
        if not personalisation.is_known(connection, **whom):
            abort(404, f"{kind} {name!r:.100} is not known")
        since = personalisation.since(connection, **whom)
    return wire.reply(Chosen(personalised=since is None, off_since=since))
