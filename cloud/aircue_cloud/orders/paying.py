"""Paying for an order: a payment is written down before its provider hears of it, and what the provider tells is taken
once. No transaction is open while a provider is asked."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.orders import book, cards, ledger, reading
from aircue_cloud.orders.ledger import Event, Payment
from aircue_cloud.orders.reading import Order
from aircue_cloud.payment.provider import Asked, Begun, Provider, ProviderDown, Refused, Told

ACCEPTED, NOTHING, ALARM, DUPLICATE = "accepted", "nothing", "alarm", "duplicate"
ON_DELIVERY = "on-delivery"
_Y = tables.payments.c


class NotNow(CommandError):
    """The order is not one that this can be done with any more."""


@dataclass(frozen=True, kw_only=True)
class Urls:
    """returns, cancels: with the order's id in place of ORDER. notifies: with the provider's name in place of
    PROVIDER."""

    returns: str
    cancels: str
    notifies: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of what a provider told."""

    word: str
    reason: str = ""
    order: str | None = None


def open_payment(connection: Connection, order: Order, provider: str, now: datetime, waits: timedelta) -> str:
    """Our id of it; of the payment through this provider that is open already, where there is one. Within db.writing.
    NotNow; SoldOut where its pieces were given to others meanwhile."""
    before = book.ledger(connection, order)
    against = ledger.against_paying(before)
    if against:
        raise NotNow(f"order {order.number} cannot be paid: {against}")
    known = [one for one in payments_of(connection, order.id) if one.provider == provider]
    for one in known:
        if one.id in before.open_payments:
            return str(one.id)
    id_ = str(uuid.uuid4())
    row = {"id": id_, "order": order.id, "provider": provider, "amount_minor": order.total_minor, "created_at": now}
    connection.execute(insert(tables.payments), row | {"currency": order.currency, "state": ledger.BEGUN})
    held = () if before.holds_stock else (Event(kind=ledger.RESERVED),)
    agreed = (Event(kind=ledger.AGREED, payment=id_),) if provider == ON_DELIVERY else ()
    book.add(connection, order, before, (*held, Event(kind=ledger.BEGUN, payment=id_), *agreed), now, provider)
    if not agreed:
        mine = tables.orders.c.id == order.id
        connection.execute(update(tables.orders).where(mine).values(expires_at=now + waits))
    return id_


def begin(
    engine: Engine, provider: Provider, order: Order, urls: Urls, now: datetime, waits: timedelta
) -> tuple[str, Begun]:
    """Our id of the payment, and where to pay. The same again leads to the same payment. NotNow, SoldOut; ProviderDown:
    it may be tried again; Refused."""
    with db.writing(engine) as connection:
        payment = open_payment(connection, order, provider.name, now, waits)
    try:
        begun = provider.begin(_asked(order, payment, provider.name, urls))
    except Refused as refused:
        with db.writing(engine) as connection:
            _fail(connection, order, payment, provider.name, str(refused), now)
        raise
    with db.writing(engine) as connection:
        there = begun.redirect_url or begun.fields.get("code_url")  # which a phone's own program opens
        values = {"provider_reference": begun.provider_reference, "redirect_url": there}
        connection.execute(update(tables.payments).where(_Y.id == payment).values(values))
        still = (_Y.id == payment, _Y.state == ledger.BEGUN)
        connection.execute(update(tables.payments).where(*still).values(state=ledger.PENDING))
    return payment, begun


def _asked(order: Order, payment: str, provider: str, urls: Urls) -> Asked:
    return Asked(
        payment=payment,
        order_number=order.number,
        amount_minor=order.total_minor,
        currency=order.currency,
        description=f"Order {order.number}",
        return_url=urls.returns.replace("ORDER", order.id),
        cancel_url=urls.cancels.replace("ORDER", order.id),
        notify_url=urls.notifies.replace("PROVIDER", provider),
    )


def _fail(connection: Connection, order: Order, payment: str, provider: str, why: str, now: datetime) -> None:
    before = book.ledger(connection, order)
    if payment not in before.open_payments:
        return
    failed = Event(kind=ledger.FAILED, payment=payment, detail=cards.masked(why)[:500])
    last = before.open_payments == {payment} and before.holds_stock and not before.is_sold
    new = (failed, Event(kind=ledger.RELEASED)) if last else (failed,)
    book.add(connection, order, before, new, now, provider)


