"""What follows from an order's events, and what may be added to them. Pure.

Nothing of the money follows from the order in which events came: a refund that is told before its charge leaves the
same ledger as one that is told after it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from aircue_cloud.payment import provider
from aircue_cloud.payment.provider import Told

PLACED = "placed"
RESERVED = "reserved"  # its pieces are taken out of the stock
RELEASED = "released"  # and put back
BEGUN = "begun"  # a payment
AGREED = "agreed"  # to be paid on delivery
PAID = "paid"
FAILED = "failed"  # a payment
REFUND_ASKED = "refund-asked"
REFUND_SENT = "refund-sent"  # the provider took it
REFUND_REFUSED = "refund-refused"
REFUNDED = "refunded"
CANCELLED = "cancelled"
EXPIRED = "expired"

PART_REFUNDED = "part-refunded"
PENDING = "pending"
STATES = (PLACED, PAID, PART_REFUNDED, REFUNDED, CANCELLED, EXPIRED)


@dataclass(frozen=True, kw_only=True)
class Event:
    """amount_minor: over 0 to us, under 0 from us; only paid and refunded move money. reference: our key of a refund
    that is asked for, sent or refused; the provider's id of one that is done. detail: that id, once it is sent."""

    kind: str
    amount_minor: int = 0
    payment: str | None = None
    reference: str | None = None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True)
class Payment:
    """What was asked of a provider."""

    id: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A refund that somebody asked for and that is not done yet. key: ours."""

    key: str
    payment: str
    amount_minor: int
    is_sent: bool


@dataclass(frozen=True, kw_only=True)
class Judged:
    """events: to be added. alarm: why somebody should look, "" for no reason. There may be both."""

    events: tuple[Event, ...] = ()
    alarm: str = ""


@dataclass(frozen=True)
class Ledger:
    """total_minor: of the order."""

    total_minor: int
    events: tuple[Event, ...]

    @cached_property
    def received(self) -> Mapping[str, int]:
        """By payment."""
        return {str(one.payment): one.amount_minor for one in self._of(PAID)}

    @cached_property
    def refunds(self) -> Mapping[tuple[str, str], int]:
        """By payment and the provider's id of the refund."""
        return {(str(one.payment), str(one.reference)): -one.amount_minor for one in self._of(REFUNDED)}

    def refunded(self, payment: str) -> int:
        return sum(amount for (of, _), amount in self.refunds.items() if of == payment)

    @cached_property
    def kept(self) -> int:
        """Money that was received and not given back; a refund whose charge nobody has told of yet does not count."""
        return sum(amount - self.refunded(payment) for payment, amount in self.received.items())

    @cached_property
    def under_way(self) -> tuple[Asked, ...]:
        """Refunds that were asked for and are neither done nor refused."""
        refused = {one.reference for one in self._of(REFUND_REFUSED)}
        sent = {one.reference: (str(one.payment), str(one.detail)) for one in self._of(REFUND_SENT)}
        return tuple(
            Asked(
                key=str(one.reference),
                payment=str(one.payment),
                amount_minor=-one.amount_minor,
                is_sent=one.reference in sent,
            )
            for one in self._of(REFUND_ASKED)
            if one.reference not in refused and sent.get(one.reference) not in self.refunds
        )

    def refundable(self, payment: str) -> int:
        """What may still be asked back of a payment."""
        waiting = sum(one.amount_minor for one in self.under_way if one.payment == payment)
        return self.received.get(payment, 0) - self.refunded(payment) - waiting

    @cached_property
    def open_payments(self) -> frozenset[str]:
        """Begun, and neither paid nor failed."""
        failed = {str(one.payment) for one in self._of(FAILED)}
        return frozenset({str(one.payment) for one in self._of(BEGUN)} - failed - self.received.keys())

    @cached_property
    def holds_stock(self) -> bool:
        return sum(1 for _ in self._of(RESERVED)) > sum(1 for _ in self._of(RELEASED))

    @cached_property
    def is_agreed(self) -> bool:
        """To be paid on delivery."""
        return self.has(AGREED)

    @cached_property
    def state(self) -> str:
        if self.received:
            return REFUNDED if self.kept <= 0 else PART_REFUNDED if self.kept < self.total_minor else PAID
        return CANCELLED if self.has(CANCELLED) else EXPIRED if self.has(EXPIRED) else PLACED

    @property
    def is_sold(self) -> bool:
        """Whether it counts as bought, whatever came back of it later."""
        return bool(self.received) or self.is_agreed

    @property
    def came_back(self) -> bool:
        """All of what was sold."""
        return self.is_sold and self.state in (REFUNDED, CANCELLED)

    def payment_state(self, payment: str) -> str:
        """Without pending, which no event says."""
        if payment in self.received:
            return REFUNDED if self.refunded(payment) >= self.received[payment] else PAID
        return BEGUN if payment in self.open_payments else FAILED

    def has(self, kind: str) -> bool:
        return any(True for _ in self._of(kind))

    def and_(self, *events: Event) -> "Ledger":
        return Ledger(self.total_minor, (*self.events, *events))

    def _of(self, kind: str) -> Iterable[Event]:
        return (one for one in self.events if one.kind == kind)


