"""Orders: what was placed, paid and given back; of each its ledger and what providers told; and alarms."""

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, abort, redirect, request, url_for
from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.decision import local_time
from aircue_cloud.errors import CommandError
from aircue_cloud.orders import book, ledger, paying, reading
from aircue_cloud.orders.ledger import Ledger
from aircue_cloud.orders.reading import Order
from aircue_cloud.payment.provider import PaymentError
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import config, services
from aircue_cloud.shop import money
from aircue_cloud.web import frame, wording
from aircue_cloud.web.listing import Cell, Column, Listing

blueprint = frame.blueprint("orders", __name__)
READ, WRITE, REFUND = "orders:read", "orders:write", "refunds:write"
ALARMS = 20
_C = tables.callbacks.c
_TONES = {ledger.PAID: "good", ledger.PART_REFUNDED: "warn", ledger.PLACED: ""}
_EMPTY = (
    "Nobody ordered yet. Orders are placed in the shop, or by a shop of your own with POST /api/v1/orders; how "
    "shoppers pay is switched on in the configuration's [payment]."
)
_LIST = (
    Column(label="Order", number=True),
    "Placed",
    "Person",
    Column(label="Products", wide=True),
    Column(label="Total", number=True),
    "State",
)


@blueprint.get("/orders")
@requires(READ)
def page() -> Response:
    state, before = request.args.get("state", ""), request.args.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    with db.reading(services().engine) as connection:
        found = reading.page(connection, before=number, most=frame.most() + 1, state=state)
        states = {one.id: ledger.told_state(book.ledger(connection, one)) for one in found[: frame.most()]}
        alarms = _alarms(connection)
    return frame.page(
        "console/orders.html",
        title="Orders",
        listings=[_orders(found, states, frame.most()), alarms],
        state=state,
        states=ledger.STATES,
    )


@blueprint.get("/orders/<order>")
@requires(READ)
def order(order: str) -> Response:
    return _page(order)


@blueprint.post("/orders/<order>/refund")
@requires(REFUND)
def refund(order: str) -> Response:
    """amount: in the order's currency, as people write it; "" for all that is left."""
    found = _known(order)
    if request.form.get("sure") != "yes":
        return _page(order, "Nothing was given back: tick the box if you are sure.", 422)
    try:
        amount = _minor(request.form.get("amount", ""), found.currency)
    except ValueError as error:
        return _page(order, f"Nothing was given back: {error}.", 422)
    providers, key = services().payments.providers, request.form.get("key", "")
    return _done(order, lambda: paying.refund(services().engine, providers, found, amount, key, _now()))


@blueprint.post("/orders/<order>/cancel")
@requires(WRITE)
def cancel(order: str) -> Response:
    found = _known(order)
    return _done(order, lambda: paying.cancel(services().engine, found, _now()))


@blueprint.post("/orders/<order>/received")
@requires(WRITE)
def received(order: str) -> Response:
    """The money of an order that is paid on delivery."""
    found = _known(order)
    return _done(order, lambda: paying.received(services().engine, found, _now()))


def _done(order: str, change: Callable[[], object]) -> Response:
    try:
        change()
    except (CommandError, PaymentError) as error:
        return _page(order, f"Nothing was changed: {error}.", 422)
    return redirect(url_for(".order", order=order), 303)  # type: ignore[return-value]  # Flask serves both


def _now() -> Any:
    return services().intake.clock()


def _minor(text: str, currency: str) -> int | None:
    """ValueError for what is no amount of the currency."""
    if not text.strip():
        return None
    exponent = money.exponent(currency)
    try:
        minor = Decimal(text.strip()).scaleb(exponent)
    except InvalidOperation:
        minor = Decimal("NaN")
    if not minor.is_finite() or minor != minor.to_integral_value() or not 0 < minor < 10**15:
        raise ValueError(f"an amount of {currency} is over 0 and has at most {exponent} decimals, with a full stop")
    return int(minor)


def _known(order: str) -> Order:
    with db.reading(services().engine) as connection:
        found = None if "\0" in order else reading.one(connection, order)
    if found is None:
        abort(404, f"order {order!r:.100} is not known: look for it in the orders")
    return found


def _page(order: str, said: str = "", status: int = 200) -> Response:
    found = _known(order)
    with db.reading(services().engine) as connection:
        known, entries = book.ledger(connection, found), book.rows(connection, found.id)
        payments = paying.payments_of(connection, found.id)
        told = list(connection.execute(select(tables.callbacks).where(_C.order == found.id).order_by(_C.received_at)))
    mine = who().scopes
    left = max((known.refundable(payment) for payment in known.received), default=0)
    return frame.page(
        "console/order.html",
        title=f"Order {found.number}",
        crumbs=[("Orders", url_for(".page")), (str(found.number), "")],
        listings=[_lines(found), _ledger(entries, found), _payments(payments), _callbacks(told)],
        status=status,
        files=url_for(".order", order=found.id),
        order=found,
        facts=_facts(found, known),
        said=said,
        left=wording.price(left, found.currency) if left else "",
        key=f"console-{len(known.events)}",
        may_refund=REFUND in mine and left > 0,
        may_cancel=WRITE in mine and not ledger.against_cancelling(known),
        may_receive=WRITE in mine and known.is_agreed and known.state == ledger.PLACED,
    )