def take(connection: Connection, provider: str, told: Told, digest: str, now: datetime) -> Verdict:
    """What a provider told, genuine as it is: each event once, and only what its payment allows. Within db.writing.
    A wrong amount or currency, and a payment that nobody knows, is kept and raises an alarm, and changes nothing."""
    key = {"provider": provider, "event": told.event, "received_at": now, "digest": digest, "payment": told.payment}
    draft = {**key, "verdict": NOTHING, "reason": "", "order": None}
    if connection.execute(db.insert_absent(connection, tables.callbacks), [draft]).rowcount == 0:
        return Verdict(word=DUPLICATE)
    verdict = _judged(connection, provider, told, now)
    mine = (tables.callbacks.c.provider == provider, tables.callbacks.c.event == told.event)
    values = {"verdict": verdict.word, "reason": cards.masked(verdict.reason)[:500], "order": verdict.order}
    connection.execute(update(tables.callbacks).where(*mine).values(values))
    return verdict


def _judged(connection: Connection, provider: str, told: Told, now: datetime) -> Verdict:
    row = _payment(connection, provider, told)
    order = None if row is None else reading.one(connection, row.order)
    if row is None or order is None:
        reason = f"{provider} told of a payment that was not begun here: {told.kind}"
        book.raise_alarm(connection, reason, now, provider=provider)
        return Verdict(word=ALARM, reason=reason)
    before = book.ledger(connection, order)
    payment = Payment(id=row.id, amount_minor=row.amount_minor, currency=row.currency)
    judged = ledger.judge(before, payment, told)
    lacking = book.add(connection, order, before, judged.events, now, provider)[1] if judged.events else ""
    alarm = "; ".join(one for one in (judged.alarm, lacking) if one)
    if alarm:
        about: dict[str, Any] = {"order": order.id, "number": order.number, "payment": row.id, "provider": provider}
        book.raise_alarm(connection, alarm, now, **about)
        return Verdict(word=ALARM, reason=alarm, order=order.id)
    return Verdict(word=ACCEPTED if judged.events else NOTHING, reason=told.kind, order=order.id)


def _payment(connection: Connection, provider: str, told: Told) -> Any:
    """By our id of it, or, where the provider only names its own, by that."""
    named = _Y.id == told.payment if told.payment else _Y.provider_reference == told.provider_reference
    query = select(tables.payments).where(_Y.provider == provider, named).order_by(_Y.created_at)
    return connection.execute(query.limit(1)).one_or_none()


def looked(engine: Engine, provider: Provider, payment: Any, now: datetime) -> Verdict | None:
    """Asks the provider how a payment stands, and takes what it says. None where it knows no such payment.
    ProviderDown."""
    told = provider.look(payment.id, payment.provider_reference or "")
    with db.writing(engine) as connection:
        connection.execute(update(tables.payments).where(_Y.id == payment.id).values(looked_at=now))
        return None if told is None else take(connection, provider.name, _as_event(told), _digest(told), now)


def _as_event(told: Told) -> Told:
    """Under an id that is the same as long as the answer is."""
    return Told(**{**vars(told), "event": f"look-{_digest(told)[:32]}"})


def _digest(told: Told) -> str:
    refunds = sorted((one.id, one.amount_minor) for one in told.refunds)
    said = (told.payment, told.provider_reference, told.kind, told.amount_minor, told.currency, told.refund, refunds)
    return hashlib.sha256(repr(said).encode()).hexdigest()


def payments_of(connection: Connection, order: str) -> list[Any]:
    query = select(tables.payments).where(_Y.order == order).order_by(_Y.created_at, _Y.id)
    return list(connection.execute(query))


# Giving back.


def refund(
    engine: Engine,
    providers: Mapping[str, Provider],
    order: Order,
    amount_minor: int | None,
    key: str,
    now: datetime,
) -> str:
    """Gives back a part, or None: all that is left; the same key twice is one refund. What became of it: refunded, or
    pending where the provider takes its time or cannot be reached, and is asked again. NotNow, Refused."""
    key = hashlib.sha256(f"{order.id} {key}".encode()).hexdigest()[:32]  # what somebody chose may hold a name
    with db.writing(engine) as connection:
        asked = _ask(connection, order, amount_minor, key, now)
    return _send(engine, providers, order, asked, now)


