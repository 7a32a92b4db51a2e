"""Accounts of partners. Its keys are those of kind partner with its name. Errors: CommandError."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from aircue_cloud import tables
from aircue_cloud.delivery.endpoints import Gate, NotReached, Unsafe
from aircue_cloud.delivery.webhook import draw_secret
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import keys
from aircue_cloud.identity.sealing import Box

_T = tables.partners.c
ACTIVE, PAUSED = "active", "paused"
STATUSES = (ACTIVE, PAUSED)
OWN = ("supply:read", "supply:write")  # what the key of a partner may do
ASSUMED_STOCK = 5


@dataclass(frozen=True, kw_only=True)
class Account:
    """assumed_stock: pieces of what is in stock and names no quantity. webhook_secret: sealed."""

    id: str
    name: str
    contact: str
    status: str
    assumed_stock: int
    added_at: datetime
    feed_url: str | None
    feed_etag: str | None
    webhook_url: str | None
    webhook_secret: str | None
    told_until: int


def find(connection: Connection, id_: str) -> Account | None:
    row = connection.execute(select(tables.partners).where(_T.id == id_)).mappings().one_or_none()
    return None if row is None else Account(**row)


def must_find(connection: Connection, id_: str) -> Account:
    found = find(connection, id_)
    if found is None:
        raise CommandError(f"partner {id_} has no account; add it with: aircue-cloud partners add {id_} NAME")
    return found


def listed(connection: Connection) -> list[Account]:
    rows = connection.execute(select(tables.partners).order_by(_T.id)).mappings()
    return [Account(**row) for row in rows]


def save(
    connection: Connection,
    id_: str,
    now: datetime,
    *,
    name: str,
    contact: str,
    status: str = ACTIVE,
    assumed_stock: int = ASSUMED_STOCK,
) -> bool:
    """Whether it is new; only within db.writing."""
    keys.check_name("partner", id_)
    if status not in STATUSES:
        raise CommandError(f"status {status!r:.20}: expected one of {', '.join(STATUSES)}")
    if not 1 <= len(name.strip()) <= 200 or len(contact) > 200 or not (name + contact).isprintable():
        raise CommandError("name and contact: expected up to 200 characters on one line, and a name")
    if not 1 <= assumed_stock <= 1_000_000:
        raise CommandError("assumed_stock: expected 1 to 1,000,000 pieces")
    values = {"name": name.strip(), "contact": contact.strip(), "status": status, "assumed_stock": assumed_stock}
    if connection.execute(update(tables.partners).where(_T.id == id_).values(values)).rowcount:
        return False
    # What happened before there was an account is not told to it.
    until = connection.execute(select(func.max(tables.interactions.c.id))).scalar() or 0
    connection.execute(insert(tables.partners), {"id": id_, "added_at": now, "told_until": until, **values})
    return True


def set_webhook(connection: Connection, id_: str, url: str, gate: Gate, box: Box) -> str:
    """A new secret, shown once; both sides sign with it."""
    _check(gate, url)
    secret = draw_secret()
    _set(connection, id_, {"webhook_url": url, "webhook_secret": box.seal(secret)})
    return secret


def set_feed_url(connection: Connection, id_: str, url: str, gate: Gate) -> None:
    """ "" for none."""
    if url:
        _check(gate, url)
    _set(connection, id_, {"feed_url": url or None, "feed_etag": None})


def _set(connection: Connection, id_: str, values: dict[str, Any]) -> None:
    if not connection.execute(update(tables.partners).where(_T.id == id_).values(values)).rowcount:
        must_find(connection, id_)


def _check(gate: Gate, url: str) -> None:
    try:
        gate.check(url)
    except (Unsafe, NotReached) as reason:
        raise CommandError(f"url: {reason}") from reason


def products(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """How many of each partner's products are on sale."""
    offers, sold = tables.offers.c, tables.products.c
    query = (
        select(offers.partner, func.count().label("count"))
        .join(tables.products, sold.id == offers.product)
        .where(offers.partner.in_(ids), sold.retired_at.is_(None))
        .group_by(offers.partner)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
