"""Orders of existing shops and of this one: placed, read, and given back."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort
from msgspec import Meta, Struct
from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.fields import Body, Id, Line, Reason
from aircue_cloud.orders import book, ledger, paying, placing, reading
from aircue_cloud.orders.ledger import Event
from aircue_cloud.orders.paying import NotNow, Urls
from aircue_cloud.orders.placing import Conflict, Unfit, Wanted
from aircue_cloud.orders.reading import Order
from aircue_cloud.orders.stock import SoldOut
from aircue_cloud.payment.provider import ProviderDown, Refused
from aircue_cloud.routes import pay_urls, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import LIMIT, PERSON, Argument, Operation, described
from aircue_cloud.routes.services import services

blueprint = Blueprint("orders", __name__, url_prefix="/api/v1/orders")

_BEFORE = Argument(
    name="before",
    about="the number of the last order seen; older ones follow",
    schema={"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
)
_STATE = Argument(name="state", about="only these", schema={"type": "string", "enum": list(ledger.STATES)})
Pieces = Annotated[int, Meta(ge=1, le=placing.MOST_PIECES)]


class WantedLine(Body):
    """push: the offer that the line came from."""

    product: Id
    quantity: Pieces
    push: Id | None = None


class PlacedOrder(Body):
    """key: drawn once an order by whoever sends it; under the same key a person's order is placed once. provider: how
    it is paid; without one it waits. return_url: where the shopper comes back to; it proves nothing. Prices are the
    catalogue's."""

    key: Id
    person: Id
    lines: Annotated[list[WantedLine], Meta(min_length=1, max_length=placing.MOST_LINES)]
    provider: Id | None = None
    return_url: Line | None = None


class WantedRefund(Body):
    """key: drawn once a refund by whoever sends it. amount_minor: in minor units; without it all that is left."""

    key: Id
    amount_minor: Annotated[int, Meta(ge=1, le=10**15)] | None = None


class OrderLine(Struct, kw_only=True, frozen=True):
    product: str
    name: str
    quantity: int
    price_minor: int
    push: str | None


class OrderSummary(Struct, kw_only=True, frozen=True):
    """state: placed, paid, part-refunded, refunded, cancelled or expired."""

    id: str
    number: int
    person: str
    placed_at: str | None
    currency: str
    total_minor: int
    state: str
    expires_at: str | None
    lines: list[OrderLine]


class Entry(Struct, kw_only=True, frozen=True):
    """Of the ledger. amount_minor: over 0 to the store, under 0 from it; only paid and refunded move money."""

    at: str | None
    kind: str
    amount_minor: int
    payment: str | None
    provider: str | None


class OrderPayment(Struct, kw_only=True, frozen=True):
    """pay_url: where the shopper pays, while it is open."""

    id: str
    provider: str
    amount_minor: int
    currency: str
    state: str
    pay_url: str | None


class OrderDocument(OrderSummary, kw_only=True, frozen=True):
    """received, refunded: in minor units, as providers confirmed them."""

    received_minor: int
    refunded_minor: int
    payments: list[OrderPayment]
    ledger: list[Entry]


class OrderPage(Struct, kw_only=True, frozen=True):
    """next: what to give as before for the rows that follow; null after the last."""

    orders: list[OrderSummary]
    next: int | None


class RefundDone(Struct, kw_only=True, frozen=True):
    """state: refunded, or pending where the provider has not confirmed it yet."""

    state: str
    order: OrderDocument


@blueprint.get("")
@requires("orders:read")
@described(
    Operation(summary="List orders, the latest first", replies={200: OrderPage}, query=(_BEFORE, LIMIT, PERSON, _STATE))
)
def get() -> Response:
    before, limit, state = (
        wire.whole_number("before", 2**31 - 1, 0, 2**31 - 1),
        wire.limit(),
        wire.text_argument("state"),
    )
    if state not in ("", *ledger.STATES):
        abort(400, f"query parameter state is {state!r:.50}, expected one of {', '.join(ledger.STATES)}")
    with db.reading(services().engine) as connection:
        person = wire.text_argument("person")
        found = reading.page(connection, before=before, most=limit, state=state, person=person)
    following = found[-1].number if len(found) == limit else None
    return wire.reply(OrderPage(orders=[OrderSummary(**_summary(one)) for one in found], next=following))


@blueprint.get("/<order>")
@requires("orders:read")
@described(Operation(summary="One order with its ledger and payments", replies={200: OrderDocument}, refusals=(404,)))
def get_one(order: str) -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(_document(connection, _known(connection, order)))


