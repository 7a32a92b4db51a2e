"""Recommendations on the pages of a shop of its own: the shop's server asks for a pass, its page loads one script, and
the script shows what the pass allows. No key stands in a page: whoever copies a pass sees one person's list for a
quarter of an hour, from the one origin that browsers let it be read from."""

from datetime import datetime, timedelta

from flask import Blueprint, Response, abort, request
from msgspec import Struct
from sqlalchemy import Connection

from aircue_cloud import db, texts
from aircue_cloud.config import is_base_url
from aircue_cloud.fields import Body, Id, Line, Reason
from aircue_cloud.identity import tokens
from aircue_cloud.identity.rates import Limit
from aircue_cloud.routes import language, limits, wire
from aircue_cloud.routes.access import bearer, public, requires, unauthorized
from aircue_cloud.routes.described import Argument, Operation, described
from aircue_cloud.routes.services import config, enter, services
from aircue_cloud.storefront import frame, home, passes, visitor
from aircue_cloud.storefront.formats import Formats
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.home import Window
from aircue_cloud.storefront.passes import Pass
from aircue_cloud.storefront.visitor import Visitor

MOST = 24
OFTEN = Limit(what="pass", most=60, window=timedelta(minutes=1))
_HINT = "ask the shop's server for a new one: POST /api/v1/passes"
_CACHED_S = 300
_READING = "embed.recommendations"

blueprint = Blueprint("embed", __name__)


class WantedPass(Body):
    """person: null for what is popular, the same for everybody. origin: of the shop's pages, https://HOST."""

    origin: Line
    person: Id | None = None


class NewPass(Struct, kw_only=True, frozen=True):
    """token: for the page's script; it says nobody's name."""

    token: str
    ends_at: datetime


class Shown(Struct, kw_only=True, frozen=True):
    """price: with its currency, as people of the language write it. reasons: sentences, the strongest first."""

    product: str
    name: str
    category: str
    price_minor: int
    currency: str
    price: str
    reasons: list[str]


class Recommended(Struct, kw_only=True, frozen=True):
    """personalised: false for what is popular, the same for everybody."""

    personalised: bool
    language: str
    title: str
    products: list[Shown]


@blueprint.get("/embed.js")
@public
def script() -> Response:
    """For the pages of other origins."""
    found = frame.script("embed.js", f"public, max-age={_CACHED_S}")
    found.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return found


@blueprint.post("/api/v1/passes")
@requires("recommendations:read")
@described(
    Operation(
        summary="A pass that lets one page show recommendations to one person, for a quarter of an hour",
        bodies={wire.JSON: WantedPass},
        replies={201: NewPass},
        refusals=(404, 413, 415, 422),
    )
)
def new_pass() -> Response:
    said, here = wire.body(WantedPass), services()
    if not is_base_url(said.origin):
        expected = "the origin of the pages, http(s)://HOST or HOST:PORT"
        wire.refuse(422, Reason(field="origin", found=said.origin, expected=expected, remedy="send it without a path"))
    with db.reading(here.engine) as connection:
        if said.person is not None and visitor.of_person(connection, said.person, config().pushes) is None:
            abort(404, f"person {said.person!r:.100} is not known")
    now = here.intake.clock()
    token = passes.draw(here.place.store, here.place.folder, said.person or "", said.origin, now)
    return wire.reply(NewPass(token=token, ends_at=now + passes.LIFE), 201)


@blueprint.get("/api/v1/passes/recommendations")
@public
@described(
    Operation(
        summary="What a pass allows to be shown, with reasons; the script of a page sends the pass as its key",
        replies={200: Recommended},
        query=(
            Argument(name="n", about="products at most", schema={"type": "integer", "minimum": 1, "maximum": MOST}),
            Argument(name="language", about="en or zh; else the browser's", schema={"type": "string", "maxLength": 10}),
        ),
        refusals=(401, 403, 404),
    )
)
def recommendations() -> Response:
    said, here = _pass(), services()
    n, spoken = wire.whole_number("n", 4, 1, MOST), wire.text_argument("language")
    words = texts.of(spoken if spoken in texts.LANGUAGES else language.wanted())
    with db.reading(here.engine) as connection:
        who = _whose(connection, said)
        formats = Formats(words.language, who.zone)
        page = Page(visitor=who, t=words, formats=formats, now=here.intake.clock())
        window = (home.for_person if who.personalised else home.for_anybody)(connection, page, n)
    response = wire.reply(_document(window, page))
    response.headers["Access-Control-Allow-Origin"] = said.origin
    return response


@blueprint.after_request
def _for_other_origins(response: Response) -> Response:
    """What browsers ask before: a question says nothing, and the answer to the request itself names one origin."""
    if request.endpoint == _READING:
        response.headers["Vary"] = "Origin, Accept-Language"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Access-Control-Allow-Headers"] = "Authorization"
            response.headers["Access-Control-Max-Age"] = str(_CACHED_S)
    return response


def _pass() -> Pass:
    """Of this request; 401 for none that holds, 403 from a page of another origin than the one it was made for."""
    token = bearer() or ""
    enter(tokens.store_of(token))
    here = services()
    said = passes.read(here.place.store, here.place.folder, token, here.intake.clock())
    if said is None:
        raise unauthorized(f"this pass is not known or is over: {_HINT}")
    if request.headers.get("Origin") != said.origin:
        abort(403, "this pass is for the pages of another origin")
    limits.must_not_be_too_often(OFTEN, tokens.digest(token)[:32])
    return said


def _whose(connection: Connection, said: Pass) -> Visitor:
    if not said.person:
        return Visitor()
    found = visitor.of_person(connection, said.person, config().pushes)
    if found is None:
        abort(404, f"the person of this pass is not known any more: {_HINT}")
    return found


def _document(window: Window, page: Page) -> Recommended:
    return Recommended(
        personalised=window.personal,
        language=page.t.language,
        title=page.t("embed.title" if window.personal else "embed.popular"),
        products=[
            Shown(
                product=card.id,
                name=card.name,
                category=card.category,
                price_minor=card.price_minor,
                currency=card.currency,
                price=page.formats.price(card.price_minor, card.currency),
                reasons=list(card.why),
            )
            for card in window.cards
        ],
    )
