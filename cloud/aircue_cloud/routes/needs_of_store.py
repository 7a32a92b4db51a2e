"""The needs of a store: those that ship, and over them its own, with their history."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort
from msgspec import Struct
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.errors import SettingsError
from aircue_cloud.fields import Body
from aircue_cloud.needs import stored, toml
from aircue_cloud.needs.needs import Need
from aircue_cloud.needs.stored import Version
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("needs", __name__, url_prefix="/api/v1/needs")


class NeedDocument(Body):
    """document: as a need's TOML file, in JSON. note: why it was changed, for those who read the history."""

    document: dict[str, Any]
    note: str = ""


class NeedLine(Struct, kw_only=True, frozen=True):
    """source: of the trigger. version: 0 of what ships."""

    name: str
    title: str
    kind: str
    source: str
    quantity: str
    remedies: dict[str, float]
    version: int


class NeedList(Struct, kw_only=True, frozen=True):
    needs: list[NeedLine]


class NeedShown(NeedLine, kw_only=True, frozen=True):
    """toml: the document for people to edit."""

    document: dict[str, Any]
    toml: str


class StoredVersion(Struct, kw_only=True, frozen=True):
    """active: false where it took the need away."""

    name: str
    number: int
    document: dict[str, Any]
    author: str
    at: datetime
    note: str
    active: bool


class NeedHistory(Struct, kw_only=True, frozen=True):
    """Newest first."""

    versions: list[StoredVersion]


@blueprint.get("")
@requires("needs:read")
@described(Operation(summary="All needs as they hold now", replies={200: NeedList}))
def listed() -> Response:
    with db.reading(services().engine) as connection:
        needs = services().live.within(connection).by_name.values()
        return wire.reply(NeedList(needs=[NeedLine(**_line(connection, need)) for need in needs]))


@blueprint.get("/<need>")
@requires("needs:read")
@described(Operation(summary="A need with its document", replies={200: NeedShown}, refusals=(404,)))
def get(need: str) -> Response:
    with db.reading(services().engine) as connection:
        found = services().live.within(connection).by_name.get(need)
        if found is None:
            abort(404, f"need {need!r:.80} is not known")
        return wire.reply(_shown(connection, found))


@blueprint.put("/<need>")
@requires("needs:write")
@described(
    Operation(
        summary="Save a need, which holds from then on; what it was before stays in its history",
        bodies={wire.JSON: NeedDocument},
        replies={200: NeedShown},
        refusals=(413, 415, 422),
    )
)
def put(need: str) -> Response:
    said = wire.body(NeedDocument)
    return _changed(
        need, lambda connection, now: stored.save(connection, need, said.document, _author(), said.note, now)
    )


@blueprint.delete("/<need>")
@requires("needs:write")
@described(Operation(summary="Take a need away; saved again it is back", replies={204: None}, refusals=(404,)))
def delete(need: str) -> Response:
    with db.reading(services().engine) as connection:
        if need not in services().live.within(connection).by_name:
            abort(404, f"need {need!r:.80} is not known")
    shipped = services().live.shipped
    return _changed(need, lambda connection, now: stored.retire(connection, need, _author(), "", now, shipped))


@blueprint.get("/<need>/history")
@requires("needs:read")
@described(
    Operation(summary="Every version of a need that was ever saved", replies={200: NeedHistory}, refusals=(404,))
)
def history(need: str) -> Response:
    with db.reading(services().engine) as connection:
        versions = [] if "\0" in need else stored.history(connection, need)
        if not versions and need not in services().live.within(connection).by_name:
            abort(404, f"need {need!r:.80} is not known")
    return wire.reply(NeedHistory(versions=[_version(one) for one in versions]))


@blueprint.post("/<need>/check")
@requires("needs:read")
@described(
    Operation(
        summary="Whether a document would do as a need; nothing is saved",
        bodies={wire.JSON: NeedDocument},
        replies={200: NeedLine},
        refusals=(413, 415, 422),
    )
)
def check(need: str) -> Response:
    said = wire.body(NeedDocument)
    found = _fitting(lambda: stored.check(need, said.document))
    with db.reading(services().engine) as connection:
        return wire.reply(NeedLine(**_line(connection, found)))


def _changed(name: str, change: Callable[[Connection, datetime], Version]) -> Response:
    """As it holds from now on; 204 where there is none any more."""
    with db.writing(services().engine) as connection:
        version = _fitting(lambda: change(connection, services().intake.clock()))
        need = services().live.within(connection).by_name[name] if version.active else None
        shown = None if need is None else _shown(connection, need)
    services().live.forget()
    return Response(status=204) if shown is None else wire.reply(shown)


def _fitting(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except SettingsError as error:
        abort(422, str(error))


def _author() -> str:
    actor = who()
    return f"{actor.kind} {actor.name}".strip()


def _line(connection: Connection, need: Need) -> dict[str, Any]:
    versions = stored.history(connection, need.name)
    return {
        "name": need.name,
        "title": need.title,
        "kind": need.kind,
        "source": need.source,
        "quantity": need.quantity,
        "remedies": dict(need.remedies),
        "version": versions[0].number if versions else 0,
    }


def _shown(connection: Connection, need: Need) -> NeedShown:
    document: Mapping[str, Any] = need.document
    return NeedShown(**_line(connection, need), document=dict(document), toml=toml.written(document))


def _version(one: Version) -> StoredVersion:
    return StoredVersion(**(vars(one) | {"document": dict(one.document)}))
