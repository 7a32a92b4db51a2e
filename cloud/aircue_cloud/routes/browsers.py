"""What keeps a browser's visitor safe: where a write may come from, cookies, and the headers of every answer."""

import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from aircue_cloud.identity import sessions
from aircue_cloud.routes.services import config

_SAFE = ("GET", "HEAD", "OPTIONS")
_YEAR_S = 365 * 24 * 3600
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def register(app: Flask) -> None:
    app.after_request(_guard)


def changes() -> bool:
    """Whether this request may change anything."""
    return request.method not in _SAFE


def wants_a_page() -> bool:
    """Whether it names HTML; a program that takes anything (*/*) does not. Chromium names a signed exchange, with a
    parameter, beside it, which libraries hold for the most wanted."""
    return "text/html" in request.accept_mimetypes.values()


def must_come_from_here() -> None:
    """403 for a write that a page from elsewhere made a browser send."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site not in (None, "same-origin", "none") or (origin is not None and not _is_own(origin)):
        abort(403, "this comes from a page of another site: do it from a page of this one")


def must_carry(word: str) -> None:
    """403 where a form (field form_word) or a script (header X-Form-Word) does not carry what its page was given."""
    carried = request.headers.get("X-Form-Word") or request.form.get("form_word", "")
    if not hmac.compare_digest(carried.encode(), word.encode()):
        abort(403, "this form is not one of this session: load the page again")


def session_cookie(kind: str) -> str | None:
    return request.cookies.get(cookie_name(kind))


def set_cookie(response: Response, kind: str, token: str) -> None:
    response.set_cookie(
        cookie_name(kind),
        token,
        max_age=round(sessions.LIVES[kind].whole.total_seconds()),
        secure=is_secure(),
        httponly=True,
        samesite="Lax",
        path="/",
    )


def clear_cookie(response: Response, kind: str) -> None:
    response.delete_cookie(cookie_name(kind), path="/", secure=is_secure(), httponly=True, samesite="Lax")


def cookie_name(kind: str) -> str:
    """With __Host- a browser takes it from this very host, over HTTPS, and from nobody else."""
    return f"__Host-aircue-{kind}" if is_secure() else f"aircue-{kind}"


def is_secure() -> bool:
    return request.is_secure or urlsplit(config().public_url).scheme == "https"


def address() -> str:
    """Whose request it is, as far as the trusted proxies know."""
    return request.remote_addr or ""


def _is_own(origin: str) -> bool:
    own = {request.host_url.rstrip("/"), config().public_url}
    return origin != "" and origin in own


def _guard(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if is_secure():
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_S}")
    return response
