"""What providers did not tell is asked for; what is not paid in time ends. One round is one call; Reconciler makes them
beside the requests."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event as Stopping
from threading import Thread
from typing import Any

from sqlalchemy import Engine, and_, or_, select

from aircue_cloud import db, tables
from aircue_cloud.orders import book, ledger, paying, reading
from aircue_cloud.payment.provider import PaymentError, Provider, ProviderDown

log = logging.getLogger(__name__)
EVERY_S = 5.0
PATIENCE = timedelta(seconds=60)  # a callback is given this long before its provider is asked, and between two times
DAILY = timedelta(days=1)  # refunds that were made at the provider's own desk are asked for as often
LONGEST = timedelta(days=90)  # a payment is asked about
_Y, _O = tables.payments.c, tables.orders.c
MOST = 200  # of a round


@dataclass(frozen=True, kw_only=True)
class Counts:
    """looked: payments that were asked about; found: with something new; unreached: whose provider did not answer;
    refunds: that were sent again; expired: orders."""

    looked: int = 0
    found: int = 0
    unreached: int = 0
    refunds: int = 0
    expired: int = 0


def reconcile(engine: Engine, providers: Mapping[str, Provider], now: datetime, *, everything: bool = False) -> Counts:
    """everything: also of payments that it is not time for yet."""
    with db.reading(engine) as connection:
        due = list(connection.execute(_due(now, everything).where(_Y.provider.in_(providers)).limit(MOST)))
    said = [_look(engine, providers[one.provider], one, now) for one in due]
    return Counts(
        looked=len(due),
        found=sum(word in (paying.ACCEPTED, paying.ALARM) for word in said),
        unreached=said.count(""),
        refunds=_refunds(engine, providers, now),
        expired=expire(engine, now),
    )


def _due(now: datetime, everything: bool) -> Any:
    """Those that nobody asked about for the longest first."""
    waiting = _Y.state.in_((ledger.BEGUN, ledger.PENDING))
    recent = _Y.created_at > now - LONGEST
    query = select(tables.payments).where(recent).order_by(_Y.looked_at.is_not(None), _Y.looked_at, _Y.created_at)
    if everything:
        return query
    quiet = and_(_Y.created_at <= now - PATIENCE, or_(_Y.looked_at.is_(None), _Y.looked_at <= now - PATIENCE))
    old = and_(_Y.created_at <= now - DAILY, or_(_Y.looked_at.is_(None), _Y.looked_at <= now - DAILY))
    return query.where(or_(and_(waiting, quiet), old))


def _look(engine: Engine, provider: Provider, payment: Any, now: datetime) -> str:
    """The verdict's word; "" where the provider did not answer."""
    try:
        verdict = paying.looked(engine, provider, payment, now)
    except ProviderDown as down:
        log.warning("payment %s could not be asked about: %s; it is tried again", payment.id, down)
        return ""
    return paying.NOTHING if verdict is None else verdict.word


def _refunds(engine: Engine, providers: Mapping[str, Provider], now: datetime) -> int:
    sent = 0
    for id_ in _with_refunds(engine):
        with db.reading(engine) as connection:
            order = reading.one(connection, id_)
        try:
            sent += 0 if order is None else paying.resend(engine, providers, order, now)
        except PaymentError as error:
            log.warning("a refund of order %s was refused: %s", id_, error)
    return sent


def _with_refunds(engine: Engine) -> list[str]:
    """Orders that have one asked for, and neither sent nor refused."""
    asked, ended = tables.order_events.alias(), tables.order_events.alias()
    over = (ended.c.order == asked.c.order, ended.c.reference == asked.c.reference)
    ends = ended.c.kind.in_((ledger.REFUND_SENT, ledger.REFUND_REFUSED))
    heard = select(ended.c.id).where(*over, ends).exists()
    query = select(asked.c.order).where(asked.c.kind == ledger.REFUND_ASKED, ~heard).distinct().limit(MOST)
    with db.reading(engine) as connection:
        return list(connection.execute(query).scalars())


def expire(engine: Engine, now: datetime) -> int:
    """Ends orders that were not paid in time; their pieces are for others again."""
    query = select(_O.id).where(_O.state == ledger.PLACED, _O.expires_at <= now).limit(MOST)
    with db.reading(engine) as connection:
        found = list(connection.execute(query).scalars())
    return sum(_expire(engine, one, now) for one in found)


def _expire(engine: Engine, id_: str, now: datetime) -> bool:
    with db.writing(engine) as connection:
        order = reading.one(connection, id_)
        if order is None or order.expires_at is None or order.expires_at > now:
            return False
        before = book.ledger(connection, order)
        if ledger.against_expiring(before):
            return False
        book.add(connection, order, before, ledger.ended(before, ledger.EXPIRED), now)
        return True


class Reconciler:
    """Beside the requests; any number may run, in any number of processes."""

    def __init__(
        self, engine: Engine, providers: Mapping[str, Provider], clock: Callable[[], datetime], every_s: float = EVERY_S
    ) -> None:
        self._engine, self._providers, self._clock, self._every_s = engine, providers, clock, every_s
        self._stopping = Stopping()
        self._thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self.run, name="orders", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                reconcile(self._engine, self._providers, self._clock())
            except Exception:
                log.exception("payments could not be reconciled; it is tried again")
