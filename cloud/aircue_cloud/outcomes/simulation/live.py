"""Simulated homes on a store's real database: the server's own decisions, and what it learns from them.

Wave after wave, homes that were never there before have damp air. The real Decider decides about all of them in one
transaction; who was offered something buys of its category at the rate `base` times its true lift, who is held out at
the rate `base`. When the span of a wave is over, a new version of what was learnt is made from the tables, as the
server makes it, and the next wave is decided by it. Homes and purchases are drawn from a seed; no figure of it says
anything about a real shop.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, insert, select

from aircue_cloud import db, tables
from aircue_cloud.decision.affinity import RecentPopularity
from aircue_cloud.decision.decisions import Decider
from aircue_cloud.decision.policy import CHANNEL, DATA_CATEGORY, PURPOSE, SEND
from aircue_cloud.decision.settings import Caps, Settings
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs.needs import Need, Needs
from aircue_cloud.outcomes import learnt, lifts
from aircue_cloud.outcomes.lifts import Lift
from aircue_cloud.outcomes.report import Terms as Spans

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAVE = timedelta(days=30)
_HELD = timedelta(minutes=15)
_PRICE = 10_000


@dataclass(frozen=True, kw_only=True)
class Terms:
    """lifts: the true ones, by category. homes: of each wave. base: purchases in the span without a push, on
    average."""

    need: Need
    lifts: Mapping[str, float]
    homes: int = 300
    waves: int = 3
    base: float = 2.0
    need_holdout: float = 0.5
    seed: int = 7


@dataclass(frozen=True, kw_only=True)
class Wave:
    """offered: homes by the category that was chosen for them, whether it went to them or not. version: of what was
    learnt that the decisions took their lifts from; None for the rules."""

    offered: Mapping[str, int]
    version: int | None

    def share(self, category: str) -> float:
        return self.offered.get(category, 0) / max(sum(self.offered.values()), 1)


@dataclass(frozen=True, kw_only=True)
class Even:
    """Where decisions have their model from: everybody likes everything alike."""

    model: RecentPopularity

    def current(self) -> Any:
        return self.model


def run(engine: Engine, terms: Terms) -> list[Wave]:
    """On an empty database; afterwards it holds everything that happened."""
    categories = {f"simulated-{category}": category for category in sorted(terms.need.remedies)}
    with db.writing(engine) as connection:
        connection.execute(insert(tables.products), [_product(*one) for one in categories.items()])
    random = np.random.default_rng(terms.seed)
    decider = _decider(terms, RecentPopularity(weights={}, categories=categories, days=1))
    return [_wave(engine, terms, decider, number, random) for number in range(terms.waves)]


def found(engine: Engine, terms: Terms) -> list[Lift]:
    """What was learnt in the end."""
    with db.reading(engine) as connection:
        return lifts.lifts(connection, _at(terms.waves), decided_about(terms.need))


def decided_about(need: Need) -> Needs:
    return Needs(by_name={need.name: need})


def _decider(terms: Terms, model: RecentPopularity) -> Decider:
    settings = Settings(
        quiet_hours="", caps=Caps(day=None, week=None, apart_h=None), holdout=0.0, need_holdout=terms.need_holdout
    )
    return Decider(needs=decided_about(terms.need), source=Even(model=model), settings=settings)


def _wave(engine: Engine, terms: Terms, decider: Decider, number: int, random: np.random.Generator) -> Wave:
    now, homes = _at(number), [f"simulated-{number}-{place}" for place in range(terms.homes)]
    with db.writing(engine) as connection:
        _move_in(connection, homes)
        started = [_damp(connection, terms.need, home, now) for home in homes]
        decider.about(connection, started, now)
        version = decider.learnt.current(connection, now).version
        decided = _decided(connection, now)
        _buy(connection, terms, decided, now + timedelta(days=1), random)
    end = _at(number + 1)
    spans = Spans(now=end, holdout=0.0, need_holdout=terms.need_holdout)
    learnt.refresh(engine, decided_about(terms.need), spans)
    return Wave(offered=Counter(category for _, category, _ in decided), version=version)


def _at(number: int) -> datetime:
    return BEGIN + number * WAVE


def _product(id_: str, category: str) -> dict[str, Any]:
    names = {"id": id_, "name": id_, "category": category}
    return {**names, "price_minor": _PRICE, "currency": "EUR", "stock": 10**6, "description": "", "attributes": {}}


def _move_in(connection: Connection, homes: Sequence[str]) -> None:
    agreed = {"purpose": PURPOSE, "data_category": DATA_CATEGORY, "channel": CHANNEL, "granted": True, "at": BEGIN}
    connection.execute(insert(tables.households), [{"id": home, "name": home} for home in homes])
    connection.execute(insert(tables.people), [{"id": home, "household": home, "name": home} for home in homes])
    connection.execute(insert(tables.sites), [{"id": home, "household": home, "tz": "UTC"} for home in homes])
    connection.execute(insert(tables.consents), [{"household": home, "receipt": home, **agreed} for home in homes])


def _damp(connection: Connection, need: Need, home: str, now: datetime) -> Started:
    """An episode that was confirmed now, and lasts."""
    key = {"confirmed_installation": 1, "confirmed_boot": 1, "confirmed_sequence": 1}
    times = {"started_at": now - _HELD, "confirmed_at": now, "peak": 85.0, "open": True, "withdrawn": False}
    where = {"site": home, "node": "bathroom", "quantity": need.rule.quantity}
    connection.execute(insert(tables.episodes), {"id": home, "need": need.name, **where, **key, **times})
    return Started(
        id=home,
        rule=need.rule,
        series=Series(site=home, node="bathroom", quantity=need.rule.quantity),
        confirmed=Point(db.to_ms(now), 1, 1, 1, 85.0),
        held_s=_HELD.total_seconds(),
        started_at=now - _HELD,
    )


def _decided(connection: Connection, now: datetime) -> list[tuple[str, str, bool]]:
    """Household, category, whether it was sent; of those who were offered something or would have been."""
    table = tables.decisions.c
    query = select(table.household, table.category, table.outcome).where(table.at == now, table.category.is_not(None))
    rows = connection.execute(query.order_by(table.id)).all()
    return [(row.household, row.category, row.outcome == SEND) for row in rows]


def _buy(
    connection: Connection,
    terms: Terms,
    decided: Sequence[tuple[str, str, bool]],
    at: datetime,
    random: np.random.Generator,
) -> None:
    what = {"kind": "purchase", "weight": 8.0, "at": at, "quantity": 1, "price_minor": _PRICE, "currency": "EUR"}
    rows = [
        {"person": home, "product": f"simulated-{category}", "pushed": sent, **what}
        for home, category, sent in decided
        for _ in range(random.poisson(terms.base * (terms.lifts[category] if sent else 1.0)))
    ]
    if rows:
        connection.execute(insert(tables.interactions), rows)


def told(terms: Terms, waves: Sequence[Wave], learned: Sequence[Lift]) -> Iterator[str]:
    """Lines for a terminal, each of them called simulated."""
    for number, wave in enumerate(waves, 1):
        shares = ", ".join(f"{category} {wave.share(category):.0%}" for category in sorted(terms.lifts))
        ground = "the rules" if wave.version is None else f"version {wave.version} of what was learnt"
        yield f"simulated: wave {number}, {terms.homes:,} homes, by {ground}: {shares}"
    for one in learned:
        shown = f"rule {one.prior:.2f}, learnt {one.mean:.2f} [{one.low:.2f}, {one.high:.2f}]"
        yield f"simulated: lift of {one.category}: {shown}, true {terms.lifts[one.category]:.2f}"
