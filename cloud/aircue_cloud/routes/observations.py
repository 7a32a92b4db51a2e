"""What wearables and phones observe."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, Response
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.fields import Outcome, Reason, Receipt
from aircue_cloud.homes import observations
from aircue_cloud.homes.observations import Observation, Seen
from aircue_cloud.keyed import Verdict
from aircue_cloud.routes import bulk, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import AFTER_ID, HOUSEHOLD, LIMIT, PERSON, Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.shop.events import conflict
from aircue_cloud.triggers import wearers

blueprint = Blueprint("observations", __name__, url_prefix="/api/v1/observations")


class StoredObservation(Struct, kw_only=True):
    """value: steps, or degrees Celsius; null of a location. area: of a location alone."""

    id: str
    kind: str
    person: str
    device: str
    at: datetime
    value: float | None
    area: str | None


class ObservationPage(Struct, kw_only=True):
    """next: what to give as after for the rows that follow."""

    observations: list[StoredObservation]
    next: str


@blueprint.get("")
@requires("observations:read")
@described(
    Operation(summary="Observations by id", replies={200: ObservationPage}, query=(AFTER_ID, LIMIT, PERSON, HOUSEHOLD))
)
def get() -> Response:
    after, limit = wire.text_argument("after"), wire.limit()
    person, household = wire.text_argument("person") or None, wire.text_argument("household") or None
    with db.reading(services().engine) as connection:
        rows = observations.page(connection, after=after, limit=limit, person=person, household=household)
    found = [StoredObservation(**row) for row in rows]
    return wire.reply(ObservationPage(observations=found, next=found[-1].id if found else after))


@blueprint.post("")
@requires("observations:write")
@described(
    Operation(
        summary="Record one observation, or up to 10,000 at once; only with the household's consent",
        bodies={wire.JSON: Observation | list[Observation], wire.NDJSON: {"type": "string"}},
        replies={200: (Receipt, Outcome), 201: Receipt, 207: Outcome},
        refusals=(409, 413, 415, 422),
    )
)
def post() -> Response:
    return bulk.take(Observation, _store, conflict)


def _store(seen: Sequence[Seen]) -> list[Verdict | Reason]:
    """What somebody wears may begin a need: it is decided about within the same transaction."""
    known, now = services(), services().intake.clock()
    with db.writing(known.engine) as connection:
        verdicts = observations.store(connection, seen, now)
        needs = known.layers.needs_within(connection)
        people = {one.person for one, verdict in zip(seen, verdicts, strict=True) if verdict == "stored"}
        known.layers.decider.about(connection, wearers.follow(connection, needs, people, now), now)
    return verdicts
