"""Buttons of a push, and the way out of a channel, for whoever holds the link. Opening one shows what it would do;
programs that look at mail open every link. The form does it, once."""

from flask import Blueprint, Response, abort, request, url_for
from werkzeug.exceptions import HTTPException

from aircue_cloud import db
from aircue_cloud.decision import preferences
from aircue_cloud.delivery import addresses, buttons
from aircue_cloud.delivery.buttons import Said
from aircue_cloud.identity import tokens
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import public
from aircue_cloud.routes.services import enter, services
from aircue_cloud.storefront import frame

blueprint = Blueprint("offers", __name__, template_folder="templates")
blueprint.after_request(frame.guard_link)
blueprint.register_error_handler(HTTPException, frame.problem_page)

_OVER = "this link is not known or is over"


@blueprint.get("/offers/<token>")
@public
def show(token: str) -> Response:
    said = _said(token)
    with db.reading(services().engine) as connection:
        known = buttons.answer_of(connection, said, services().intake.clock())
        pressed = buttons.was_pressed(connection, said)
    if known is None:
        abort(404, "this offer is not there any more")
    if pressed:
        return _page(said.action, used=True)
    return _page(said.action, action=url_for("offers.press", token=token))


@blueprint.post("/offers/<token>")
@public
def press(token: str) -> Response:
    browsers.must_come_from_here()
    said, now = _said(token), services().intake.clock()
    with db.writing(services().engine) as connection:
        found = buttons.press(connection, said, preferences, now)
    if found is None:
        abort(404, "this offer is not there any more")
    return _page(said.action, used=not found[1], status=200 if found[1] else 409)


@blueprint.get("/unsubscribe/<token>")
@public
def show_end(token: str) -> Response:
    _said(token)
    return _page(buttons.UNSUBSCRIBE, action=url_for("offers.end", token=token))


@blueprint.post("/unsubscribe/<token>")
@public
def end(token: str) -> Response:
    """Also what a mail program sends by itself (RFC 8058): no cookie, no page before it, and no origin of ours."""
    said, now = _said(token), services().intake.clock()
    with db.writing(services().engine) as connection:
        addresses.end(connection, said.subject, addresses.UNSUBSCRIBED, now)
    return _page(buttons.UNSUBSCRIBE)


def _said(token: str) -> Said:
    """404 for a link that is not this server's, or not for this page."""
    enter(tokens.store_of(token))
    said = services().links.read(token, services().intake.clock())
    leads_out = request.endpoint in ("offers.show_end", "offers.end")
    if said is None or (said.action == buttons.UNSUBSCRIBE) is not leads_out:
        abort(404, _OVER)
    return said


def _page(button: str, *, action: str = "", used: bool = False, status: int = 200) -> Response:
    """action: where its form goes; "" where nothing is left to do."""
    return frame.plain("button.html", status, button=button, action=action, used=used)
