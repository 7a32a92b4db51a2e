"""What payment providers call back with: their very bytes are verified before anything in them is read, and each event
is taken once."""

import hashlib
from typing import Any

from flask import Blueprint, Response, abort, request

from aircue_cloud import counters, db
from aircue_cloud.orders import paying
from aircue_cloud.payment.on_delivery import OnDelivery
from aircue_cloud.payment.provider import Callback, NotGenuine, Provider, ProviderDown
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import public
from aircue_cloud.routes.described import BYTES, Operation, described
from aircue_cloud.routes.services import enter, services

blueprint = Blueprint("callbacks", __name__, url_prefix="/api/v1/payments")

LARGEST = 1024 * 1024  # bytes of a callback
_CALLED = Operation(
    summary="For payment providers: what became of a payment, signed by them; answered as each wants it",
    bodies={"*/*": BYTES},
    replies={200: BYTES, 400: BYTES, 401: BYTES},
    media="*/*",
    refusals=(404, 413, 503),
)


@blueprint.post("/<provider>/callback")
@public
@described(_CALLED)
def post(provider: str) -> Response:
    """Of the store that is meant where none is named."""
    return _taken(provider)


@blueprint.post("/<provider>/callback/<store>")
@public
@described(_CALLED)
def post_to(provider: str, store: str) -> Response:
    """In the path: WeChat Pay and Alipay take no URL with a query."""
    enter(store)
    return _taken(provider)


def _taken(provider: str) -> Response:
    """200 as well for what is genuine and raises an alarm: sent again it would say the same."""
    found = services().payments.providers.get(provider)
    if found is None or isinstance(found, OnDelivery):
        abort(404, f"provider {provider!r:.50} is not switched on: add [payment.{provider:.50}] to the configuration")
    request.max_content_length = LARGEST
    body, now = wire.data(), services().intake.clock()
    headers = {name.lower(): value for name, value in request.headers.items()}
    callback = Callback(headers=headers, body=body, query=request.args.to_dict(), received_at=now)
    try:
        told = found.read(callback, now)
    except NotGenuine:
        with db.writing(services().engine) as connection:
            counters.add(connection, {"forged_callbacks": 1})
        return _reply(found, accepted=False)
    except ProviderDown as error:
        abort(503, f"this callback could not be verified now: {error}: send it again")
    if told is not None:
        with db.writing(services().engine) as connection:
            paying.take(connection, provider, told, hashlib.sha256(body).hexdigest(), now)
    return _reply(found, accepted=True)


def _reply(provider: Provider, *, accepted: bool) -> Response:
    status, media, body = provider.reply(accepted)
    found: Any = Response(body, status, content_type=media)
    return found  # type: ignore[no-any-return]
