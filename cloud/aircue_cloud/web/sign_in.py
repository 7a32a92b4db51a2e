"""Signing in and out, and an operator's own account. Plain forms, no script."""

import secrets
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for

from aircue_cloud import audit, db, texts
from aircue_cloud.audit import Act
from aircue_cloud.db import MAIN
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import operators, passwords, rates, sealing, sessions, totp
from aircue_cloud.identity.sealing import Box
from aircue_cloud.routes import browsers
from aircue_cloud.routes.access import by_operator, operator, public
from aircue_cloud.routes.services import config, enter, services, store, stores
from aircue_cloud.web import frame

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_FORM = "aircue-form"
_WRONG = "Name, password or code is not right."
_HOME = "/console"

blueprint = Blueprint("sign_in", __name__, template_folder="templates")


@blueprint.after_request
def _guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blueprint.get("/sign-in")
@public
def page() -> Response:
    return _form("", 200)


@blueprint.post("/sign-in")
@public
def sign_in() -> Response:
    browsers.must_come_from_here()
    cookie = request.cookies.get(_FORM)
    if not cookie:
        abort(403, "this form came without its cookie: allow cookies for this server, and load the page again")
    browsers.must_carry(sessions.form_word(cookie))
    name, wanted = request.form.get("name", "")[:64], request.form.get("store", MAIN)
    is_known = stores().knows(wanted)
    enter(wanted if is_known else MAIN)
    wait = _too_often(name)
    if wait:
        response = _form(
            frame.say("Too many tries. Wait {minutes} minutes, or ask an owner.", minutes=wait // 60 + 1), 429
        )
        response.headers["Retry-After"] = str(wait)
        return response
    if not _proves(name, request.form.get("password", ""), request.form.get("code", "")) or not is_known:
        return _form(_WRONG, 401)
    return _welcome(name)


@blueprint.post("/sign-out")
@by_operator
def sign_out() -> Response:
    with db.writing(services().engine) as connection:
        sessions.close(connection, browsers.session_cookie(sessions.OPERATOR) or "")
    return _farewell()


@blueprint.post("/sign-out-everywhere")
@by_operator
def sign_out_everywhere() -> Response:
    with db.writing(services().engine) as connection:
        sessions.close_all(connection, sessions.OPERATOR, operator())
    return _farewell()


@blueprint.get("/account")
@by_operator
def account() -> Response:
    return _account("", 200)


@blueprint.post("/account/password")
@by_operator
def password() -> Response:
    """The other sessions end, this one goes on under a new token."""
    name = operator()
    with db.reading(services().engine) as connection:
        fits = operators.password_fits(connection, name, request.form.get("password", ""))
    if _too_often(name) or not fits:
        return _account("The present password is not right.", 422)
    try:
        hashed = passwords.hashed(request.form.get("new", ""))
    except CommandError as error:
        return _account(f"Not changed: {error}.", 422)
    with db.writing(services().engine) as connection:
        operators.set_password(connection, name, hashed)
    return _welcome(name)


@blueprint.post("/account/second-factor")
@by_operator
def begin_second_factor() -> Response:
    name = operator()
    try:
        with db.writing(services().engine) as connection:
            secret = operators.begin_totp(connection, name, _box())
    except CommandError as error:
        return _account(f"{error}.", 422)
    return _account("", 200, secret=secret, uri=totp.uri(secret, f"{name} ({store()})", "Aircue"))


@blueprint.post("/account/second-factor/code")
@by_operator
def finish_second_factor() -> Response:
    name = operator()
    wait, now = _too_often(name), services().intake.clock()
    with db.writing(services().engine) as connection:
        code = request.form.get("code", "").replace(" ", "")
        codes = None if wait else operators.finish_totp(connection, name, code, now, _box())
        if codes is not None:
            kept = browsers.session_cookie(sessions.OPERATOR)
            sessions.close_all(connection, sessions.OPERATOR, name, but=kept)
            rates.forget(connection, rates.SIGN_IN_BY_ACCOUNT, name, now)
    if codes is None:
        return _account("This code is not right: begin again.", 422)
    return _account("", 200, codes=codes)


def _form(said: str, status: int) -> Response:
    """The sign-in page. What its form carries hangs on a cookie that another site can neither read nor set."""
    cookie = request.cookies.get(_FORM) or secrets.token_urlsafe(32)
    shown = render_template(
        "sign_in.html",
        said=said,
        form_word=sessions.form_word(cookie),
        name=request.form.get("name", ""),
        store=request.form.get("store", MAIN),
        next=_next(),
        t=frame.words(),
        languages=texts.LANGUAGES,
    )
    response = make_response(shown, status)
    response.set_cookie(_FORM, cookie, secure=browsers.is_secure(), httponly=True, samesite="Strict", path="/")
    return response


def _account(said: str, status: int, **shown: object) -> Response:
    with db.reading(services().engine) as connection:
        mine = operators.find(connection, operator())
    word = sessions.form_word(browsers.session_cookie(sessions.OPERATOR) or "")
    page = render_template(
        "account.html",
        said=said,
        mine=mine,
        store=store(),
        form_word=word,
        t=frame.words(),
        languages=texts.LANGUAGES,
        **shown,
    )
    return make_response(page, status)


def _next() -> str:
    """Where to go afterwards: a page of this server, or the console."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted)
    is_ours = wanted.startswith("/") and not (parts.scheme or parts.netloc) and "\\" not in wanted
    return wanted if is_ours and not wanted.startswith("//") else _HOME


def _too_often(name: str) -> int:
    """Seconds to wait; counted before anything is compared, so that many tries at once are many tries."""
    now = services().intake.clock()
    with db.writing(services().engine) as connection:
        waits = (
            rates.take(connection, rates.SIGN_IN_BY_ACCOUNT, name, now),
            rates.take(connection, rates.SIGN_IN_BY_ADDRESS, browsers.address(), now),
        )
    return max(waits)


def _box() -> Box:
    """Read anew each time, which is seldom: a key that was renewed counts at once."""
    return sealing.load(config().secret_key)


def _proves(name: str, password: str, code: str) -> bool:
    with db.reading(services().engine) as connection:
        knows = operators.password_fits(connection, name, password)
    now = services().intake.clock()
    with db.writing(services().engine) as connection:
        proved = knows and operators.second_factor_fits(connection, name, code, now, _box())
        outcome = audit.DONE if proved else "refused"
        act = Act(actor=f"operator {name}", action="sign in", target=name, outcome=outcome, address=browsers.address())
        audit.append(connection, act, now)
    return proved


def _welcome(name: str) -> Response:
    """A new session, whatever session there was before."""
    now = services().intake.clock()
    with db.writing(services().engine) as connection:
        sessions.close(connection, browsers.session_cookie(sessions.OPERATOR) or "")
        token = sessions.open_new(connection, sessions.OPERATOR, name, browsers.address(), now)
        rates.forget(connection, rates.SIGN_IN_BY_ACCOUNT, name, now)
    response = make_response(redirect(_next(), 303))
    browsers.set_cookie(response, sessions.OPERATOR, token)
    return response


def _farewell() -> Response:
    response = make_response(redirect(url_for("sign_in.page"), 303))
    browsers.clear_cookie(response, sessions.OPERATOR)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
