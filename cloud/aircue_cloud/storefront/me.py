"""A shopper's own way in: a link that works once opens a session. The link itself changes nothing, because programs
that look at mail open every link."""

from flask import Blueprint, Response, abort, request, url_for
from werkzeug.exceptions import HTTPException

from aircue_cloud import audit, db, texts
from aircue_cloud.errors import CommandError
from aircue_cloud.homes import personalisation
from aircue_cloud.identity import codes, rates, sessions, tokens
from aircue_cloud.rights import personalising
from aircue_cloud.routes import browsers, language, limits
from aircue_cloud.routes.access import by_shopper, public, shopper
from aircue_cloud.routes.personalisation import act
from aircue_cloud.routes.services import config, enter, services
from aircue_cloud.storefront import frame

_YEAR_S = 365 * 24 * 3600

blueprint = Blueprint("me", __name__, template_folder="templates")
blueprint.after_request(frame.guard_link)
blueprint.register_error_handler(HTTPException, frame.problem_page)


@blueprint.get("/me/link/<code>")
@public
def link(code: str) -> Response:
    return frame.plain("link.html", code=code)


@blueprint.post("/me/link/<code>")
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
    response = frame.to(url_for("shop.home") if config().has_storefront else url_for("me.me"))
    browsers.set_cookie(response, sessions.SHOPPER, token)
    return response


@blueprint.get("/me")
@by_shopper
def me() -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        since = personalisation.since(connection, person=page.visitor.person)
        at_home = personalisation.since(connection, household=page.visitor.household)
    return frame.shown(page, "me.html", off_since=since, off_at_home=at_home)


@blueprint.post("/me/personalisation")
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
    return frame.to(url_for("me.me"))


@blueprint.post("/me/sign-out")
@by_shopper
def sign_out() -> Response:
    with db.writing(services().engine) as connection:
        sessions.close(connection, browsers.session_cookie(sessions.SHOPPER) or "")
    response = frame.to(url_for("home" if not config().has_storefront else "shop.home"))
    browsers.clear_cookie(response, sessions.SHOPPER)
    return response


@blueprint.post("/language")
@public
def switch_language() -> Response:
    browsers.must_come_from_here()
    chosen = request.form.get("language", "")
    response = frame.to(frame.own_path(request.form.get("next", ""), url_for("me.me")))
    if chosen in texts.LANGUAGES:
        response.set_cookie(
            language.COOKIE,
            chosen,
            max_age=_YEAR_S,
            secure=browsers.is_secure(),
            httponly=True,
            samesite="Lax",
            path="/",
        )
    return response
