"""The inbox of the person who is signed in, as it is now or as soon as it changes; and the key that browsers need."""

from typing import Any

from flask import Blueprint, Response, abort
from msgspec import Struct
from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.delivery import live
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_shopper, shopper
from aircue_cloud.routes.described import Argument, Operation, described
from aircue_cloud.routes.existing import Push
from aircue_cloud.routes.services import services

blueprint = Blueprint("inbox", __name__, url_prefix="/api/v1/me")

VERSION = Argument(name="version", about="of the inbox that was seen", schema={"type": "string", "maxLength": 200})
WAIT = Argument(
    name="wait",
    about="seconds to wait for another version; fewer where many wait already",
    schema={"type": "integer", "minimum": 0, "maximum": live.LONGEST_S},
)


class Button(Struct, kw_only=True, frozen=True):
    action: str
    url: str


class Offer(Push, kw_only=True):
    """actions: links that each work once."""

    actions: list[Button]


class LiveInbox(Struct, kw_only=True, frozen=True):
    """version: to be named in the next request."""

    pushes: list[Offer]
    version: str


@blueprint.get("/inbox")
@by_shopper
@described(
    Operation(
        summary="The offers to whoever asks and their household, the latest first",
        replies={200: LiveInbox},
        query=(VERSION, WAIT),
        refusals=(401, 404),
    )
)
def get() -> Response:
    """With version and wait, the answer comes when the inbox differs, or the time is over."""
    seen, wait_s = wire.text_argument("version"), wire.whole_number("wait", 0, 0, live.LONGEST_S)
    here, person = services(), shopper()
    with db.reading(here.engine) as connection:
        household = _household(connection, person)
    if seen and wait_s:
        with here.waiting.place() as may_wait:
            if may_wait:
                live.changed(here.engine, household, seen, wait_s)
    with db.reading(here.engine) as connection:
        return wire.reply(_inbox(connection, household, person))


def _inbox(connection: Connection, household: str, person: str) -> LiveInbox:
    return LiveInbox(
        version=live.version(connection, household),
        pushes=[_offer(row, person) for row in _rows(connection, household, person)],
    )


def _rows(connection: Connection, household: str, person: str) -> list[Any]:
    table, products = tables.pushes.c, tables.products.c
    columns = (tables.pushes, products.name.label("product_name"), products.price_minor, products.currency)
    theirs = (table.household == household, table.withdrawn_at.is_(None))
    to_them = table.person.is_(None) | (table.person == person)
    query = select(*columns).join(tables.products, products.id == table.product).where(*theirs, to_them)
    return list(connection.execute(query.order_by(table.created_at.desc(), table.id)))


_NAMES = ("id", "need", "product", "product_name", "category", "price_minor", "currency")
_TEXTS = ("title", "text", "reason", "episode", "trigger")


def _offer(row: Any, person: str) -> Offer:
    links = services().links.of_push(row.id, person, services().intake.clock())
    actions = [Button(action=action, url=url) for action, url in links.items()]
    return Offer(at=row.created_at, actions=actions, **{name: getattr(row, name) for name in (*_NAMES, *_TEXTS)})


def _household(connection: Connection, person: str) -> str:
    table = tables.people.c
    found: str | None = connection.execute(select(table.household).where(table.id == person)).scalar_one_or_none()
    if found is None:
        abort(404, "you are in no household of this store: ask the shop to add you to one")
    return found
