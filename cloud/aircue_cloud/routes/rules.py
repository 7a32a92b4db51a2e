"""The rules that gateways run at the edge."""

from typing import Any

from flask import Blueprint

from aircue_cloud.routes.gateway_key import gateway
from aircue_cloud.routes.services import services

blueprint = Blueprint("rules", __name__, url_prefix="/api/v1/rules")


@blueprint.get("")
def get() -> dict[str, Any]:
    gateway()
    return services().needs.document