def _ask(connection: Connection, order: Order, amount_minor: int | None, key: str, now: datetime) -> ledger.Asked:
    before = book.ledger(connection, order)
    known = next((one for one in before.events if one.kind == ledger.REFUND_ASKED and one.reference == key), None)
    if known is not None:
        return ledger.Asked(key=key, payment=str(known.payment), amount_minor=-known.amount_minor, is_sent=False)
    payment = max(before.received, key=before.refundable, default="")
    amount = before.refundable(payment) if amount_minor is None else amount_minor
    against = ledger.against_refunding(before, payment, amount)
    if against:
        raise NotNow(f"order {order.number} ({before.state}), in minor units of {order.currency}: {against}")
    event = Event(kind=ledger.REFUND_ASKED, amount_minor=-amount, payment=payment, reference=key)
    book.add(connection, order, before, (event,), now)
    return ledger.Asked(key=key, payment=payment, amount_minor=amount, is_sent=False)


def _send(engine: Engine, providers: Mapping[str, Provider], order: Order, asked: ledger.Asked, now: datetime) -> str:
    with db.reading(engine) as connection:
        row = connection.execute(select(tables.payments).where(_Y.id == asked.payment)).one()
        before = book.ledger(connection, order)
    if asked.key not in {one.key for one in before.under_way}:
        return ledger.REFUNDED if not _was_refused(before, asked.key) else "refused"
    provider = providers.get(row.provider)
    if provider is None:
        raise CommandError(f"provider {row.provider} is not switched on: add [payment.{row.provider}] again")
    try:
        told = provider.refund(row.id, row.provider_reference or "", asked.amount_minor, row.currency, asked.key)
    except ProviderDown:
        return ledger.PENDING
    except Refused as refused:
        said = cards.masked(str(refused))[:500]
        _note(engine, order, Event(kind=ledger.REFUND_REFUSED, payment=row.id, reference=asked.key, detail=said), now)
        raise
    sent = Event(kind=ledger.REFUND_SENT, payment=row.id, reference=asked.key, detail=told.refund or told.event)
    _note(engine, order, sent, now)
    with db.writing(engine) as connection:
        take(connection, row.provider, _as_event(told), _digest(told), now)
    return str(told.kind)


def _was_refused(before: ledger.Ledger, key: str) -> bool:
    return any(one.kind == ledger.REFUND_REFUSED and one.reference == key for one in before.events)


def _note(engine: Engine, order: Order, event: Event, now: datetime) -> None:
    with db.writing(engine) as connection:
        before = book.ledger(connection, order)
        if not any((one.kind, one.reference) == (event.kind, event.reference) for one in before.events):
            book.add(connection, order, before, (event,), now)


def resend(engine: Engine, providers: Mapping[str, Provider], order: Order, now: datetime) -> int:
    """Asks providers again for refunds that nobody heard the end of; how many are sent now. ProviderDown is waited
    out."""
    with db.reading(engine) as connection:
        waiting = [one for one in book.ledger(connection, order).under_way if not one.is_sent]
    return sum(_send(engine, providers, order, one, now) != ledger.PENDING for one in waiting)


def cancel(engine: Engine, order: Order, now: datetime) -> None:
    """NotNow where money came already, or it is over."""
    with db.writing(engine) as connection:
        before = book.ledger(connection, order)
        against = ledger.against_cancelling(before)
        if against:
            raise NotNow(f"order {order.number} cannot be cancelled: {against}")
        book.add(connection, order, before, ledger.ended(before, ledger.CANCELLED), now)


def received(engine: Engine, order: Order, now: datetime) -> None:
    """The money of an order that is paid on delivery was handed over. NotNow."""
    with db.writing(engine) as connection:
        before = book.ledger(connection, order)
        waiting = [one for one in payments_of(connection, order.id) if one.provider == ON_DELIVERY]
        if before.state != ledger.PLACED or not before.is_agreed or not waiting:
            raise NotNow(f"order {order.number} is not one that is paid on delivery: it is {ledger.told_state(before)}")
        paid = Event(kind=ledger.PAID, amount_minor=order.total_minor, payment=waiting[-1].id)
        book.add(connection, order, before, (paid,), now, ON_DELIVERY)
