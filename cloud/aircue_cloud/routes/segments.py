"""Segments and audiences: figures in tens on 20 people and more, what has changed, and an audience as a file."""

from typing import Any

from flask import Blueprint, Response, abort
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.fields import Body
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.described import Argument, Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.segments import audiences, exporting, figures, saved, snapshots
from aircue_cloud.segments.figures import DriftShown, Shown

blueprint = Blueprint("segments", __name__, url_prefix="/api/v1/segments")

_DAY = {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"}


class AudienceDocument(Body):
    """document: as an audience's TOML file, in JSON: title, all, none."""

    document: dict[str, Any]


class AudienceSaved(Struct, kw_only=True, frozen=True):
    name: str
    title: str
    document: dict[str, Any]


class Drifts(Struct, kw_only=True, frozen=True):
    begin: str
    end: str
    profiles: list[DriftShown]


class Days(Struct, kw_only=True, frozen=True):
    """The latest first."""

    days: list[str]


@blueprint.get("")
@requires("segments:read")
@described(
    Operation(
        summary="People by segment and audience, of the last snapshot; none under 20, and in tens", replies={200: Shown}
    )
)
def shown() -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(figures.shown(connection))


@blueprint.get("/days")
@requires("segments:read")
@described(Operation(summary="Days with a snapshot", replies={200: Days}))
def days() -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(Days(days=snapshots.days(connection)))


@blueprint.get("/drift")
@requires("segments:read")
@described(
    Operation(
        summary="What has changed between two snapshots; the last two unless the query says which",
        replies={200: Drifts},
        query=(
            Argument(name="begin", about="a day with a snapshot", schema=_DAY),
            Argument(name="end", about="a day with a snapshot", schema=_DAY),
        ),
        refusals=(404,),
    )
)
def drift() -> Response:
    asked = wire.text_argument("begin") or None, wire.text_argument("end") or None
    with db.reading(services().engine) as connection:
        try:
            begin, end = figures.chosen(snapshots.days(connection), *asked)
        except CommandError as error:
            abort(404, str(error))
        found = figures.drift(connection, begin, end)
    return wire.reply(Drifts(begin=begin, end=end, profiles=found))


@blueprint.put("/audiences/<audience>")
@requires("segments:write")
@described(
    Operation(
        summary="Save an audience, a rule over segments; it holds from then on",
        bodies={wire.JSON: AudienceDocument},
        replies={200: AudienceSaved},
        refusals=(413, 415, 422),
    )
)
def save(audience: str) -> Response:
    said, author = wire.body(AudienceDocument), _author()
    try:
        with db.writing(services().engine) as connection:
            found = saved.save(connection, audience, said.document, author, services().intake.clock())
    except SettingsError as error:
        abort(422, str(error))
    return wire.reply(AudienceSaved(name=found.name, title=found.title, document=said.document))


@blueprint.delete("/audiences/<audience>")
@requires("segments:write")
@described(Operation(summary="Take an audience away", replies={204: None}, refusals=(404,)))
def remove(audience: str) -> Response:
    author = _author()
    with db.writing(services().engine) as connection:
        _known(audience)
        if not saved.retire(connection, audience, author, services().intake.clock()):
            abort(404, f"audience {audience!r:.80} is not known; GET /api/v1/segments lists them")
    return Response(status=204)


@blueprint.get("/audiences/<audience>/people")
@requires("segments:write")
@described(
    Operation(
        summary="The people of an audience as CSV; nobody whose data may not be used, and no list of fewer than 20",
        replies={200: {"type": "string"}},
        media="text/csv",
        refusals=(404,),
    )
)
def people(audience: str) -> Response:
    with db.reading(services().engine) as connection:
        _known(audience)
        try:
            text = exporting.as_csv(connection, audience)
        except CommandError as error:
            abort(404, str(error))
    response = Response(text, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="aircue-audience-{audience}.csv"'
    return response


def _known(name: str) -> None:
    """A name that none can have is asked of no database."""
    if not audiences.NAME.fullmatch(name):
        abort(404, f"audience {name!r:.80} is not known; GET /api/v1/segments lists them")


def _author() -> str:
    actor = who()
    return f"{actor.kind} {actor.name}".strip()
