"""What every page of a shopper has around it: language, navigation, headers; and errors as pages."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request
from sqlalchemy import Connection
from werkzeug.exceptions import HTTPException

from aircue_cloud import texts
from aircue_cloud.routes import language
from aircue_cloud.routes.services import config, services
from aircue_cloud.storefront import drawings, visitor
from aircue_cloud.storefront.formats import Formats
from aircue_cloud.storefront.visitor import Visitor
from aircue_cloud.texts import Texts

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

_FILES = Path(__file__).parent / "static"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a view works with: who looks, in which words, as of when."""

    visitor: Visitor
    t: Texts
    formats: Formats
    now: datetime
    cart: int = 0
    unread: int = 0


def opened(connection: Connection, *, known: bool = False) -> Page:
    """known: 401 for somebody who is not signed in."""
    store = config().pushes
    who = visitor.known(connection, store) if known else visitor.somebody(connection, store)
    words = texts.of(language.wanted())
    return Page(
        visitor=who,
        t=words,
        formats=Formats(words.language, who.zone),
        now=services().intake.clock(),
        cart=visitor.in_cart(connection, who) if who.is_known else 0,
        unread=visitor.unread(connection, who) if who.is_known else 0,
    )


def shown(page: Page, template: str, status: int = 200, **content: Any) -> Response:
    said = config()
    around = {
        "page": page,
        "t": page.t,
        "f": page.formats,
        "visitor": page.visitor,
        "drawing": drawings.of,
        "languages": texts.LANGUAGES,
        "here": request.full_path.rstrip("?") if request.method == "GET" else request.path,
        "storefront": said.has_storefront,
        "privacy_url": said.privacy_url,
    }
    return make_response(render_template(f"shop/{template}", **around, **content), status)


def plain(template: str, status: int = 200, **content: Any) -> Response:
    """A page that looks the same to everybody: nothing of a session is read for it."""
    words = texts.of(language.wanted())
    page = Page(
        visitor=Visitor(), t=words, formats=Formats(words.language, Visitor().zone), now=services().intake.clock()
    )
    return shown(page, template, status, **content)


def guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers.add("Vary", "Accept-Language, Cookie")
    return response


def guard_link(response: Response) -> Response:
    """Of pages that are reached by a link which is a secret: no request tells it. With no-referrer a browser would not
    tell the origin of their forms either, and these would be refused."""
    response.headers["Referrer-Policy"] = "strict-origin"
    return guard(response)


def problem_page(error: HTTPException) -> Response:
    """An error as a page, with the next step; 401 says how one comes in."""
    status = error.code or 500
    template = "sign_in.html" if status == 401 else "problem.html"
    title, step = texts.refusal(texts.of(language.wanted()), status)
    response = plain(template, status, detail=error.description or error.name, title=title, step=step)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after", "www-authenticate"):
            response.headers[name] = value
    return response


def own_path(wanted: str, otherwise: str) -> str:
    """Where to go afterwards: a page of this server."""
    parts = urlsplit(wanted)
    is_ours = wanted.startswith("/") and not (parts.scheme or parts.netloc or wanted.startswith("//"))
    return wanted if is_ours and "\\" not in wanted and wanted.isprintable() else otherwise


def pages(name: str, module: str) -> Blueprint:
    """A blueprint of pages: with their headers, and their errors as pages."""
    blueprint = Blueprint(name, module, template_folder="templates")
    blueprint.after_request(guard)
    blueprint.register_error_handler(HTTPException, problem_page)
    return blueprint


def to(path: str) -> Response:
    """After a form: the page that shows what became of it."""
    return redirect(path, 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both


def script(name: str, kept: str) -> Response:
    """One of ours under an address of its own. kept: for how long browsers may keep it."""
    found = Response(_content(name), mimetype="text/javascript")
    found.headers["Cache-Control"] = kept
    found.add_etag()
    found.make_conditional(request.environ)
    return found


@cache
def _content(name: str) -> bytes:
    return (_FILES / name).read_bytes()
