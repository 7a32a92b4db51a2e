"""What wearables and phones observe."""

from collections.abc import Sequence

from flask import Blueprint, Response

from aircue_cloud import db
from aircue_cloud.fields import Outcome, Reason, Receipt
from aircue_cloud.homes import observations
from aircue_cloud.homes.observations import Observation, Seen
from aircue_cloud.keyed import Verdict
from aircue_cloud.routes import bulk, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.shop.events import conflict

blueprint = Blueprint("observations", __name__, url_prefix="/api/v1/observations")


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
    with db.writing(services().engine) as connection:
        return observations.store(connection, seen, services().intake.clock())
