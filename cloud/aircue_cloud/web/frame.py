"""What every page of the console stands in: menu, search, who is signed in; and its tables as CSV."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, g, make_response, render_template, request, url_for
from jinja2 import pass_context
from jinja2.runtime import Context

from aircue_cloud import texts
from aircue_cloud.identity import sessions
from aircue_cloud.routes import browsers, language
from aircue_cloud.routes.access import who
from aircue_cloud.routes.services import store
from aircue_cloud.texts import Texts
from aircue_cloud.web import listing, navigation
from aircue_cloud.web.listing import Listing

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
THEMES = ("light", "dark")
_THEME = "aircue-theme"
Crumb = tuple[str, str]  # name, where it leads; "" for this page itself


def blueprint(name: str, import_name: str) -> Blueprint:
    """A page's. Its main view is called `page`; the endpoint is then console_NAME.page."""
    made = Blueprint(f"console_{name}", import_name, url_prefix="/console")
    made.after_request(guard)
    return made


def words() -> Texts:
    """In the language of whoever asks."""
    if "words" not in g:
        g.words = texts.of(language.wanted())
    found: Texts = g.words
    return found


def say(phrase: str, /, **places: object) -> str:
    """What a page says, known by its English."""
    return words().say(phrase, **places)


@pass_context
def said(_: Context, phrase: str, /, **places: object) -> str:
    """As the filter `say` of templates. With a context, or a template would keep the language it was first shown in."""
    return say(phrase, **places)


def guard(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


def page(
    template: str,
    *,
    title: str,
    crumbs: Sequence[Crumb] = (),
    listings: Sequence[Listing] = (),
    status: int = 200,
    files: str | None = None,
    **shown: Any,
) -> Response:
    """The page; or, asked with ?format=csv&table=NAME, that table of it (the first without a name). files: the address
    that has the tables as files, where it is not this one: a form that was sent has none."""
    if as_csv():
        return _csv(listings)
    tables = {one.name: one.at(_csv_address(one.name, files)).told(say) for one in listings}
    return make_response(render_template(template, title=title, tables=tables, **framed(crumbs), **shown), status)


def as_csv() -> bool:
    return request.args.get("format") == "csv"


def most() -> int:
    """How many rows of a table are asked for: as many as a page shows, or a file may have."""
    return listing.MOST_EXPORTED if as_csv() else listing.MOST_SHOWN


def framed(crumbs: Sequence[Crumb] = ()) -> Mapping[str, Any]:
    """What the frame itself shows."""
    mine, theme = who(), request.cookies.get(_THEME, "")
    return {
        "crumbs": crumbs,
        "menu": navigation.grouped(navigation.allowed(mine.scopes)),
        "mine": mine,
        "store": store(),
        "theme": theme if theme in THEMES else "",
        "form_word": form_word(),
        "t": words(),
        "languages": texts.LANGUAGES,
        "here": request.full_path.rstrip("?") if request.method == "GET" else request.path,
    }


def form_word() -> str:
    """What every form of this session carries in its field form_word."""
    return sessions.form_word(browsers.session_cookie(sessions.OPERATOR) or "")


def _csv(listings: Sequence[Listing]) -> Response:
    wanted = request.args.get("table")
    found = next((one for one in listings if wanted in (None, one.name)), None)
    if found is None:
        abort(404, "this page has no such table: take the link below the table itself")
    return file(listing.as_csv(found), found.name)


def file(text: str, name: str) -> Response:
    """CSV, to be kept under this name."""
    response = make_response(text)
    response.content_type = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="aircue-{_plain(name)}.csv"'
    return response


def _csv_address(name: str, files: str | None) -> str:
    if files is not None:
        return f"{files}?{urlencode({'format': 'csv', 'table': name})}"
    asked = {**request.args.to_dict(), "format": "csv", "table": name}
    return url_for(request.endpoint or "", **{**asked, **(request.view_args or {})})


def _plain(name: str) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)
