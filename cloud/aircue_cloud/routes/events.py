"""What people do with products."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, Response
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.fields import Outcome, Reason, Receipt
from aircue_cloud.keyed import Verdict
from aircue_cloud.routes import bulk, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import AFTER, HOUSEHOLD, LIMIT, PERSON, Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.shop import events
from aircue_cloud.shop.events import Act, Event

blueprint = Blueprint("events", __name__, url_prefix="/api/v1/events")


class StoredEvent(Struct, kw_only=True):
    """number: of its row, to page by. id: its sender's; null of rows that came without one. The other fields are null
    where the kind has none. pushed: it followed from a push."""

    number: int
    id: str | None
    kind: str
    person: str
    product: str
    at: datetime
    stars: int | None
    text: str | None
    referrer: str | None
    path: str | None
    dwell_s: float | None
    quantity: int | None
    price_minor: int | None
    currency: str | None
    pushed: bool


class EventPage(Struct, kw_only=True):
    """next: what to give as after for the rows that follow."""

    events: list[StoredEvent]
    next: int


@blueprint.get("")
@requires("events:read")
@described(
    Operation(
        summary="Events in the order in which they were stored",
        replies={200: EventPage},
        query=(AFTER, LIMIT, PERSON, HOUSEHOLD),
    )
)
def get() -> Response:
    after, limit = wire.page()
    person, household = wire.text_argument("person") or None, wire.text_argument("household") or None
    with db.reading(services().engine) as connection:
        rows = events.page(connection, after=after, limit=limit, person=person, household=household)
    found = [StoredEvent(**row) for row in rows]
    return wire.reply(EventPage(events=found, next=found[-1].number if found else after))


@blueprint.post("")
@requires("events:write")
@described(
    Operation(
        summary="Record one event, or up to 10,000 at once",
        bodies={wire.JSON: Event | list[Event], wire.NDJSON: {"type": "string"}},
        replies={200: (Receipt, Outcome), 201: Receipt, 207: Outcome},
        refusals=(409, 413, 415, 422),
    )
)
def post() -> Response:
    return bulk.take(Event, _store, events.conflict)


def _store(acts: Sequence[Act]) -> list[Verdict | Reason]:
    with db.writing(services().engine) as connection:
        return events.store(connection, acts, services().intake.clock())
