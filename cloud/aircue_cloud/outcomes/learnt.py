"""What decisions have learnt: made from the database beside them, kept in versions, and looked up by each tick.

A version holds the posterior of every lift that stands on arms that were drawn, with its prior and its evidence, and
how often pushes through each channel were turned to. It is made in one read transaction and stored in one write
transaction, so whoever decides sees one version or the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from aircue_cloud import db, tables
from aircue_cloud.decision import engaging
from aircue_cloud.decision.channels import Engagement
from aircue_cloud.needs.needs import Needs
from aircue_cloud.outcomes import lifts
from aircue_cloud.outcomes.pooled_lift import Pooled
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.recommender.lift import CATEGORY_TRUST, Posterior

KEPT = timedelta(seconds=5)  # a version is used so long after there is a newer one
DUE = timedelta(minutes=15)
VERSIONS = 100  # that are kept
PRIOR = lifts.PRIOR
_T = tables.learnt.c


class Learned(Struct, frozen=True, kw_only=True):
    """A category's lift. sent, held: households; bought by each. mean, low, high: of 90 %."""

    need: str
    category: str
    source: str
    prior: float
    mean: float
    low: float
    high: float
    sent: int
    sent_bought: int
    held: int
    held_bought: int


class OfProduct(Struct, frozen=True, kw_only=True):
    """A Gamma, of a product that was itself offered to enough."""

    need: str
    product: str
    shape: float
    rate: float


class Content(Struct, frozen=True, kw_only=True):
    lifts: list[Learned]
    products: list[OfProduct]
    channels: list[Engagement]


_NOTHING = Content(lifts=[], products=[], channels=[])


@dataclass(frozen=True, kw_only=True)
class Stand:
    """A version. version: None while nothing was learnt yet."""

    version: int | None = None
    as_of: datetime | None = None
    content: Content = _NOTHING
    _categories: Mapping[tuple[str, str], Learned] = field(init=False, repr=False)
    _products: Mapping[tuple[str, str], Posterior] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        categories = {(one.need, one.category): one for one in self.content.lifts}
        object.__setattr__(self, "_categories", categories)
        object.__setattr__(self, "_products", {(one.need, one.product): _gamma(one) for one in self.content.products})

    def posterior(self, need: str, category: str, product: str) -> Posterior | None:
        """None where nothing was learnt of the category. A product that few were offered has its category's mean, held
        less firmly."""
        known = self._categories.get((need, category))
        if known is None:
            return None
        own = self._products.get((need, product))
        usual = Posterior(shape=CATEGORY_TRUST * known.mean, rate=CATEGORY_TRUST, observed=0.0, expected=0.0)
        return usual if own is None else own

    def told(self, need: str, rules: Mapping[str, float]) -> dict[str, Any]:
        """What a decision keeps of it. rules: the need's, by category."""
        return {
            "version": self.version,
            "as_of": None if self.as_of is None else self.as_of.isoformat(timespec="milliseconds"),
            "categories": {category: self._told(need, category, rule) for category, rule in rules.items()},
        }

    def _told(self, need: str, category: str, rule: float) -> dict[str, Any]:
        known = self._categories.get((need, category))
        if known is None:
            return {"source": PRIOR, "prior": rule}
        return {
            name: value for name, value in msgspec.structs.asdict(known).items() if name not in ("need", "category")
        }


def _gamma(one: OfProduct) -> Posterior:
    return Posterior(shape=one.shape, rate=one.rate, observed=0.0, expected=0.0)


NOTHING = Stand()


class Learnt:
    """Any number of threads may ask."""

    def __init__(self) -> None:
        self._held: tuple[datetime, Stand] | None = None

    def current(self, connection: Connection, now: datetime) -> Stand:
        """The newest version, or the one before it for a moment."""
        held = self._held
        if held is not None and timedelta(0) <= now - held[0] < KEPT:
            return held[1]
        newest_one = connection.execute(select(func.max(_T.id))).scalar()
        same = held is not None and held[1].version == newest_one
        stand = held[1] if held is not None and same else newest(connection) or NOTHING
        self._held = now, stand
        return stand


def newest(connection: Connection) -> Stand | None:
    """None while there is none."""
    row = connection.execute(select(_T.id, _T.as_of, _T.document).order_by(_T.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Stand(version=row.id, as_of=row.as_of, content=msgspec.convert(row.document, Content))


# Making one.


def is_due(connection: Connection, now: datetime) -> bool:
    last = connection.execute(select(_T.checked_at).order_by(_T.id.desc()).limit(1)).scalar()
    return last is None or now - last >= DUE


def refresh(engine: Engine, needs: Needs, terms: Terms) -> int:
    """The version that holds as of terms.now: a new one where something has changed."""
    with db.reading(engine) as connection:
        found = content(connection, needs, terms)
    with db.writing(engine) as connection:
        return _store(connection, found, terms.now)


def content(connection: Connection, needs: Needs, terms: Terms) -> Content:
    pooled = lifts.pooled(connection, needs, terms)
    found = [_learned(pooled, need, category, rule) for (need, category), rule in sorted(lifts.rules_of(needs).items())]
    known = [one for one in found if one is not None]
    return Content(lifts=known, products=_products(pooled), channels=engaging.everybody(connection, terms.now))


def _learned(pooled: Pooled, need: str, category: str, rule: float) -> Learned | None:
    one = lifts.of_category(pooled, need, category, rule)
    if one.sent is None or one.sent_bought is None or one.held is None or one.held_bought is None:
        return None
    return Learned(
        need=need,
        category=category,
        source=one.source,
        prior=rule,
        mean=one.mean,
        low=one.low,
        high=one.high,
        sent=one.sent,
        sent_bought=one.sent_bought,
        held=one.held,
        held_bought=one.held_bought,
    )


def _products(pooled: Pooled) -> list[OfProduct]:
    found = [(need, product, pooled.product(need, category, product)) for need, category, product in pooled.shown()]
    return [
        OfProduct(need=need, product=product, shape=one.shape, rate=one.rate)
        for need, product, one in found
        if one is not None
    ]


def _store(connection: Connection, found: Content, now: datetime) -> int:
    last = newest(connection)
    if last is not None and last.version is not None and last.content == found:
        connection.execute(update(tables.learnt).where(_T.id == last.version).values(checked_at=now))
        return last.version
    row = {"as_of": now, "checked_at": now, "document": msgspec.to_builtins(found)}
    number: int = connection.execute(insert(tables.learnt).returning(_T.id), row).scalar_one()
    connection.execute(delete(tables.learnt).where(_T.id <= number - VERSIONS))
    return number
