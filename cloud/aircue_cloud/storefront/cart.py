"""Cart and favourites of the person who is signed in."""

import uuid
from typing import Any

from flask import Response, request, url_for
from sqlalchemy import select

from aircue_cloud import db, tables
from aircue_cloud.orders.placing import Unfit
from aircue_cloud.orders.stock import SoldOut
from aircue_cloud.routes.access import by_shopper
from aircue_cloud.routes.services import services
from aircue_cloud.shop.events import Cart
from aircue_cloud.storefront import checkout, following, frame, ordering, product_page, shelf
from aircue_cloud.storefront.ordering import MOST, Changed

blueprint = frame.pages("shop_cart", __name__)


@blueprint.get("/cart")
@by_shopper
def cart() -> Response:
    return _cart()


@blueprint.post("/cart")
@by_shopper
def put() -> Response:
    """product, quantity: pieces to have of it, 0 for none; with add=yes, that many more."""
    product, quantity = request.form.get("product", ""), request.form.get("quantity", "1")
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) < 4 and int(quantity) <= MOST):
        return _cart(422, wrong="bad_quantity")
    with db.writing(services().engine) as connection:
        page = frame.opened(connection, known=True)
        product_page.known(connection, product)
        change = ordering.add if request.form.get("add") == "yes" else ordering.put
        change(connection, page.visitor.person, product, int(quantity), page.now)
        if change is ordering.add:
            following.note(connection, page, Cart, uuid.uuid4().hex, product)
    return frame.to(url_for("shop_cart.cart"))


@blueprint.post("/orders")
@by_shopper
def order() -> Response:
    """Placed, and on to where it is paid: provider, or the first there is."""
    token, seen = product_page.form_token(), request.form.get("seen", "")
    provider = checkout.chosen(request.form.get("provider", ""))
    try:
        with db.writing(services().engine) as connection:
            page = frame.opened(connection, known=True)
            currency, waits = request.form.get("currency", ""), services().payments.settings.waits
            made = ordering.order(connection, page.visitor.person, token, seen, currency, page.now, waits)
    except SoldOut as name:
        return _cart(409, wrong="sold_out", product=str(name))
    except (Changed, Unfit):
        return _cart(409, wrong="changed")
    return checkout.pay(made, provider)


@blueprint.get("/favourites")
@by_shopper
def favourites() -> Response:
    table = tables.favourites.c
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        mine = select(table.product).where(table.person == page.visitor.person)
        ids = list(connection.execute(mine.order_by(table.added_at.desc(), table.product)).scalars())
        found = shelf.cards(connection, ids)
    return frame.shown(page, "favourites.html", cards=found)


class _Part:
    """What is ordered together: of one currency."""

    def __init__(self, currency: str, total: int, lines: list[ordering.Line]) -> None:
        self.currency, self.total, self.token = currency, total, uuid.uuid4().hex
        self.seen = ordering.digest(ordering.of_currency(lines, currency))


def _cart(status: int = 200, wrong: str = "", **named: Any) -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        found = ordering.lines(connection, page.visitor.person)
    said = page.t(f"cart.{wrong}", most=MOST, **named) if wrong else ""
    return frame.shown(
        page,
        "cart.html",
        status,
        lines=found,
        carts=[_Part(currency, total, found) for currency, total in ordering.totals(found).items()],
        ways=list(services().payments.providers),
        said=said,
        most=MOST,
    )