@blueprint.post("")
@requires("orders:write")
@described(
    Operation(
        summary="Place an order at the catalogue's prices, and begin its payment; the same key again is the same order",
        bodies={wire.JSON: PlacedOrder},
        replies={200: OrderDocument, 201: OrderDocument},
        refusals=(409, 413, 415, 422, 503),
    )
)
def post() -> Response:
    body = wire.body(PlacedOrder)
    if body.provider is not None and body.provider not in services().payments.providers:
        known = ", ".join(services().payments.providers)
        wire.refuse(
            422, Reason(field="provider", found=body.provider, expected=f"one of {known}", remedy="leave it out")
        )
    urls = _urls(body.return_url)
    order, new = _placed(body)
    if body.provider is not None:
        _begin(order, body.provider, urls)
    with db.reading(services().engine) as connection:
        return wire.reply(_document(connection, _known(connection, order.id)), 201 if new else 200)


@blueprint.post("/<order>/refunds")
@requires("refunds:write")
@described(
    Operation(
        summary="Give back a part of what was paid, or all that is left; the same key again is the same refund",
        bodies={wire.JSON: WantedRefund},
        replies={200: RefundDone},
        refusals=(404, 409, 413, 415, 422),
    )
)
def refund(order: str) -> Response:
    body = wire.body(WantedRefund)
    with db.reading(services().engine) as connection:
        found = _known(connection, order)
    now, providers = services().intake.clock(), services().payments.providers
    try:
        state = paying.refund(services().engine, providers, found, body.amount_minor, body.key, now)
    except (CommandError, Refused) as error:
        abort(409, str(error))
    with db.reading(services().engine) as connection:
        return wire.reply(RefundDone(state=state, order=_document(connection, _known(connection, order))))


def _placed(body: PlacedOrder) -> tuple[Order, bool]:
    wanted = [Wanted(product=one.product, quantity=one.quantity, push=one.push) for one in body.lines]
    now, waits = services().intake.clock(), services().payments.settings.waits
    try:
        with db.writing(services().engine) as connection:
            _must_know(connection, body.person)
            return placing.place(connection, body.person, body.key, wanted, now, waits)
    except SoldOut as name:
        abort(409, f"product {name} is not known, no longer sold, or there are not so many pieces: nothing was ordered")
    except Conflict as error:
        abort(409, str(error))
    except Unfit as error:
        abort(422, str(error))


def _must_know(connection: Connection, person: str) -> None:
    if connection.execute(select(tables.people.c.id).where(tables.people.c.id == person)).first() is None:
        remedy = "PUT it to /api/v1/people/ID first"
        wire.refuse(422, Reason(field="person", found=person, expected="a person that is known", remedy=remedy))


def _begin(order: Order, provider: str, urls: Urls) -> None:
    payments = services().payments
    try:
        now, waits = services().intake.clock(), payments.settings.waits
        paying.begin(services().engine, payments.providers[provider], order, urls, now, waits)
    except NotNow:
        pass  # it was paid already, or is over: the answer says so
    except ProviderDown as error:
        abort(503, f"order {order.id} is placed, and its payment could not be begun: {error}: send the same again")
    except (Refused, SoldOut) as error:
        abort(409, f"order {order.id} is placed, and cannot be paid so: {error}")


def _urls(return_url: str | None) -> Urls:
    ours = pay_urls.ours()
    if return_url is None:
        return ours
    parts = urlsplit(return_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        reason = Reason(field="return_url", found=return_url[:100], expected="http(s)://HOST/...", remedy="give a page")
        wire.refuse(422, reason)
    return Urls(returns=return_url, cancels=return_url, notifies=ours.notifies)


def _known(connection: Connection, order: str) -> Order:
    found = None if "\0" in order else reading.one(connection, order)
    if found is None:
        abort(404, f"order {order!r:.100} is not known")
    return found


def _summary(order: Order) -> dict[str, Any]:
    names = ("id", "number", "person", "currency", "total_minor", "state")
    lines = [
        OrderLine(**{name: getattr(one, name) for name in ("product", "name", "quantity", "price_minor", "push")})
        for one in order.lines
    ]
    times = {"placed_at": wire.iso(order.placed_at), "expires_at": wire.iso(order.expires_at)}
    return {**{name: getattr(order, name) for name in names}, **times, "lines": lines}


def _document(connection: Connection, order: Order) -> OrderDocument:
    found = book.ledger(connection, order)
    return OrderDocument(
        **_summary(order),
        received_minor=sum(found.received.values()),
        refunded_minor=sum(found.refunds.values()),
        payments=[_payment(one, found.open_payments) for one in paying.payments_of(connection, order.id)],
        ledger=[_entry(row, event) for row, event in zip(book.rows(connection, order.id), found.events, strict=True)],
    )


def _payment(row: Any, still_open: frozenset[str]) -> OrderPayment:
    names = ("id", "provider", "amount_minor", "currency", "state")
    url = row.redirect_url if row.id in still_open else None
    return OrderPayment(**{name: getattr(row, name) for name in names}, pay_url=url)


def _entry(row: Any, event: Event) -> Entry:
    return Entry(
        at=wire.iso(row.at),
        kind=event.kind,
        amount_minor=event.amount_minor,
        payment=event.payment,
        provider=row.provider,
    )
