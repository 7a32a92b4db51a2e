"""Parcels: tracked by the shop, told of by their carriers."""

from datetime import datetime

from flask import Blueprint, Response, abort, request
from msgspec import Struct
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Reason
from aircue_cloud.logistics import callbacks, parcels, reading
from aircue_cloud.logistics.parcels import Tracked
from aircue_cloud.logistics.reading import Parcel
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import public, requires
from aircue_cloud.routes.described import AFTER_ID, LIMIT, PERSON, Argument, Operation, described
from aircue_cloud.routes.services import config, enter, services
from aircue_cloud.strict import Unfit

blueprint = Blueprint("parcels", __name__, url_prefix="/api/v1")
_TEXT = {"type": "string", "maxLength": 128}
_STORE = Argument(name="store", about="whose parcels; main unless given", schema=_TEXT)


class EventDocument(Struct, kw_only=True, frozen=True):
    """What a carrier told."""

    at: datetime
    state: str
    expected_at: datetime | None


class ParcelDocument(Struct, kw_only=True, frozen=True):
    """state: Expired where nothing was heard for 30 days. delay_s: how much later than promised it came, or comes at
    the earliest; null where nothing was promised. events: only of one parcel, as they happened."""

    id: str
    order: str | None
    person: str
    carrier: str
    tracking_number: str
    contents: dict[str, int]
    state: str
    tracked_at: datetime
    heard_at: datetime
    promised_at: datetime | None
    expected_at: datetime | None
    delivered_at: datetime | None
    delay_s: int | None
    events: list[EventDocument] | None = None


class ParcelPage(Struct, kw_only=True, frozen=True):
    """next: what to give as after for the rows that follow."""

    parcels: list[ParcelDocument]
    next: str


class Heard(Struct, kw_only=True, frozen=True):
    """Events of a callback: new ones, those that were there, those ahead of the clock; and parcels that nobody tracks
    here."""

    new: int
    known: int
    untimely: int
    unknown: int


@blueprint.get("/parcels")
@requires("parcels:read")
@described(
    Operation(
        summary="List parcels by id",
        replies={200: ParcelPage},
        query=(AFTER_ID, LIMIT, PERSON, Argument(name="order", about="only of this one", schema=_TEXT)),
    )
)
def get() -> Response:
    after, limit, now = wire.text_argument("after"), wire.limit(), services().intake.clock()
    person, order = wire.text_argument("person"), wire.text_argument("order")
    with db.reading(services().engine) as connection:
        found = reading.listed(connection, after=after, limit=limit, person=person, order=order)
    documents = [_document(one, now) for one in found]
    return wire.reply(ParcelPage(parcels=documents, next=documents[-1].id if documents else after))


@blueprint.post("/parcels")
@requires("parcels:write")
@described(
    Operation(
        summary="Track a parcel; of one carrier a number is one parcel",
        bodies={wire.JSON: Tracked},
        replies={200: ParcelDocument, 201: ParcelDocument},
        refusals=(409, 413, 415, 422),
    )
)
def post() -> Response:
    asked, now = wire.body(Tracked), services().intake.clock()
    with db.writing(services().engine) as connection:
        parcel = parcels.sent(connection, asked)
        if isinstance(parcel, Reason):
            wire.refuse(422, parcel)
        try:
            id_, is_new = parcels.track(connection, parcel, now)
        except CommandError as error:
            abort(409, str(error))
        return wire.reply(_document(_known(connection, id_), now), 201 if is_new else 200)


@blueprint.get("/parcels/<parcel>")
@requires("parcels:read")
@described(Operation(summary="One parcel and its course", replies={200: ParcelDocument}, refusals=(404,)))
def get_one(parcel: str) -> Response:
    with db.reading(services().engine) as connection:
        found = _known(connection, parcel)
        told = parcels.events(connection, found.id)
    events = [EventDocument(at=one.at, state=one.state, expected_at=one.expected_at) for one in told]
    return wire.reply(_document(found, services().intake.clock(), events))


@blueprint.post("/carriers/<carrier>/callback")
@public
@described(
    Operation(
        summary="What a carrier tells of its parcels, signed as it signs",
        bodies={wire.JSON: {"type": "object"}},
        replies={200: Heard},
        query=(_STORE,),
        refusals=(401, 404, 413, 422),
    )
)
def callback(carrier: str) -> Response:
    """The signature is over the body as it came, so it is checked before anything is read from it."""
    caller, secret = callbacks.CALLERS.get(carrier), callbacks.secrets(config().carriers, "").get(carrier)
    if caller is None or secret is None:
        abort(404, f"no carrier {carrier!r:.50} calls here; switch it on in the configuration: [carriers.NAME]")
    body = wire.data()
    if not caller.is_genuine(secret, body, request.headers.get(caller.header, "")):
        abort(401, f"header {caller.header} does not sign this body under the carrier's secret")
    try:
        told = caller.read(body)
    except Unfit as unfit:
        wire.refuse(422, unfit.reason)
    enter(wire.text_argument("store", "main"))
    with db.writing(services().engine) as connection:
        added = parcels.tell(connection, carrier, told, services().intake.clock())
    return wire.reply(Heard(new=added.new, known=added.known, untimely=added.untimely, unknown=len(added.unknown)))


def _document(parcel: Parcel, now: datetime, events: list[EventDocument] | None = None) -> ParcelDocument:
    delay = parcel.delay(now)
    plain = ("id", "order", "person", "carrier", "tracking_number", "tracked_at", "heard_at")
    times = ("promised_at", "expected_at", "delivered_at")
    return ParcelDocument(
        **{name: getattr(parcel, name) for name in (*plain, *times)},
        contents=dict(parcel.contents),
        state=parcel.standing(now),
        delay_s=None if delay is None else round(delay.total_seconds()),
        events=events,
    )


def _known(connection: Connection, id_: str) -> Parcel:
    found = None if "\0" in id_ else reading.one(connection, id_)
    if found is None:
        abort(404, f"parcel {id_!r:.100} is not known; GET /api/v1/parcels lists those that are")
    return found
