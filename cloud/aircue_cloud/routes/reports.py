"""Reports about many people."""

from flask import Blueprint, Response, abort

from aircue_cloud import db
from aircue_cloud.errors import CommandError
from aircue_cloud.rights import reports
from aircue_cloud.rights.reports import Report
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import Argument, Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("reports", __name__, url_prefix="/api/v1/reports")

_MONTH = Argument(
    name="month",
    about="one that is over",
    schema={"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"},
    required=True,
)


@blueprint.get("/needs-by-area")
@requires("episodes:read")
@described(
    Operation(
        summary="People at whose home a need began in a month, by need and area; none under 20",
        replies={200: Report},
        query=(_MONTH,),
    )
)
def needs_by_area() -> Response:
    month = wire.text_argument("month")
    try:
        with db.writing(services().engine) as connection:
            return wire.reply(reports.report(connection, "needs-by-area", month, services().intake.clock()))
    except CommandError as error:
        abort(400, str(error))