# What a provider says.


def judge(ledger: Ledger, payment: Payment, told: Told) -> Judged:
    """What of it is new. A wrong amount or currency is an alarm, and changes nothing."""
    first = _JUDGING[told.kind](ledger, payment, told)
    events, alarms = list(first.events), [first.alarm]
    for refund in () if first.alarm and not first.events else told.refunds:
        known = ledger.and_(*events)
        more = _refund(known, payment, refund.id, refund.amount_minor, told.currency)
        events, alarms = [*events, *more.events], [*alarms, more.alarm]
    return Judged(events=tuple(events), alarm="; ".join(one for one in alarms if one))


def _paid(ledger: Ledger, payment: Payment, told: Told) -> Judged:
    if (told.amount_minor, told.currency) != (payment.amount_minor, payment.currency):
        asked = f"{payment.amount_minor} {payment.currency}"
        return Judged(alarm=f"paid {told.amount_minor} {told.currency} where {asked} (minor units) was asked for")
    if payment.id in ledger.received:
        return Judged()
    event = Event(kind=PAID, amount_minor=told.amount_minor, payment=payment.id, reference=told.provider_reference)
    twice = "paid a second time: refund one of its payments" if ledger.received else ""
    return Judged(events=(event,), alarm=twice)


def _failed(ledger: Ledger, payment: Payment, told: Told) -> Judged:
    """Stock goes back with the last payment that could still bring money. No money moves, so no amount is looked at."""
    if payment.id not in ledger.open_payments:
        return Judged()
    event = Event(kind=FAILED, payment=payment.id, reference=told.provider_reference)
    last = ledger.open_payments == {payment.id} and not ledger.is_sold and ledger.holds_stock
    return Judged(events=(event, Event(kind=RELEASED)) if last else (event,))


def _refunded(ledger: Ledger, payment: Payment, told: Told) -> Judged:
    return _refund(ledger, payment, told.refund or told.event, told.amount_minor, told.currency)


def _refund(ledger: Ledger, payment: Payment, id_: str, amount: int, currency: str) -> Judged:
    known = ledger.refunds.get((payment.id, id_))
    if known is not None:
        return Judged(alarm="" if known == amount else f"refund {id_} of {known} is now said to be of {amount}")
    left = payment.amount_minor - ledger.refunded(payment.id)
    if currency != payment.currency or not 0 < amount <= left:
        return Judged(alarm=f"refund {id_} of {amount} {currency} where {left} {payment.currency} can be given back")
    return Judged(events=(Event(kind=REFUNDED, amount_minor=-amount, payment=payment.id, reference=id_),))


def _nothing(_ledger: Ledger, _payment: Payment, _told: Told) -> Judged:
    return Judged()


_JUDGING: Mapping[str, Callable[[Ledger, Payment, Told], Judged]] = {
    provider.PAID: _paid,
    provider.FAILED: _failed,
    provider.REFUNDED: _refunded,
    provider.PENDING: _nothing,
}


# What people and time ask for: why not, or "".


def against_paying(ledger: Ledger) -> str:
    return "" if ledger.state == PLACED and not ledger.is_agreed else f"the order is {told_state(ledger)}"


def against_cancelling(ledger: Ledger) -> str:
    return "" if ledger.state == PLACED else f"the order is {told_state(ledger)}"


def against_expiring(ledger: Ledger) -> str:
    return "" if ledger.state == PLACED and not ledger.is_agreed else f"the order is {told_state(ledger)}"


def against_refunding(ledger: Ledger, payment: str, amount_minor: int) -> str:
    left = ledger.refundable(payment)
    return "" if 0 < amount_minor <= left else f"{amount_minor} cannot be given back where {left} is left"


def told_state(ledger: Ledger) -> str:
    return "to be paid on delivery" if ledger.state == PLACED and ledger.is_agreed else ledger.state


def ended(ledger: Ledger, kind: str) -> tuple[Event, ...]:
    """Of an order that is cancelled or expires."""
    return (Event(kind=kind), Event(kind=RELEASED)) if ledger.holds_stock else (Event(kind=kind),)
