"""What the database knows of a household's shopping, as a recommender is told it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, func, select

from aircue_cloud import consents, tables
from aircue_cloud.decision.affinity import Affinity, AffinitySource, RecentPopularity
from aircue_cloud.recommender import acts
from aircue_cloud.recommender.acts import Event
from aircue_cloud.recommender.asked import Act, Described, Told
from aircue_cloud.recommender.weights import WEIGHTS

PURPOSE = "marketing"
BEHAVIOUR = "behaviour"
POPULARITY_DAYS = 90
NEWCOMERS_KEPT = timedelta(minutes=1)
_ACTS = 500  # the latest of a person that a folded-in profile rests on
_IDS_AT_ONCE = 1000


def model(connection: Connection, source: AffinitySource, now: datetime) -> tuple[Affinity, str | None]:
    """The model to ask, and a note where it is none that was trained."""
    found = source.current()
    if found is not None:
        return found, None
    note = f"no model is trained yet: what was popular in the last {POPULARITY_DAYS} days stands in for it"
    return recent_popularity(connection, now), note


def recent_popularity(connection: Connection, now: datetime) -> RecentPopularity:
    """Among households that agree to their behaviour being used."""
    table, products = tables.interactions.c, tables.products.c
    recent = (table.at > now - timedelta(days=POPULARITY_DAYS), table.at <= now, table.weight > 0)
    theirs = consents.granting(purpose=PURPOSE, data_category=BEHAVIOUR)
    consenting = table.person.in_(select(tables.people.c.id).where(tables.people.c.household.in_(theirs)))
    query = select(table.product, func.sum(table.weight).label("weight")).where(*recent, consenting)
    weights = {row.product: float(row.weight) for row in connection.execute(query.group_by(table.product))}
    categories = {row.id: row.category for row in connection.execute(select(products.id, products.category))}
    return RecentPopularity(weights=weights, categories=categories, days=POPULARITY_DAYS)


def people(connection: Connection, household: str) -> list[str]:
    query = select(tables.people.c.id).where(tables.people.c.household == household).order_by(tables.people.c.id)
    return list(connection.execute(query).scalars())


def told(
    connection: Connection,
    model: Affinity,
    household: str,
    people: Sequence[str],
    newcomers: Sequence[Described],
    now: datetime,
) -> Told:
    """What its people did that the model does not know of; nothing where the household does not agree to its
    behaviour being used."""
    at = now.timestamp()
    if not _agrees(connection, household):
        return Told(now=at, newcomers=newcomers, withheld=frozenset(people))
    did = {person: _did(connection, person, model.knows_until(person), now) for person in people}
    return Told(now=at, newcomers=newcomers, did=did)


def _agrees(connection: Connection, household: str) -> bool:
    """Through whichever channel it said so."""
    said = tables.consents.c
    asked = (said.household == household, said.purpose == PURPOSE, said.data_category == BEHAVIOUR)
    last = select(func.max(said.id)).where(*asked).group_by(said.channel)
    return connection.execute(select(said.id).where(said.id.in_(last), said.granted).limit(1)).first() is not None


def _did(connection: Connection, person: str, after: float, now: datetime) -> list[Act]:
    """The latest first."""
    if after == inf:
        return []
    table = tables.interactions.c
    columns = (table.product, table.kind, table.at, table.rating, table.weight)
    query = select(*columns).where(table.person == person, table.at <= now, table.kind.in_(sorted(WEIGHTS)))
    if after != -inf:
        query = query.where(table.at >= datetime.fromtimestamp(after, UTC))
    rows = connection.execute(query.order_by(table.at.desc(), table.id.desc()).limit(_ACTS)).all()
    events = (
        Event(person=person, product=row.product, kind=row.kind, at=row.at, stars=row.rating, weight=row.weight)
        for row in rows
    )
    return [Act(product=one.product, at=one.at.timestamp(), weight=acts.signed(one)) for one in events]


def owned(connection: Connection, household: str) -> frozenset[str]:
    """Products that the household's people bought more often than they gave them back."""
    table = tables.interactions.c
    theirs = select(tables.people.c.id).where(tables.people.c.household == household)
    query = select(table.product, table.kind, func.count().label("times")).where(
        table.person.in_(theirs), table.kind.in_(("purchase", "return"))
    )
    kept: dict[str, int] = {}
    for row in connection.execute(query.group_by(table.product, table.kind)):
        kept[row.product] = kept.get(row.product, 0) + (row.times if row.kind == "purchase" else -row.times)
    return frozenset(product for product, times in kept.items() if times > 0)


def sold_out(connection: Connection, among: Iterable[str]) -> frozenset[str]:
    """Those that are sold no longer with them."""
    products = tables.products.c
    gone = (products.stock <= 0) | products.retired_at.is_not(None)
    query = select(products.id).where(products.id.in_(sorted(set(among))), gone)
    return frozenset(connection.execute(query).scalars())


@dataclass(frozen=True, kw_only=True)
class _Newcomers:
    """Of a catalogue of so many products, read at a moment."""

    count: int
    at: datetime
    products: tuple[Described, ...]


_newcomers: WeakKeyDictionary[Affinity, _Newcomers] = WeakKeyDictionary()


def newcomers(connection: Connection, model: Affinity, now: datetime) -> Sequence[Described]:
    """Products that a model did not learn of. What it learnt of cannot leave the table, so where the numbers agree
    there are none. To find them takes the whole table: a model's are kept while no product comes in, and what is said
    of them may be NEWCOMERS_KEPT old."""
    count = connection.execute(select(func.count()).select_from(tables.products)).scalar_one()
    if count <= len(model.items):
        return ()
    held = _newcomers.get(model)
    if held is None or held.count != count or not timedelta(0) <= now - held.at < NEWCOMERS_KEPT:
        held = _Newcomers(count=count, at=now, products=_unlearnt(connection, model))
        _newcomers[model] = held
    return held.products


def _unlearnt(connection: Connection, model: Affinity) -> tuple[Described, ...]:
    products, learnt = tables.products.c, frozenset(model.items)
    fresh = sorted(set(connection.execute(select(products.id)).scalars()) - learnt)
    columns = (products.id, products.category, products.price_minor, products.attributes)
    found = []
    for begin in range(0, len(fresh), _IDS_AT_ONCE):
        query = select(*columns).where(products.id.in_(fresh[begin : begin + _IDS_AT_ONCE])).order_by(products.id)
        found += [Described(**row) for row in connection.execute(query).mappings()]
    return tuple(found)


def names(connection: Connection, products: Iterable[str]) -> dict[str, str]:
    table = tables.products.c
    query = select(table.id, table.name).where(table.id.in_(sorted(set(products))))
    return {row.id: row.name for row in connection.execute(query)}
