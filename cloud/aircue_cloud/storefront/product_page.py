"""One product: what it is, what people say of it, and what one can do with it."""

import re
import uuid
from typing import Any, NoReturn

from flask import Response, abort, request, url_for
from sqlalchemy import Connection, delete

from aircue_cloud import db, tables
from aircue_cloud.orders import cards
from aircue_cloud.recommender.serving import Recommender
from aircue_cloud.rights import small_groups
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_shopper, public
from aircue_cloud.routes.services import services
from aircue_cloud.shop import events
from aircue_cloud.shop.events import Favourite, Rating
from aircue_cloud.storefront import following, frame, goes_with, home, shelf
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.shelf import Card

REVIEWS = 10
LONGEST = 2000  # signs of a review
_TOKEN = re.compile(r"[0-9a-f]{32}")

blueprint = frame.pages("shop_product", __name__)


@blueprint.get("/products/<product>")
@public
def show(product: str) -> Response:
    return _page(product)


@blueprint.post("/products/<product>/reviews")
@by_shopper
def review(product: str) -> Response:
    """Under the id that its form was given, so that one sent twice is one."""
    text, stars = request.form.get("text", "").replace("\r\n", "\n").strip(), request.form.get("stars", "")
    if stars not in ("1", "2", "3", "4", "5") or len(text) > LONGEST or "\0" in text:
        return _page(product, 422, wrong="too_long" if len(text) > LONGEST else "need_stars", draft=text)
    if cards.holds_one(text):
        return _page(product, 422, wrong="card")
    token = form_token()
    with db.writing(services().engine) as connection:
        page, _ = _opened(connection, product)
        act = Rating(
            id=f"review-{token}", person=page.visitor.person, product=product, at=page.now, stars=int(stars), text=text
        )
        [verdict] = events.store(connection, [act], page.now)
    if verdict not in ("stored", "duplicate"):
        abort(409, "another review came with this form: load the page again")
    return frame.to(url_for("shop_product.show", product=product, said="thanks", _anchor="reviews"))


@blueprint.post("/products/<product>/reviews/remove")
@by_shopper
def remove_review(product: str) -> Response:
    """Whatever the person ever said of the product."""
    with db.writing(services().engine) as connection:
        page, _ = _opened(connection, product)
        table = tables.interactions.c
        mine = (table.person == page.visitor.person, table.product == product, table.kind == "rating")
        connection.execute(delete(tables.interactions).where(*mine))
    return frame.to(url_for("shop_product.show", product=product, said="removed", _anchor="reviews"))


@blueprint.post("/products/<product>/favourite")
@by_shopper
def favourite(product: str) -> Response:
    """wanted: yes, or anything else to have it no longer."""
    with db.writing(services().engine) as connection:
        page, _ = _opened(connection, product)
        key = {"person": page.visitor.person, "product": product}
        if request.form.get("wanted") == "yes":
            row = [{**key, "added_at": page.now}]
            new = connection.execute(db.insert_absent(connection, tables.favourites), row).rowcount
            if new:
                following.note(connection, page, Favourite, uuid.uuid4().hex, product)
        else:
            table = tables.favourites.c
            mine = (table.person == page.visitor.person, table.product == product)
            connection.execute(delete(tables.favourites).where(*mine))
    return frame.to(frame.own_path(request.form.get("next", ""), url_for("shop_product.show", product=product)))


def form_token() -> str:
    """What makes a form that is sent twice one; 422 for a form of somebody else's making."""
    token = request.form.get("token", "")
    if not _TOKEN.fullmatch(token):
        abort(422, "this form came without its token: load the page again")
    return token


def _opened(connection: Connection, product: str) -> tuple[Page, Card]:
    """For somebody who is signed in."""
    return frame.opened(connection, known=True), known(connection, product)


def known(connection: Connection, product: str) -> Card:
    found = shelf.one(connection, product)
    return found if found is not None else _unknown()


def _unknown() -> NoReturn:
    abort(404, "this product is not known here")


def _page(product: str, status: int = 200, wrong: str = "", draft: str = "") -> Response:
    offset = wire.whole_number("reviews", 0, 0, 1_000_000)
    with db.reading(services().engine) as connection:
        page = frame.opened(connection)
        card = known(connection, product)
        told = shelf.told(connection, product, page.visitor.person, REVIEWS + 1, offset)
        content: dict[str, Any] = {
            "card": card,
            "reviews": told[:REVIEWS],
            "older": offset + REVIEWS if len(told) > REVIEWS else 0,
            "is_favourite": _is_favourite(connection, page, product),
            "view": home.followed(connection, page),
        }
        beside = goes_with.beside(connection, page, product)
    asked = request.args.get("said", "")
    said = asked if asked in ("thanks", "removed") else ""
    aspects = _aspects(product)
    return frame.shown(
        page,
        "product.html",
        status,
        **content,
        beside=goes_with.entered(page, product, beside),
        aspects=aspects,
        k=small_groups.K,
        token=uuid.uuid4().hex,
        said=said,
        wrong=wrong,
        draft=draft,
        longest=LONGEST,
    )


def _is_favourite(connection: Connection, page: Page, product: str) -> bool:
    table = tables.favourites
    mine = (table.c.person == page.visitor.person, table.c.product == product)
    return connection.execute(table.select().where(*mine)).first() is not None


def _aspects(product: str) -> list[Any]:
    """What the active model read in the reviews, from small_groups.K ratings on."""
    model = services().layers.affinity.current()
    found = model.reviews.get(product) if isinstance(model, Recommender) else None
    return [] if found is None or found.ratings < small_groups.K else list(found.aspects)
