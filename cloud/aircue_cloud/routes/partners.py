"""Partners: accounts, feeds, results, and what they tell by webhook."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from flask import Blueprint, Response, abort, request
from msgspec import Meta, Struct
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Body, Name, Reason
from aircue_cloud.identity import sealing
from aircue_cloud.partners import accounts, hearing, results, supplying
from aircue_cloud.partners.accounts import Account
from aircue_cloud.partners.feeds import checking, taking
from aircue_cloud.partners.feeds.offer import Problem
from aircue_cloud.partners.feeds.taking import Feed
from aircue_cloud.partners.results import Results
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import Actor, public, requires, who
from aircue_cloud.routes.described import LIMIT, Argument, Operation, described
from aircue_cloud.routes.services import config, enter, services

blueprint = Blueprint("partners", __name__, url_prefix="/api/v1/partners")
_CSV, _XML = "text/csv", "application/xml"
_FORMAT_OF = {_CSV: "csv", wire.JSON: "json", _XML: "xml", "text/xml": "xml", "text/tab-separated-values": "csv"}
_MODE = Argument(name="mode", about="whole: all rows or none; good: the good ones", schema={"enum": list(taking.MODES)})
_MONTH = Argument(name="month", about="that is over, such as 2026-10", schema={"type": "string"}, required=True)
_STORE = Argument(name="store", about="whose partner; main unless given", schema={"type": "string", "maxLength": 128})


Contact = Annotated[str, Meta(max_length=200, description="a company's address, nobody's own")]


class AccountBody(Body):
    """assumed_stock: pieces of what is in stock and names no quantity."""

    name: Name
    contact: Contact = ""
    status: Annotated[str, Meta(description="active or paused")] = accounts.ACTIVE
    assumed_stock: Annotated[int, Meta(ge=1, le=1_000_000)] = accounts.ASSUMED_STOCK


class AccountDocument(Struct, kw_only=True, frozen=True):
    """products: how many are on sale."""

    id: str
    name: str
    contact: str
    status: str
    assumed_stock: int
    added_at: datetime
    feed_url: str | None
    webhook_url: str | None
    products: int


class AccountList(Struct, kw_only=True, frozen=True):
    partners: list[AccountDocument]


class FeedDocument(Struct, kw_only=True, frozen=True):
    """outcome: taken or refused. wrong: rows with a problem. retired: products that left the feed. problems: the first
    thousand; only of one feed."""

    id: int
    at: datetime
    source: str
    format: str
    mode: str
    outcome: str
    rows: int
    wrong: int
    created: int
    changed: int
    retired: int
    problems: list[Problem] | None = None


class FeedList(Struct, kw_only=True, frozen=True):
    feeds: list[FeedDocument]


class Taken(Struct, kw_only=True, frozen=True):
    """changed: whether it changed a product. duplicate: it came before."""

    changed: bool
    duplicate: bool


@blueprint.get("")
@requires("partners:read")
@described(Operation(summary="Accounts of partners by id", replies={200: AccountList}))
def get() -> Response:
    with db.reading(services().engine) as connection:
        found = accounts.listed(connection)
        return wire.reply(AccountList(partners=_documents(connection, found)))


@blueprint.put("/<partner>")
@requires("partners:write")
@described(
    Operation(
        summary="Create or change an account",
        bodies={wire.JSON: AccountBody},
        replies={200: AccountDocument, 201: AccountDocument},
        refusals=(413, 415, 422),
    )
)
def put(partner: str) -> Response:
    body, now = wire.body(AccountBody), services().intake.clock()
    said = {"name": body.name, "contact": body.contact, "status": body.status}
    try:
        with db.writing(services().engine) as connection:
            is_new = accounts.save(connection, partner, now, assumed_stock=body.assumed_stock, **said)
            [document] = _documents(connection, [accounts.must_find(connection, partner)])
    except CommandError as error:
        abort(422, str(error))
    return wire.reply(document, 201 if is_new else 200)


@blueprint.get("/<partner>")
@requires("supply:read")
@described(
    Operation(summary="One account; a partner's key sees its own", replies={200: AccountDocument}, refusals=(404,))
)
def get_one(partner: str) -> Response:
    with db.reading(services().engine) as connection:
        [document] = _documents(connection, [_known(connection, who(), partner, "partners:read")])
    return wire.reply(document)


@blueprint.post("/<partner>/feeds")
@requires("supply:write")
@described(
    Operation(
        summary="Send a feed of products; what is wrong with it is told by row",
        bodies={_CSV: {"type": "string"}, _XML: {"type": "string"}, wire.JSON: {}},
        query=(_MODE,),
        replies={200: FeedDocument},
        refusals=(404, 409, 413, 415),
    )
)
def post_feed(partner: str) -> Response:
    """A feed that was refused is told as one that was taken: outcome says which."""
    format_, mode = _FORMAT_OF.get(request.mimetype), request.args.get("mode", taking.WHOLE)
    if format_ is None:
        wire.unsupported(*_FORMAT_OF)
    if mode not in taking.MODES:
        abort(400, f"query parameter mode is {mode!r:.50}, expected one of {', '.join(taking.MODES)}")
    with db.reading(services().engine) as connection:
        account = _known(connection, who(), partner, "partners:write")
    now = services().intake.clock()
    try:
        feed = supplying.supply(
            services().engine, account.id, wire.data(), source="api", format_=format_, mode=mode, now=now
        )
    except CommandError as error:
        abort(409, str(error))
    return wire.reply(_feed(feed, whole=True))


@blueprint.get("/<partner>/feeds")
@requires("supply:read")
@described(
    Operation(
        summary="The feeds of a partner, the latest first", replies={200: FeedList}, query=(LIMIT,), refusals=(404,)
    )
)
def get_feeds(partner: str) -> Response:
    with db.reading(services().engine) as connection:
        account = _known(connection, who(), partner, "partners:read")
        found = taking.history(connection, account.id, wire.limit())
    return wire.reply(FeedList(feeds=[_feed(one) for one in found]))


@blueprint.get("/<partner>/feeds/<int:feed>")
@requires("supply:read")
@described(Operation(summary="A feed and what was wrong with it", replies={200: FeedDocument}, refusals=(404,)))
def get_feed(partner: str, feed: int) -> Response:
    return wire.reply(_feed(_one(partner, feed), whole=True))


@blueprint.get("/<partner>/feeds/<int:feed>/problems.csv")
@requires("supply:read")
@described(
    Operation(
        summary="What was wrong with a feed, as CSV", replies={200: {"type": "string"}}, media=_CSV, refusals=(404,)
    )
)
def get_problems(partner: str, feed: int) -> Response:
    return Response(checking.as_csv(_one(partner, feed).problems), content_type=f"{_CSV}; charset=utf-8")


@blueprint.get("/<partner>/results")
@requires("supply:read")
@described(
    Operation(
        summary="What pushes with a partner's products did in a month: counts on 20 people and more",
        replies={200: Results},
        query=(_MONTH,),
        refusals=(404, 422),
    )
)
def get_results(partner: str) -> Response:
    month, mine = wire.text_argument("month"), who()
    with db.writing(services().engine) as connection:
        account = _known(connection, mine, partner, "partners:read")
        try:
            return wire.reply(results.of_month(connection, account.id, month, services().intake.clock()))
        except CommandError as error:
            abort(422, str(error))


@blueprint.post("/<partner>/webhook")
@public
@described(
    Operation(
        summary="Stock and prices of a partner's products, signed as Standard Webhooks says",
        bodies={wire.JSON: hearing.Message},
        replies={200: Taken},
        query=(_STORE,),
        refusals=(401, 413, 422),
    )
)
def webhook(partner: str) -> Response:
    """The signature is over the body as it came, so it is checked before anything is read from it. Whoever has no
    account is told the same as whoever signs wrong."""
    body, now = wire.data(), services().intake.clock()
    enter(wire.text_argument("store", "main"))
    with db.reading(services().engine) as connection:
        account = None if "\0" in partner else accounts.find(connection, partner)
    secret = None if account is None else account.webhook_secret
    opened = "" if secret is None else sealing.load(config().secret_key).open(secret)
    headers = {name.lower(): value for name, value in request.headers.items()}
    said = hearing.amiss(opened, body, headers, now)
    if account is None or said is not None:
        abort(401, said or hearing.UNKNOWN)
    with db.writing(services().engine) as connection:
        heard = hearing.hear(connection, account, headers["webhook-id"], body, now)
    if isinstance(heard, Reason):
        wire.refuse(422, heard)
    return wire.reply(Taken(changed=heard.changed, duplicate=heard.duplicate))


def _known(connection: Connection, actor: Actor, partner: str, wider: str) -> Account:
    """404 also for a key of another partner: it does not learn who else there is. wider: the scope that sees all.
    actor: who asks, found before a transaction that writes, for a key that is not known is counted in its own."""
    may = actor.kind != "partner" or wider in actor.scopes or actor.name == partner
    found = accounts.find(connection, partner) if may and "\0" not in partner else None
    if found is None:
        abort(404, f"partner {partner!r:.100} is not known, or not yours")
    return found


def _one(partner: str, feed: int) -> Feed:
    with db.reading(services().engine) as connection:
        account = _known(connection, who(), partner, "partners:read")
        found = taking.one(connection, account.id, feed) if feed < 2**63 else None
    if found is None:
        abort(404, f"feed {feed} of partner {partner!r:.100} is not known")
    return found


def _documents(connection: Connection, found: Sequence[Account]) -> list[AccountDocument]:
    counts = accounts.products(connection, [one.id for one in found])
    names = tuple(name for name in AccountDocument.__struct_fields__ if name != "products")
    return [
        AccountDocument(products=counts.get(one.id, 0), **{name: getattr(one, name) for name in names}) for one in found
    ]


def _feed(feed: Feed, *, whole: bool = False) -> FeedDocument:
    names = tuple(name for name in FeedDocument.__struct_fields__ if name != "problems")
    said = {name: getattr(feed, name) for name in names}
    return FeedDocument(problems=list(feed.problems) if whole else None, **said)
