"""Orders of the person who is signed in: paying for them, coming back from it, and what became of each.

Coming back proves nothing: the page says what the ledger says, and waits where that says nothing yet.
"""

from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort, request, url_for
from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.orders import book, ledger, paying, reading
from aircue_cloud.orders.ledger import Ledger
from aircue_cloud.orders.paying import NotNow
from aircue_cloud.orders.reading import Order
from aircue_cloud.orders.stock import SoldOut
from aircue_cloud.payment.provider import ProviderDown, Refused
from aircue_cloud.routes import pay_urls, wire
from aircue_cloud.routes.access import by_shopper
from aircue_cloud.routes.services import services
from aircue_cloud.storefront import frame, ordering, parcels, scan_code
from aircue_cloud.storefront.frame import Page

MOST = 100
_SAID = ("left", "down", "refused", "sold_out", "not_now", "cancelled")

blueprint = frame.pages("shop_orders", __name__)


def chosen(name: str) -> str:
    """A way of paying that is switched on: the first where none is named; 422 for another."""
    known = services().payments.providers
    if name not in known and name:
        abort(422, "this shop has no such way of paying: load the page again")
    return name or next(iter(known))


def pay(order: Order, provider: str) -> Response:
    """To where the order is paid, or to its page, which leads there or says why not."""
    payments = services().payments
    way, said = payments.providers[provider], ""
    try:
        _, begun = paying.begin(
            services().engine, way, order, pay_urls.ours(), services().intake.clock(), payments.settings.waits
        )
    except NotNow:
        begun = None  # it is paid already, or over: its page says so
    except (ProviderDown, Refused, SoldOut) as error:
        begun, said = None, _WHY[type(error)]
    there = "" if begun is None else begun.redirect_url or ""
    if there and urlsplit(there).netloc == request.host:
        return frame.to(there)
    return frame.to(url_for("shop_orders.order", order=order.id, said=said or None))


_WHY: dict[type[Exception], str] = {ProviderDown: "down", Refused: "refused", SoldOut: "sold_out"}


@blueprint.get("/orders")
@by_shopper
def orders() -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        found = reading.of_person(connection, page.visitor.person, MOST)
        told = [(one, ledger.told_state(book.ledger(connection, one))) for one in found]
        others = ordering.history(connection, page.visitor.person, MOST)
    return frame.shown(page, "orders.html", orders=told, lines=others)


@blueprint.get("/orders/<order>")
@by_shopper
def order(order: str) -> Response:
    with db.reading(services().engine) as connection:
        page, found = _theirs(connection, order)
        book_of_it = book.ledger(connection, found)
        payments = paying.payments_of(connection, found.id)
        on_the_way = parcels.shown(connection, found.id, page.now)
    asked = request.args.get("said", "")
    said = asked if asked in _SAID else ""
    return frame.shown(page, "order.html", order=found, said=said, parcels=on_the_way, **_shown(book_of_it, payments))


def _shown(found: Ledger, payments: list[Any]) -> dict[str, Any]:
    """waiting: the payment that may still come. code: to scan, where it is paid so."""
    waiting = [one for one in payments if one.id in found.open_payments and not found.is_agreed]
    unpaid = not ledger.against_paying(found)
    return {
        "state": ledger.told_state(found),
        "is_bought": found.is_sold and not found.came_back,
        "waiting": waiting[-1] if waiting and unpaid else None,
        "code": scan_code.drawn(waiting[-1].redirect_url) if waiting and unpaid else None,
        "may_pay": unpaid,
        "is_kept": unpaid and found.holds_stock,
        "may_cancel": not ledger.against_cancelling(found),
        "failed": unpaid and not waiting and found.has(ledger.FAILED),
        "ways": list(services().payments.providers),
        "refunded": sum(found.refunded(payment) for payment in found.received),
        "version": version(found),
    }


def version(found: Ledger) -> str:
    """Another one whenever anything happened to the order."""
    return str(len(found.events))


@blueprint.get("/orders/<order>/state")
@by_shopper
def state(order: str) -> Response:
    """What a page that waits asks for."""
    with db.reading(services().engine) as connection:
        _, found = _theirs(connection, order)
        book_of_it = book.ledger(connection, found)
    return wire.reply({"state": ledger.told_state(book_of_it), "version": version(book_of_it)})


@blueprint.post("/orders/<order>/pay")
@by_shopper
def pay_again(order: str) -> Response:
    provider = chosen(request.form.get("provider", ""))
    with db.reading(services().engine) as connection:
        _, found = _theirs(connection, order)
    return pay(found, provider)


@blueprint.post("/orders/<order>/cancel")
@by_shopper
def cancel(order: str) -> Response:
    with db.reading(services().engine) as connection:
        page, found = _theirs(connection, order)
    try:
        paying.cancel(services().engine, found, page.now)
        said = "cancelled"
    except NotNow:
        said = "not_now"
    return frame.to(url_for("shop_orders.order", order=found.id, said=said))


def _theirs(connection: Connection, order: str) -> tuple[Page, Order]:
    """404 for another person's, as for none."""
    page = frame.opened(connection, known=True)
    found = None if "\0" in order else reading.one(connection, order)
    if found is None or found.person != page.visitor.person:
        abort(404, "there is no such order of yours")
    return page, found
