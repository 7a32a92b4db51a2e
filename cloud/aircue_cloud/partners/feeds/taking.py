"""A checked feed into the catalogue: in one transaction, whole rows alone.

`whole`: every row is well, or nothing is taken. `good`: the good rows are taken, and the products of the others stay as
they are. Products of the partner that the feed does not name go off sale, unless a row could not be read: it may have
been theirs. A product's id is the partner's and its own,
so that no partner writes another's products, or the store's.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.partners.accounts import ACTIVE, Account
from aircue_cloud.partners.feeds.checking import Checked
from aircue_cloud.partners.feeds.offer import Offer, Problem
from aircue_cloud.shop import catalogue
from aircue_cloud.shop.catalogue import Product

WHOLE, GOOD = "whole", "good"
MODES = (WHOLE, GOOD)
TAKEN, REFUSED = "taken", "refused"
_F, _O, _P = tables.feeds.c, tables.offers.c, tables.products.c
_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Feed:
    """One that was looked at. wrong: rows with a problem; problems: the first of them."""

    id: int
    partner: str
    at: datetime
    source: str
    format: str
    mode: str
    outcome: str
    rows: int
    wrong: int
    created: int
    changed: int
    retired: int
    problems: Sequence[Problem]


@dataclass(frozen=True, kw_only=True)
class _Counts:
    created: int = 0
    changed: int = 0
    retired: int = 0


def product_id(partner: str, offer: str) -> str:
    return f"{partner}:{offer}"


def take(
    connection: Connection, account: Account, checked: Checked, *, source: str, format_: str, mode: str, now: datetime
) -> Feed:
    """Only within db.writing. CommandError for a partner that is paused."""
    if account.status != ACTIVE:
        raise CommandError(f"partner {account.id} is {account.status}: its feeds are not taken")
    is_fit = bool(checked.offers) and (mode == GOOD or not checked.wrong)
    counts = _put(connection, account, checked, now) if is_fit else _Counts()
    problems = checked.problems if checked.rows else (_NO_ROW, *checked.problems)
    row = {
        "partner": account.id, "at": now, "source": source, "format": format_, "mode": mode,
        "outcome": TAKEN if is_fit else REFUSED, "rows": checked.rows, "wrong": checked.wrong, **asdict(counts),
    }  # fmt: skip
    stored = connection.execute(insert(tables.feeds), {**row, "problems": msgspec.to_builtins(list(problems))})
    id_ = stored.inserted_primary_key
    assert id_ is not None
    return Feed(id=id_[0], problems=problems, **row)


_NO_ROW = Problem(0, "", "no row", "at least one product", "a feed without products takes nothing off sale: send one")


def _put(connection: Connection, account: Account, checked: Checked, now: datetime) -> _Counts:
    mine = {product_id(account.id, one.id): one for one in checked.offers}
    became = list(catalogue.put(connection, {id_: _product(account, one) for id_, one in mine.items()}).values())
    rows = [
        {"product": id_, "partner": account.id, "offer": one.id, "gtin": one.gtin or None, "link": one.link or None,
         "image_link": one.image_link}
        for id_, one in mine.items()
    ]  # fmt: skip
    columns = ("gtin", "link", "image_link")
    connection.execute(db.insert_or_update(connection, tables.offers, columns), rows)
    kept = mine.keys() | {product_id(account.id, one) for one in checked.named}
    retired = 0 if checked.unread else _retire(connection, account, kept, now)
    return _Counts(created=became.count("created"), changed=became.count("changed"), retired=retired)


def _product(account: Account, offer: Offer) -> Product:
    pieces = account.assumed_stock if offer.quantity is None else offer.quantity
    attributes: dict[str, str | int | float | bool] = {"partner": account.name}
    if offer.brand:
        attributes["brand"] = offer.brand
    return Product(
        name=offer.title,
        category=offer.category,
        price_minor=offer.price_minor,
        currency=offer.currency,  # type: ignore[arg-type]  # checked against ISO 4217
        stock=pieces if offer.available else 0,
        description=offer.description,
        attributes=attributes,
    )


def _retire(connection: Connection, account: Account, kept: set[str], now: datetime) -> int:
    query = select(_O.product).join(tables.products, _P.id == _O.product)
    on_sale = connection.execute(query.where(_O.partner == account.id, _P.retired_at.is_(None))).scalars()
    gone = sorted(set(on_sale) - kept)
    for start in range(0, len(gone), _AT_ONCE):
        some = _P.id.in_(gone[start : start + _AT_ONCE])
        connection.execute(update(tables.products).where(some).values(retired_at=now, stock=0))
    return len(gone)


def history(connection: Connection, partner: str, limit: int) -> list[Feed]:
    """The latest first."""
    query = select(tables.feeds).where(_F.partner == partner).order_by(_F.id.desc()).limit(limit)
    return [_feed(row) for row in connection.execute(query).mappings()]


def one(connection: Connection, partner: str, feed: int) -> Feed | None:
    query = select(tables.feeds).where(_F.partner == partner, _F.id == feed)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _feed(row)


def _feed(row: object) -> Feed:
    said = dict(row)  # type: ignore[call-overload]  # a row mapping
    return Feed(**{**said, "problems": msgspec.convert(said["problems"], list[Problem])})


def forget_old(connection: Connection, partner: str, keep: int = 200) -> int:
    """Feeds beyond the latest ones: a partner that sends one every minute fills no disk."""
    old = select(_F.id).where(_F.partner == partner).order_by(_F.id.desc()).offset(keep)
    return connection.execute(delete(tables.feeds).where(_F.id.in_(list(connection.execute(old).scalars())))).rowcount
