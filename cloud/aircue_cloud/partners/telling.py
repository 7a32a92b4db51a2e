"""What partners are told by webhook: a product of theirs was sold, few pieces are left, and the results of a month.

Messages are written down in the transaction that finds their cause, under an id that follows from it, so that each is
told once; they go out at least once, signed as Standard Webhooks says, the same id however often. None names a person.
One that does not arrive is tried again, ever later, and given up after a day and a half.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, func, select, update
from standardwebhooks import Webhook

from aircue_cloud import db, tables
from aircue_cloud.delivery.endpoints import Gate, NoAnswer, NotReached, Unsafe
from aircue_cloud.identity.sealing import Box
from aircue_cloud.partners import accounts, hearing, results
from aircue_cloud.partners.accounts import ACTIVE, Account

log = logging.getLogger(__name__)
SOLD, LOW, RESULTS = "product.sold", "product.low_stock", "campaign.results"
WAITING, ARRIVED, GIVEN_UP = "waiting", "arrived", "given-up"
LOW_STOCK = 3
EVERY_S = 30.0
_FIRST = timedelta(minutes=1)
MOST_TRIES = 12  # one minute, two, four ... and so a day and a half
_KEPT = timedelta(days=90)
_AT_ONCE = 500
_NAMES = uuid.UUID("6f4b4f0e-3c58-4f0c-9d4a-5a3a3f9f1d52")
_I, _O, _P, _T, _A = (
    tables.interactions.c, tables.offers.c, tables.products.c, tables.told_partners.c, tables.partners.c,
)  # fmt: skip


def notice(connection: Connection, now: datetime) -> int:
    """Writes down what is to be told; how many messages. Only within db.writing."""
    found = [one for one in accounts.listed(connection) if one.webhook_url is not None and one.status == ACTIVE]
    return sum(_notice(connection, one, now) for one in found)


def _notice(connection: Connection, account: Account, now: datetime) -> int:
    until = connection.execute(select(func.max(_I.id))).scalar() or 0
    rows = [*_sold(connection, account, until, now), *_results(connection, account, now)]
    connection.execute(update(tables.partners).where(_A.id == account.id).values(told_until=until))
    return connection.execute(db.insert_absent(connection, tables.told_partners), rows).rowcount if rows else 0


def _sold(connection: Connection, account: Account, until: int, now: datetime) -> Iterator[dict[str, Any]]:
    query = (
        select(_I.id, _I.at, _I.quantity, _O.offer, _P.stock, _P.id.label("product"))
        .join(tables.offers, _O.product == _I.product)
        .join(tables.products, _P.id == _I.product)
        .where(_O.partner == account.id, _I.kind == "purchase", _I.id > account.told_until, _I.id <= until)
        .order_by(_I.id)
    )
    for row in connection.execute(query):
        data = {"offer": row.offer, "product": row.product, "quantity": row.quantity or 1}
        yield _message(account, SOLD, str(row.id), {**data, "at": row.at}, now)
        if row.stock <= LOW_STOCK:
            data = {"offer": row.offer, "product": row.product, "stock": row.stock}
            yield _message(account, LOW, f"{row.product}\n{row.stock}\n{now:%Y-%m-%d}", data, now)


def _results(connection: Connection, account: Account, now: datetime) -> Iterator[dict[str, Any]]:
    """Of the month that ended last; nothing before the account was there."""
    month = f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"
    if f"{account.added_at:%Y-%m}" <= month and not _is_told(connection, _id(account, RESULTS, month)):
        found = results.of_month(connection, account.id, month, now)
        yield _message(account, RESULTS, month, msgspec.to_builtins(found), now)


def _is_told(connection: Connection, id_: str) -> bool:
    return connection.execute(select(_T.id).where(_T.id == id_)).first() is not None


def _id(account: Account, kind: str, cause: str) -> str:
    return str(uuid.uuid5(_NAMES, f"{account.id}\n{kind}\n{cause}"))


def _message(account: Account, kind: str, cause: str, data: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    body = msgspec.json.encode({"type": kind, "timestamp": now, "data": data}).decode()
    own = {"id": _id(account, kind, cause), "partner": account.id, "type": kind, "body": body}
    return {**own, "made_at": now, "due_at": now, "tries": 0, "state": WAITING, "detail": ""}


def send_due(engine: Engine, gate: Gate, box: Box, now: datetime, most: int = 100) -> int:
    """How many arrived. Each is claimed before it is sent, so that of two servers one sends it."""
    arrived = 0
    for id_, partner, body, tries in _claimed(engine, now, most):
        with db.reading(engine) as connection:
            account = accounts.find(connection, partner)
        said = _send(gate, box, account, id_, body, now)
        with db.writing(engine) as connection:
            connection.execute(update(tables.told_partners).where(_T.id == id_).values(_fate(said, tries, now)))
        arrived += said == ""
    return arrived


def _claimed(engine: Engine, now: datetime, most: int) -> list[tuple[str, str, str, int]]:
    """Due messages, with the number of this try; due again, should nobody tell what became of it."""
    due = select(_T.id, _T.partner, _T.body, _T.tries).where(_T.due_at <= now).order_by(_T.due_at, _T.id).limit(most)
    with db.writing(engine) as connection:
        rows = connection.execute(due.with_for_update(skip_locked=True)).all()
        for row in rows:
            later = now + _FIRST * 2**row.tries
            change = update(tables.told_partners).where(_T.id == row.id)
            connection.execute(change.values(tries=row.tries + 1, due_at=later))
    return [(row.id, row.partner, row.body, row.tries + 1) for row in rows]


def _send(gate: Gate, box: Box, account: Account | None, id_: str, body: str, now: datetime) -> str:
    """Why it did not arrive, "" where it did."""
    if account is None or account.webhook_url is None or account.webhook_secret is None:
        return "the account has no webhook"
    secret = box.open(account.webhook_secret)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, now, body),
    }
    try:
        status = gate.post(account.webhook_url, body.encode(), headers).status
    except (Unsafe, NotReached, NoAnswer) as error:
        return str(error)
    return "" if 200 <= status < 300 else f"answered {status}"


def _fate(said: str, tries: int, now: datetime) -> dict[str, Any]:
    if said == "":
        return {"state": ARRIVED, "due_at": None, "detail": ""}
    if tries >= MOST_TRIES:
        return {"state": GIVEN_UP, "due_at": None, "detail": said[:200]}
    return {"detail": said[:200], "due_at": now + _FIRST * 2 ** (tries - 1)}


def forget_old(connection: Connection, now: datetime) -> None:
    """What went out or was given up long ago, and ids that no message can bear any more. Only within db.writing."""
    connection.execute(delete(tables.told_partners).where(_T.due_at.is_(None), _T.made_at < now - _KEPT))
    hearing.forget_old(connection, now)


class Telling:
    """A thread that looks every half minute; where no partner has a webhook it reads, and never writes."""

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        box: Callable[[], Box],
        clock: Callable[[], datetime],
        every_s: float = EVERY_S,
    ) -> None:
        self._engine, self._gate, self._box, self._clock, self._every_s = engine, gate, box, clock, every_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="partners", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A message that is under way may arrive twice, with the same id."""
        self._stopping.set()

    def look(self) -> int:
        with db.reading(self._engine) as connection:
            if not any(one.webhook_url is not None for one in accounts.listed(connection)):
                return 0
        now = self._clock()
        with db.writing(self._engine) as connection:
            notice(connection, now)
            forget_old(connection, now)
        return send_due(self._engine, self._gate, self._box(), now)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.look()
            except Exception:
                log.exception("partners could not be told; it is tried again")
