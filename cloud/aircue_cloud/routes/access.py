"""Who is behind a request, and whether they may do what it asks for.

Every view says what kind of credential it takes: `requires(scope)`, `by_gateway`, `by_operator`, `by_shopper` or
`public`. A test walks all routes and fails at one that says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

from flask import Flask, abort, g, redirect, request, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from aircue_cloud import counters, db
from aircue_cloud.db import MAIN
from aircue_cloud.identity import keys, operators, scopes, sessions, tokens
from aircue_cloud.identity.keys import Key
from aircue_cloud.identity.scopes import ROLES
from aircue_cloud.identity.sessions import Session
from aircue_cloud.routes import browsers, limits
from aircue_cloud.routes.services import config, enter, services, store

P = ParamSpec("P")
R = TypeVar("R")

_GATEWAY_HINT = "send the gateway's key as 'Authorization: Bearer KEY'; make one with: aircue-cloud gateway add NAME"
_KEY_HINT = "sign in, or send a key as 'Authorization: Bearer KEY'; make one with: aircue-cloud partner add NAME"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """kind: gateway, node, partner, operator, shopper, or nobody (on this machine alone, while there is no sign-in)."""

    kind: str
    name: str
    scopes: frozenset[str]


NOBODY = Actor(kind="nobody", name="", scopes=scopes.ALL)


def register(app: Flask) -> None:
    app.before_request(_find_store)


def requires(scope: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Only for a key of the request's store that has this scope, or an operator whose role allows it. ValueError,
    where the route is defined, for a scope that nobody knows."""
    if scope not in scopes.ALL:
        raise ValueError(f"scope {scope!r}: expected one of {', '.join(sorted(scopes.ALL))}; see identity/scopes.py")

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        return _guarded(view, scope, lambda: must_have(scope))

    return decorate


def by_operator(view: Callable[P, R]) -> Callable[P, R]:
    """Only for an operator who is signed in; see operator()."""
    return _guarded(view, "operator", operator)


def by_shopper(view: Callable[P, R]) -> Callable[P, R]:
    """Only for a person who came through a link of ours; see shopper()."""
    return _guarded(view, "shopper", shopper)


def by_gateway(view: Callable[P, R]) -> Callable[P, R]:
    """Only for a gateway; see gateway()."""
    return _guarded(view, "gateway", gateway)


def public(view: Callable[P, R]) -> Callable[P, R]:
    """For everybody: it shows nothing of a store."""
    return _guarded(view, "public", lambda: None)


def _guarded(view: Callable[P, R], kind: str, guard: Callable[[], object]) -> Callable[P, R]:
    @wraps(view)
    def guarded(*arguments: P.args, **named: P.kwargs) -> R:
        guard()
        return view(*arguments, **named)

    guarded.aircue_access = kind  # type: ignore[attr-defined]  # read by taken_by alone
    return guarded


def taken_by(view: Callable[..., Any]) -> str | None:
    """A scope, gateway, shopper or public; None where the view says nothing."""
    found: str | None = getattr(view, "aircue_access", None)
    return found


def must_have(scope: str) -> Actor:
    """Who may do this; 401 for nobody that is known, 403 for who may not."""
    actor = who()
    if scope not in actor.scopes:
        abort(403, f"{actor.kind} {actor.name} may not do this: it needs the scope {scope}")
    return actor


def gateway() -> str:
    """The name of the gateway that sends this request; 401 where its key is not known."""
    if "actor" in g and g.actor.kind == "gateway":
        return str(g.actor.name)
    found = _key(_GATEWAY_HINT)
    if found.kind != "gateway":
        _refuse_key(f"this is the key of a {found.kind}, not of a gateway: {_GATEWAY_HINT}")
    g.actor = Actor(kind=found.kind, name=found.owner, scopes=found.scopes)
    return found.owner


def operator() -> str:
    """The name of the operator who is signed in; 401 for anybody else."""
    actor = who()
    if actor.kind != "operator":
        raise unauthorized("this is for operators: sign in")
    return actor.name


