"""Figures of the whole installation."""

from typing import Any

from flask import Blueprint

from aircue_cloud import db
from aircue_cloud import status as installation
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services

blueprint = Blueprint("status", __name__, url_prefix="/api/v1/status")


@blueprint.get("")
@requires("status:read")
def get() -> dict[str, Any]:
    with db.reading(services().engine) as connection:
        return {**installation.figures(connection), "rules": services().needs.document["version"]}
