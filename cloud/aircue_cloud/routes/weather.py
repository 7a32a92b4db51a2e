"""The weather outdoors, told by whoever has a key."""

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Blueprint, Response, abort
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.fields import Outcome, Reason
from aircue_cloud.keyed import Verdict
from aircue_cloud.routes import bulk, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import LIMIT, Argument, Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.weather import outdoor
from aircue_cloud.weather.outdoor import Outdoor, ToldHour

blueprint = Blueprint("weather", __name__, url_prefix="/api/v1/weather")

_AREA = Argument(
    name="area",
    about="latitude,longitude in tenths of a degree",
    schema={"type": "string", "minLength": 1},
    required=True,
)
_SINCE = Argument(name="since", about="from this hour on", schema={"type": "string", "format": "date-time"})


class Hours(Struct, kw_only=True, frozen=True):
    """By hour; of each hour what the source says that knows best."""

    hours: list[Outdoor]


@blueprint.post("")
@requires("weather:write")
@described(
    Operation(
        summary="Record hours of weather, up to 10,000; what was told of an hour before is replaced",
        bodies={wire.JSON: list[ToldHour], wire.NDJSON: {"type": "string"}},
        replies={200: Outcome, 207: Outcome},
        refusals=(413, 415, 422),
    )
)
def post() -> Response:
    return bulk.many(ToldHour, bulk.lines(), _store, outdoor.never)


def _store(hours: Sequence[ToldHour]) -> list[Verdict | Reason]:
    with db.writing(services().engine) as connection:
        return outdoor.store_told(connection, hours, services().intake.clock())


@blueprint.get("")
@requires("weather:read")
@described(Operation(summary="The weather of an area", replies={200: Hours}, query=(_AREA, _SINCE, LIMIT)))
def get() -> Response:
    area = wire.text_argument("area")
    if not area:
        abort(400, "query parameter area is missing, expected latitude,longitude such as 52.5,13.4")
    since = wire.moment_argument("since") or datetime(1970, 1, 1, tzinfo=UTC)
    with db.reading(services().engine) as connection:
        return wire.reply(Hours(hours=outdoor.hours(connection, area, since, wire.limit())))
