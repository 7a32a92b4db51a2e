"""The page of the sandbox, which stands where a real provider's own page would: whoever is there decides whether the
payment goes through. Nothing is charged."""

from typing import NoReturn

from flask import Response, abort, request, url_for

from aircue_cloud.identity import tokens
from aircue_cloud.payment.sandbox import FAIL, NAME, OPEN, PAY, Held, Sandbox
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import public
from aircue_cloud.routes.services import enter, services
from aircue_cloud.storefront import frame

LEAVE = "leave"
_UNKNOWN = "the sandbox knows no such payment"

blueprint = frame.pages("sandbox", __name__)


@blueprint.get("/sandbox/pay/<reference>")
@public
def show(reference: str) -> Response:
    held = _sandbox(reference).held(reference)
    return _page(held if held is not None else _unknown())


@blueprint.post("/sandbox/pay/<reference>")
@public
def decide(reference: str) -> Response:
    """Of a payment that was decided about, nothing changes any more."""
    browsers.must_come_from_here()
    answer = request.form.get("answer", "")
    if answer not in (PAY, FAIL, LEAVE):
        abort(422, "this page has no such button")
    held = _sandbox(reference).answer(reference, answer) or _unknown()
    return frame.to(held.cancel_url if answer == LEAVE else held.return_url)


def _sandbox(reference: str) -> Sandbox:
    enter(tokens.store_of(reference))
    found = services().payments.providers.get(NAME)
    if not isinstance(found, Sandbox) or "\0" in reference:
        abort(404, _UNKNOWN)
    return found


def _unknown() -> NoReturn:
    abort(404, _UNKNOWN)


def _page(held: Held) -> Response:
    return frame.plain(
        "sandbox.html",
        held=held,
        is_open=held.state == OPEN,
        action=url_for("sandbox.decide", reference=held.reference),
    )
