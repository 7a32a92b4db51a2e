"""The book of orders: reads an order's ledger, adds to it, and does what follows from what was added. Within
db.writing.

Whatever is added, the stock, the purchases and the states of order and payments follow in the same transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from aircue_cloud import feed, tables
from aircue_cloud.feed import Entry
from aircue_cloud.orders import ledger as ledgers
from aircue_cloud.orders import reading, stock
from aircue_cloud.orders.ledger import Event, Ledger
from aircue_cloud.orders.reading import Order, OrderLine
from aircue_cloud.orders.stock import SoldOut
from aircue_cloud.shop import events as shop
from aircue_cloud.shop.events import Purchase, Return

_E, _Y, _L = tables.order_events.c, tables.payments.c, tables.order_lines.c
_FIELDS = ("kind", "amount_minor", "payment", "reference", "detail")
LACKING = "paid after its pieces were given to others, and there are not enough left: deliver later, or refund it"


def ledger(connection: Connection, order: Order) -> Ledger:
    return Ledger(order.total_minor, tuple(events(connection, order.id)))


def events(connection: Connection, order: str) -> list[Event]:
    query = select(*(_E[name] for name in _FIELDS)).where(_E.order == order).order_by(_E.id)
    return [Event(**row) for row in connection.execute(query).mappings()]


def rows(connection: Connection, order: str) -> list[Any]:
    """The events as they are stored."""
    return list(connection.execute(select(tables.order_events).where(_E.order == order).order_by(_E.id)))


def add(
    connection: Connection, order: Order, before: Ledger, new: Sequence[Event], now: datetime, provider: str = ""
) -> tuple[Ledger, str]:
    """The ledger as it is then, and an alarm where what was paid for is not there to be delivered. before: as it is in
    this very transaction. Stock follows reserved and released; SoldOut where it cannot."""
    after = before.and_(*new)
    _move(connection, order, new)
    lacking = ""
    if after.received and not after.holds_stock:
        after, new, lacking = _taken_again(connection, order, after, new)
    _write(connection, order, before, new, now, provider)
    _sell(connection, order, before, after, now)
    _say(connection, order, before, after)
    return after, lacking


def _move(connection: Connection, order: Order, new: Iterable[Event]) -> None:
    for one in new:
        if one.kind == ledgers.RESERVED:
            stock.take(connection, order.lines)
        if one.kind == ledgers.RELEASED:
            stock.put_back(connection, order.lines)


def _taken_again(
    connection: Connection, order: Order, after: Ledger, new: Sequence[Event]
) -> tuple[Ledger, Sequence[Event], str]:
    """Of an order that was paid when it held nothing any more."""
    if not any(one.kind == ledgers.PAID for one in new):
        return after, new, ""
    try:
        with connection.begin_nested():
            stock.take(connection, order.lines)
    except SoldOut:
        return after, new, LACKING
    held = Event(kind=ledgers.RESERVED)
    return after.and_(held), (*new, held), ""


def _write(
    connection: Connection, order: Order, before: Ledger, new: Sequence[Event], now: datetime, provider: str
) -> None:
    rows = [
        {
            **vars(one),
            "order": order.id,
            "at": now,
            "provider": provider or None,
            "key": _key(order.id, len(before.events) + place, one),
        }
        for place, one in enumerate(new)
    ]
    if rows:
        connection.execute(insert(tables.order_events), rows)


# What may happen to a payment once, the database itself keeps from happening twice.
_ONCE = {
    ledgers.BEGUN: lambda one: f"begun:{one.payment}",
    ledgers.PAID: lambda one: f"paid:{one.payment}",
    ledgers.FAILED: lambda one: f"failed:{one.payment}",
    ledgers.REFUNDED: lambda one: f"refunded:{one.payment}:{one.reference}",
    ledgers.REFUND_ASKED: lambda one: f"refund-asked:{one.payment}:{one.reference}",
    ledgers.REFUND_SENT: lambda one: f"refund-sent:{one.payment}:{one.reference}",
    ledgers.REFUND_REFUSED: lambda one: f"refund-refused:{one.payment}:{one.reference}",
}


def _key(order: str, place: int, event: Event) -> str:
    once = _ONCE.get(event.kind)
    return f"{event.kind}:{order}:{place}" if once is None else once(event)


def _sell(connection: Connection, order: Order, before: Ledger, after: Ledger, now: datetime) -> None:
    """Purchases when it is sold, returns when all of it came back: each once."""
    if after.is_sold and not before.is_sold:
        _store(connection, order, [_purchase(order, line, place, now) for place, line in enumerate(order.lines)], now)
    if after.came_back and not before.came_back:
        _store(connection, order, [_return(order, line, place, now) for place, line in enumerate(order.lines)], now)


def _store(connection: Connection, order: Order, acts: Sequence[Purchase | Return], now: datetime) -> None:
    """A line that came from a push says so."""
    rows = [
        {**shop.row(act), "push": line.push, "pushed": line.push is not None}
        for act, line in zip(acts, order.lines, strict=True)
    ]
    shop.store_rows(connection, rows, now)


_BOUGHT, _CAME_BACK = "order-", "return-"
_UUID = 36


def wrote(event: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a purchase or a return, by its id, is one that an order of ours wrote."""
    said = func.coalesce(event, "")
    known = select(tables.orders.c.id)
    return or_(*(func.substr(said, len(begin) + 1, _UUID).in_(known) for begin in (_BOUGHT, _CAME_BACK)))


def _purchase(order: Order, line: OrderLine, place: int, now: datetime) -> Purchase:
    return Purchase(
        id=f"{_BOUGHT}{order.id}-{place}",
        person=order.person,
        product=line.product,
        at=now,
        quantity=line.quantity,
        price_minor=line.price_minor,
        currency=order.currency,  # type: ignore[arg-type]  # the catalogue holds ISO 4217's alone
    )


def _return(order: Order, line: OrderLine, place: int, now: datetime) -> Return:
    return Return(
        id=f"{_CAME_BACK}{order.id}-{place}", person=order.person, product=line.product, at=now, quantity=line.quantity
    )


def _say(connection: Connection, order: Order, before: Ledger, after: Ledger) -> None:
    """States as they are looked for."""
    values: dict[str, object] = {} if before.state == after.state else {"state": after.state}
    waits = after.state == ledgers.PLACED and not after.is_agreed
    if values or not waits:
        still = {} if waits else {"expires_at": None}
        connection.execute(update(tables.orders).where(tables.orders.c.id == order.id).values(**values, **still))
    for payment in {one.payment for one in after.events if one.payment is not None}:
        now, was = after.payment_state(payment), before.payment_state(payment)
        if now != was:
            connection.execute(update(tables.payments).where(_Y.id == payment).values(state=now))


def raise_alarm(connection: Connection, reason: str, now: datetime, **fields: str | int | None) -> None:
    """For whoever watches the feed; the console shows it with the callback or the order."""
    number = fields.get("number")
    about = "an unknown order" if number is None else f"order {number}"
    feed.append(connection, [Entry(kind="payment", text=f"Payment of {about}: {reason}", fields=fields)], now)


def order_of(connection: Connection, payment: str) -> Order | None:
    of = connection.execute(select(_Y.order).where(_Y.id == payment)).scalar_one_or_none()
    return None if of is None else reading.one(connection, of)
