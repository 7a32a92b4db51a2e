"""A shopper's own way in: a link that works once opens a session. The link itself changes nothing, because programs
that look at mail open every link."""

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for

from aircue_cloud import audit, db
from aircue_cloud.errors import CommandError
from aircue_cloud.homes import personalisation
from aircue_cloud.identity import codes, rates, sessions, tokens
from aircue_cloud.rights import personalising
from aircue_cloud.routes import browsers, limits
from aircue_cloud.routes.access import by_shopper, public, shopper
from aircue_cloud.routes.personalisation import act
from aircue_cloud.routes.services import enter, services
from aircue_cloud.web.sign_in import guard_link

blueprint = Blueprint("me", __name__, url_prefix="/me", template_folder="templates")
blueprint.after_request(guard_link)


@blueprint.get("/link/<code>")
@public
def link(code: str) -> str:
    return render_template("link.html", code=code)


@blueprint.post("/link/<code>")
@public
def follow(code: str) -> Response:
    browsers.must_come_from_here()
    limits.must_not_be_too_often(rates.CODES_BY_ADDRESS, browsers.address())
    enter(tokens.store_of(code))
    now = services().intake.clock()
    with db.writing(services().engine) as connection:
        found = codes.use(connection, (sessions.SHOPPER,), code, now)
        if found is None:
            abort(401, "this link is not known, was used or is over: ask for another one")
        token = sessions.open_new(connection, sessions.SHOPPER, found[1], browsers.address(), now)
    response = make_response(redirect(url_for("me.me"), 303))
    browsers.set_cookie(response, sessions.SHOPPER, token)
    return response


@blueprint.get("")
@by_shopper
def me() -> str:
    word = sessions.form_word(browsers.session_cookie(sessions.SHOPPER) or "")
    with db.reading(services().engine) as connection:
        since = personalisation.since(connection, person=shopper())
        at_home = personalisation.since(connection, household=personalisation.home(connection, shopper()))
    return render_template("me.html", person=shopper(), form_word=word, off_since=since, off_at_home=at_home)


@blueprint.post("/personalisation")
@by_shopper
def personalise() -> Response:
    """One button, whichever way."""
    on, now = request.form.get("personalised") == "on", services().intake.clock()
    try:
        with db.writing(services().engine) as connection:
            personalising.of_person(connection, shopper(), now, on=on)
            audit.append(connection, act(f"shopper {shopper()}", shopper(), on=on), now)
    except CommandError as error:
        abort(404, str(error))
    return redirect(url_for("me.me"), 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both


@blueprint.post("/sign-out")
@by_shopper
def sign_out() -> Response:
    with db.writing(services().engine) as connection:
        sessions.close(connection, browsers.session_cookie(sessions.SHOPPER) or "")
    response = make_response("", 204)
    browsers.clear_cookie(response, sessions.SHOPPER)
    return response