def _facts(order: Order, known: Ledger) -> list[tuple[str, str]]:
    waits = [] if order.expires_at is None else [("Kept until", _at(order.expires_at))]
    return [
        ("State", wording.sentence(ledger.told_state(known))),
        ("Placed", _at(order.placed_at)),
        ("Person", order.person),
        ("Total", wording.price(order.total_minor, order.currency)),
        ("Received", wording.price(sum(known.received.values()), order.currency)),
        ("Given back", wording.price(sum(known.refunds.values()), order.currency)),
        ("Holds its stock", "yes" if known.holds_stock else "no"),
        *waits,
    ]


def _at(at: Any) -> str:
    return wording.date_and_time(at, local_time.zone(config().timezone) or ZoneInfo(local_time.UNSAID))


def _orders(found: Sequence[Order], states: dict[str, str], most: int) -> Listing:
    shown, more = found[:most], ""
    if len(found) > most:
        args: dict[str, Any] = {**request.args.to_dict(), "before": shown[-1].number}
        more = url_for(".page", **args)
    rows = [_row(one, states[one.id]) for one in shown]
    return Listing(name="orders", caption="Orders", columns=_LIST, rows=rows, empty=_EMPTY, more=more)


def _row(order: Order, state: str) -> list[Cell | str]:
    return [
        Cell(text=str(order.number), raw=order.number, href=url_for(".order", order=order.id)),
        Cell(text=_at(order.placed_at), raw=order.placed_at.isoformat(timespec="seconds")),
        order.person,
        ", ".join(f"{line.quantity} {line.name}" for line in order.lines),
        Cell(text=wording.price(order.total_minor, order.currency), raw=order.total_minor),
        Cell(text=state, tone=_TONES.get(state, "soft")),
    ]


def _alarms(connection: Connection) -> Listing:
    query = select(tables.callbacks, tables.orders.c.number).outerjoin(tables.orders, tables.orders.c.id == _C.order)
    query = query.where(_C.verdict == paying.ALARM).order_by(_C.received_at.desc(), _C.event)
    rows = [
        [
            Cell(text=_at(row.received_at), raw=row.received_at.isoformat(timespec="seconds")),
            row.provider,
            None if row.number is None else Cell(text=str(row.number), href=url_for(".order", order=row.order)),
            Cell(text=row.reason, tone="warn"),
        ]
        for row in connection.execute(query.limit(ALARMS))
    ]
    empty = "No alarm: whatever providers signed fitted the orders it was about."
    columns = ("When", "Provider", "Order", Column(label="Why somebody should look", wide=True))
    return Listing(name="alarms", caption="Alarms", columns=columns, rows=rows, empty=empty)


def _lines(order: Order) -> Listing:
    rows = [
        [
            Cell(text=line.name, href=url_for("console_catalogue.product", product=line.product)),
            line.quantity,
            Cell(text=wording.price(line.price_minor, order.currency), raw=line.price_minor),
            Cell(text=wording.price(line.sum_minor, order.currency), raw=line.sum_minor),
            None if line.push is None else "an offer",
        ]
        for line in order.lines
    ]
    numbers = [Column(label=label, number=True) for label in ("Pieces", "Price", "Sum")]
    columns: list[Column | str] = ["Product", *numbers, "Came from"]
    return Listing(name="lines", caption="Products", columns=columns, rows=rows, empty="It has no lines.")


def _ledger(entries: Sequence[Any], order: Order) -> Listing:
    rows = [
        [
            Cell(text=_at(row.at), raw=row.at.isoformat(timespec="milliseconds")),
            row.kind,
            Cell(text=wording.price(row.amount_minor, order.currency), raw=row.amount_minor)
            if row.amount_minor
            else None,
            row.provider,
            row.detail,
        ]
        for row in entries
    ]
    columns = ("When", "Event", Column(label="Amount", number=True), "Provider", Column(label="Detail", wide=True))
    note = "nothing here is ever changed; what else stands on this page follows from it"
    return Listing(name="ledger", caption="Ledger", columns=columns, rows=rows, empty="Nothing yet.", note=note)


def _payments(payments: Sequence[Any]) -> Listing:
    rows = [
        [
            Cell(text=_at(one.created_at), raw=one.created_at.isoformat(timespec="seconds")),
            one.provider,
            Cell(text=wording.price(one.amount_minor, one.currency), raw=one.amount_minor),
            Cell(text=one.state, tone=_TONES.get(one.state, "soft")),
            one.provider_reference,
        ]
        for one in payments
    ]
    columns = ("Begun", "Provider", Column(label="Amount", number=True), "State", "Called there")
    empty = "No payment was begun: the shopper has not chosen how to pay."
    return Listing(name="payments", caption="Payments", columns=columns, rows=rows, empty=empty)


def _callbacks(told: Sequence[Any]) -> Listing:
    rows = [
        [
            Cell(text=_at(row.received_at), raw=row.received_at.isoformat(timespec="milliseconds")),
            row.provider,
            Cell(text=row.verdict, tone="warn" if row.verdict == paying.ALARM else ""),
            row.reason,
            row.event,
        ]
        for row in told
    ]
    columns = ("When", "Provider", "Verdict", Column(label="About", wide=True), "Event")
    empty = (
        "No provider told anything about it yet. What is not told is asked for, also by: aircue-cloud orders reconcile"
    )
    return Listing(name="callbacks", caption="What providers told", columns=columns, rows=rows, empty=empty)
