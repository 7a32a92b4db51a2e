"""Batches from gateways."""

from typing import Any

from flask import Blueprint, abort, request
from werkzeug.exceptions import RequestEntityTooLarge

from aircue_cloud import counters, db
from aircue_cloud.errors import Refused
from aircue_cloud.routes.access import by_gateway, gateway
from aircue_cloud.routes.services import services

blueprint = Blueprint("batches", __name__, url_prefix="/api/v1/batches")


@blueprint.post("")
@by_gateway
def post() -> dict[str, Any]:
    name = gateway()
    try:
        receipt = services().intake.take(name, _body())
    except Refused as refused:
        abort(422, f"{refused}; it is kept aside and not stored")
    return {**vars(receipt), "rules": services().needs.document["version"]}


def _body() -> bytes:
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        with db.writing(services().engine) as connection:
            counters.add(connection, {"oversized_batches": 1})
        abort(413, f"batch is over {request.max_content_length} bytes: seal smaller ones, or raise max_batch_bytes")
