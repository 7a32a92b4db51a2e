"""What people look at, told by the script of a page that they look at, and written down only where their household
agrees to it: asked in the transaction that writes."""

import hashlib
from typing import Annotated, Literal, TypeAlias

from flask import Response, g
from msgspec import Meta
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.fields import Body, Id
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_shopper
from aircue_cloud.routes.services import config, services
from aircue_cloud.shop import events
from aircue_cloud.shop.events import Act, Cart, Click, Favourite, Impression, View
from aircue_cloud.storefront import frame, visitor
from aircue_cloud.storefront.frame import Page

Token: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
_KINDS: dict[str, type[Act]] = {"impression": Impression, "view": View, "click": Click}

blueprint = frame.pages("shop_following", __name__)


class Seen(Body):
    """view: the token of the page's view."""

    kind: Literal["impression", "view", "click"]
    view: Token
    products: Annotated[list[Id], Meta(min_length=1, max_length=50)]


@blueprint.post("/seen")
@by_shopper
def seen() -> Response:
    """The same view tells each product once, however often its script does."""
    said = wire.body(Seen)
    with db.writing(services().engine) as connection:
        who = visitor.known(connection, config().pushes)
        if visitor.may_be_followed(connection, who):
            kind, now = _KINDS[said.kind], services().intake.clock()
            acts = [
                kind(id=_id(said.kind, said.view, product), person=who.person, product=product, at=now)
                for product in dict.fromkeys(said.products)
            ]
            events.store(connection, acts, now)
    g.pop("actor", None)  # a row of the audit log for each look would be a diary
    return Response(status=204)


def _id(kind: str, token: str, product: str) -> str:
    return f"{kind}-{token}-{hashlib.sha256(product.encode()).hexdigest()[:16]}"


def note(connection: Connection, page: Page, kind: type[Cart] | type[Favourite], token: str, product: str) -> None:
    """Writes down what somebody did on a page, where that is agreed to; within db.writing. token: of the form."""
    if visitor.may_be_followed(connection, page.visitor):
        name = str(kind.__struct_config__.tag)
        act = kind(id=_id(name, token, product), person=page.visitor.person, product=product, at=page.now)
        events.store(connection, [act], page.now)
