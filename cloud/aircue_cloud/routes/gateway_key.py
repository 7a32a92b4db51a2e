"""The gateway behind a request, by its key."""

from flask import request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from aircue_cloud import counters, db
from aircue_cloud.identity import gateway_keys
from aircue_cloud.routes.services import services

_HINT = "send the gateway's key as 'Authorization: Bearer KEY'; make one with: aircue-cloud gateway add NAME"


def gateway() -> str:
    """The name of the gateway that sends this request; 401 where its key is not known."""
    authorization = request.authorization
    key = authorization.token if authorization is not None and authorization.type == "bearer" else None
    if not key:
        raise _unauthorized(f"no gateway key: {_HINT}")
    with db.reading(services().engine) as connection:
        name = gateway_keys.owner(connection, key)
    if name is None:
        _count()
        raise _unauthorized(f"this gateway key is not known, or was replaced: {_HINT}")
    return name


def _count() -> None:
    with db.writing(services().engine) as connection:
        counters.add(connection, {"unknown_keys": 1})


def _unauthorized(detail: str) -> Unauthorized:
    return Unauthorized(detail, www_authenticate=WWWAuthenticate("bearer"))
