"""Batches by way of the object store: a URL to put one batch to, and the word that it is there."""

from typing import Any

from flask import Blueprint, abort, current_app

from aircue_cloud.errors import Refused
from aircue_cloud.ingest import uploads
from aircue_cloud.ingest.intake import Receipt
from aircue_cloud.ingest.uploads import Uploads
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_gateway, gateway
from aircue_cloud.routes.services import services

blueprint = Blueprint("uploads", __name__, url_prefix="/api/v1/uploads")

_FIELDS = {"batch": str, "sha256": str, "size": int}


@blueprint.post("")
@by_gateway
def post() -> dict[str, Any]:
    name = gateway()
    asked = wire.fields(_FIELDS)
    limit = int(current_app.config["MAX_CONTENT_LENGTH"])
    if not 0 < asked["size"] <= limit:
        abort(
            413, f"batch is {asked['size']} bytes, expected 1 to {limit}: seal smaller ones, or raise max_batch_bytes"
        )
    try:
        upload = uploads.wanted(name, asked["batch"], asked["sha256"])
    except Refused as refused:
        abort(422, str(refused))
    offer = _uploads().offer(upload, asked["size"])
    return _receipt(offer) if isinstance(offer, Receipt) else {"upload": upload.id, **vars(offer)}


@blueprint.post("/<upload>/done")
@by_gateway
def done(upload: str) -> dict[str, Any]:
    name = gateway()
    try:
        return _receipt(_uploads().done(uploads.named(name, upload)))
    except KeyError:
        abort(404, "nothing was uploaded for this batch: ask for an upload and put the batch to its URL first")
    except Refused as refused:
        abort(422, f"{refused}; it is kept aside and not stored")


def _uploads() -> Uploads:
    found = services().uploads
    if found is None:
        abort(501, 'this cloud keeps its objects in a folder: set via = "http" at the gateway, or s3_bucket here')
    return found


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {**vars(receipt), "rules": services().needs.document["version"]}