def shopper() -> str:
    """The id of the person who is signed in; 401 for anybody else."""
    if "actor" in g and g.actor.kind == "shopper":
        return str(g.actor.name)
    session = signed_in(sessions.SHOPPER)
    if session is None:
        raise unauthorized("this is for shoppers: open the link that was sent to you")
    g.actor = Actor(kind="shopper", name=session.subject, scopes=frozenset())
    return session.subject


def who() -> Actor:
    """Whoever proved it: by a key, or by a session."""
    if "actor" not in g:
        g.actor = _proved()
    found: Actor = g.actor
    return found


def bearer() -> str | None:
    authorization = request.authorization
    return authorization.token if authorization is not None and authorization.type == "bearer" else None


def _find_store() -> None:
    """A token names its store; whether it is one of that store's, the store's own database says."""
    if request.authorization is not None:
        enter(tokens.store_of(bearer() or ""))
        return
    for kind in (sessions.OPERATOR, sessions.SHOPPER):
        token = browsers.session_cookie(kind)
        if token:
            enter(tokens.store_of(token))
            return


def _proved() -> Actor:
    if request.authorization is not None:
        found = _key(_KEY_HINT)
        if found.kind != "gateway":
            limits.key_must_not_be_too_often(f"{found.kind} {found.owner}")
        return Actor(kind=found.kind, name=found.owner, scopes=found.scopes)
    session = signed_in(sessions.OPERATOR)
    return _nobody() if session is None else _operator(session)


def _operator(session: Session) -> Actor:
    with db.reading(services().engine) as connection:
        found = operators.find(connection, session.subject)
    if found is None:
        raise unauthorized("this session is over: sign in again")
    return Actor(kind="operator", name=found.name, scopes=ROLES[found.role])


def _nobody() -> Actor:
    if sign_in_is_needed():
        if request.method == "GET" and browsers.wants_a_page():
            abort(redirect(url_for("sign_in.page", next=request.full_path.rstrip("?"))))
        raise unauthorized(f"who are you? {_KEY_HINT}")
    if browsers.changes():
        browsers.must_come_from_here()
    return NOBODY


def sign_in_is_needed() -> bool:
    """Not while there is no operator, or it is switched off, and the request comes from this very machine. A request
    that names another store than the first has to prove it."""
    if store() != MAIN or not config().is_private or any(name in request.headers for name in _FORWARDED):
        return True
    if config().sign_in == "off":
        return False
    with db.reading(services().engine) as connection:
        return operators.are_there(connection)


def signed_in(kind: str) -> Session | None:
    """The session of this request's cookie; 403 where a write does not come from one of its own pages."""
    token = browsers.session_cookie(kind)
    if not token:
        return None
    now = services().intake.clock()
    with db.reading(services().engine) as connection:
        session = sessions.find(connection, kind, token, now)
    if session is None:
        return None
    if browsers.changes():
        browsers.must_come_from_here()
        browsers.must_carry(sessions.form_word(token))
    if sessions.is_stale(session, now):
        with db.writing(services().engine) as connection:
            sessions.seen(connection, token, now)
    return session


def _key(hint: str) -> Key:
    key = bearer()
    if not key:
        raise unauthorized(f"no key: {hint}")
    found = services().keys.submit(key)
    if found is None:
        _refuse_key(f"this key is not known, or it has ended: {hint}")
    now = services().intake.clock()
    if keys.is_stale(found, now):
        with db.writing(services().engine) as connection:
            keys.used(connection, found, now)
    return found


def _refuse_key(detail: str) -> NoReturn:
    with db.writing(services().engine) as connection:
        counters.add(connection, {"unknown_keys": 1})
    raise unauthorized(detail)


def unauthorized(detail: str) -> Unauthorized:
    return Unauthorized(detail, www_authenticate=WWWAuthenticate("bearer"))
