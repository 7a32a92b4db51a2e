"""The rules that gateways run at the edge."""

from typing import Any

from flask import Blueprint

from aircue_cloud.routes.access import by_gateway
from aircue_cloud.routes.services import services

blueprint = Blueprint("rules", __name__, url_prefix="/api/v1/rules")


@blueprint.get("")
@by_gateway
def get() -> dict[str, Any]:
    return services().needs.document
