"""What partners tell by webhook: stock and prices of their own products. Signed as Standard Webhooks says, no more than
five minutes away from our clock, each message once by its id.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from standardwebhooks import Webhook

from aircue_cloud import strict, tables
from aircue_cloud.fields import Body, Reason
from aircue_cloud.partners.accounts import ACTIVE, Account
from aircue_cloud.partners.feeds import offer
from aircue_cloud.shop.catalogue import Stock
from aircue_cloud.strict import Unfit
from aircue_cloud.tables.columns import EPOCH

TOLERANCE = timedelta(minutes=5)
UNKNOWN = "no partner signs here with what was sent: sign as Standard Webhooks says, with the account's secret"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_H, _O, _P = tables.heard_partners.c, tables.offers.c, tables.products.c
_LONGEST_ID = 128


class Data(Body):
    """offer: the partner's own id. What is not there stays."""

    offer: str
    stock: Stock | None = None
    price: str | None = None


class Message(Body):
    """type: offer.updated."""

    type: str
    timestamp: str
    data: Data


@dataclass(frozen=True, kw_only=True)
class Heard:
    changed: bool
    duplicate: bool = False


def amiss(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> str | None:
    """Why a message is not its partner's; headers: names in small letters. secret: "" for none."""
    id_, at, signatures = (headers.get(name, "") for name in _HEADERS)
    if not (at.isascii() and at.isdigit() and len(at) <= 11):
        return "header webhook-timestamp: expected seconds since 1970"
    sent = EPOCH + timedelta(seconds=int(at))
    if abs(now - sent) > TOLERANCE:
        return "header webhook-timestamp is more than five minutes away from our clock: sign when it is sent"
    if not secret or not 1 <= len(id_) <= _LONGEST_ID or not id_.isascii() or not id_.isprintable():
        return UNKNOWN
    return None if _signs(secret, body, id_, sent, signatures) else UNKNOWN


def _signs(secret: str, body: bytes, id_: str, sent: datetime, signatures: str) -> bool:
    """Whether any of the signatures is right; two while a secret is changed."""
    try:
        expected = Webhook(secret).sign(id_, sent, body.decode())
    except UnicodeDecodeError:
        return False
    return any(hmac.compare_digest(one.encode(), expected.encode()) for one in signatures.split(" ")[:8])


def hear(connection: Connection, account: Account, id_: str, body: bytes, now: datetime) -> Heard | Reason:
    """Only within db.writing. What is refused may be sent again, mended, under the same id."""
    before = connection.execute(select(_H.id).where(_H.partner == account.id, _H.id == id_)).first()
    if before is not None:
        return Heard(changed=False, duplicate=True)
    if account.status != ACTIVE:
        return _unlike("partner", account.status, "an active account", "ask the shop")
    try:
        message = strict.decode(Message, body)
        values = _values(message)
    except Unfit as unfit:
        return unfit.reason
    mine = select(_O.product).where(_O.partner == account.id, _O.offer == message.data.offer)
    on_sale = (_P.id.in_(mine), _P.retired_at.is_(None))
    if connection.execute(select(_P.id).where(*on_sale)).first() is None:
        return _unlike(
            "data.offer", strict.shown(message.data.offer), "an offer of yours on sale", "send its feed first"
        )
    changed = bool(values and connection.execute(update(tables.products).where(*on_sale).values(values)).rowcount)
    connection.execute(insert(tables.heard_partners), {"partner": account.id, "id": id_, "at": now})
    return Heard(changed=changed)


def _values(message: Message) -> dict[str, object]:
    if message.type != "offer.updated":
        raise Unfit(_unlike("type", strict.shown(message.type), "offer.updated", "send what is known here"))
    if "\0" in message.data.offer:
        raise Unfit(_unlike("data.offer", strict.shown(message.data.offer), "an offer of yours", "send its id"))
    values: dict[str, object] = {} if message.data.stock is None else {"stock": message.data.stock}
    if message.data.price is not None:
        found = offer.price(message.data.price)
        if found is None or found[0] == 0:
            raise Unfit(_unlike("data.price", strict.shown(message.data.price), 'such as "12.90 EUR"', "write it so"))
        values |= {"price_minor": found[0], "currency": found[1]}
    return values


def _unlike(field: str, found: str, expected: str, remedy: str) -> Reason:
    return Reason(field=field, found=found, expected=expected, remedy=remedy)


def forget_old(connection: Connection, now: datetime) -> int:
    """Ids of messages whose timestamp alone would refuse them by now."""
    return connection.execute(delete(tables.heard_partners).where(_H.at < now - 4 * TOLERANCE)).rowcount
