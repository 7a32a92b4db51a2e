"""Buttons of a push, and the way out of a channel, for whoever holds the link. Opening one shows what it would do;
programs that look at mail open every link. The form does it, once."""

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for

from aircue_cloud import db
from aircue_cloud.decision import preferences
from aircue_cloud.delivery import addresses, buttons
from aircue_cloud.delivery.buttons import Said
from aircue_cloud.identity import tokens
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import public
from aircue_cloud.routes.services import enter, services
from aircue_cloud.web.sign_in import guard_link

blueprint = Blueprint("offers", __name__, template_folder="templates")
blueprint.after_request(guard_link)

ASKED = {
    buttons.BUY: ("Buy", "Tell the shop that you would like to buy this."),
    buttons.LATER: ("Remind me later", "Hear nothing more about this need until tomorrow."),
    buttons.NOT_FOR_ME: ("Not for me", "Be offered nothing like this for a while."),
    buttons.STOP: ("Stop this need", "Never hear about this need again. You can change this on your page."),
}
DONE = {
    buttons.BUY: "The shop knows.",
    buttons.LATER: "You will hear nothing more about this until tomorrow.",
    buttons.NOT_FOR_ME: "You will be offered nothing like this for a while.",
    buttons.STOP: "You will hear no more about this need.",
}
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
    label, text = ASKED[said.action]
    if pressed:
        return _page(label, "This link was used before. " + DONE[said.action])
    return _page(label, text, action=url_for("offers.press", token=token))


@blueprint.post("/offers/<token>")
@public
def press(token: str) -> Response:
    browsers.must_come_from_here()
    said, now = _said(token), services().intake.clock()
    with db.writing(services().engine) as connection:
        found = buttons.press(connection, said, preferences, now)
    if found is None:
        abort(404, "this offer is not there any more")
    label = ASKED[said.action][0]
    if not found[1]:
        return _page(label, "This link was used before. " + DONE[said.action], status=409)
    return _page(label, DONE[said.action])


@blueprint.get("/unsubscribe/<token>")
@public
def show_end(token: str) -> Response:
    _said(token)
    return _page("Stop these messages", "No more of them to this address.", action=url_for("offers.end", token=token))


@blueprint.post("/unsubscribe/<token>")
@public
def end(token: str) -> Response:
    """Also what a mail program sends by itself (RFC 8058): no cookie, no page before it, and no origin of ours."""
    said, now = _said(token), services().intake.clock()
    with db.writing(services().engine) as connection:
        addresses.end(connection, said.subject, addresses.UNSUBSCRIBED, now)
    return _page("Stop these messages", "There will be no more of them to this address.")


def _said(token: str) -> Said:
    """404 for a link that is not this server's, or not for this page."""
    enter(tokens.store_of(token))
    said = services().links.read(token, services().intake.clock())
    leads_out = request.endpoint in ("offers.show_end", "offers.end")
    if said is None or (said.action == buttons.UNSUBSCRIBE) is not leads_out:
        abort(404, _OVER)
    return said


def _page(title: str, text: str, *, action: str = "", status: int = 200) -> Response:
    return make_response(render_template("offer.html", title=title, text=text, action=action), status)
