"""What people do with products."""

from collections.abc import Sequence

from flask import Blueprint, Response

from aircue_cloud import db
from aircue_cloud.fields import Outcome, Reason, Receipt
from aircue_cloud.keyed import Verdict
from aircue_cloud.routes import bulk, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.shop import events
from aircue_cloud.shop.events import Act, Event

blueprint = Blueprint("events", __name__, url_prefix="/api/v1/events")


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
