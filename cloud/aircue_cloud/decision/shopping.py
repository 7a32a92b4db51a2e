"""What the database knows of a household's shopping, as a recommender is told it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Select, bindparam, func, select

from aircue_cloud import consents, tables
from aircue_cloud.decision.affinity import Affinity, AffinitySource, RecentPopularity
from aircue_cloud.homes import personalisation
from aircue_cloud.recommender import acts
from aircue_cloud.recommender.acts import Event
from aircue_cloud.recommender.asked import Act, Described, Told
from aircue_cloud.recommender.weights import WEIGHTS

PURPOSE = "marketing"
BEHAVIOUR, SENSOR = "behaviour", "sensor"
POPULARITY_DAYS = 90
DESCRIPTIONS_KEPT, COUNT_KEPT = timedelta(minutes=1), timedelta(seconds=5)
_ACTS = 500  # the latest of a person that a folded-in profile rests on
_IDS_AT_ONCE = 1000


def model(
    connection: Connection, source: AffinitySource, now: datetime, *, lately: bool = False
) -> tuple[Affinity, str | None]:
    """The model to ask, and a note where it is none that was trained. lately: what stands in for one may be a few
    seconds old."""
    found = source.current()
    if found is not None:
        return found, None
    note = f"no model is trained yet: what was popular in the last {POPULARITY_DAYS} days stands in for it"
    popular = lately_popular if lately else recent_popularity
    return popular(connection, now), note


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What was popular at an instant; grown: how far the tables went that it follows from, and how many said no."""

    popular: RecentPopularity
    at: datetime
    grown: tuple[int | None, ...]


_kept_popular: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()
_GROWN = select(
    *(select(func.max(table.c.id)).scalar_subquery() for table in (tables.interactions, tables.consents)),
    *(
        select(func.count()).select_from(table).scalar_subquery()
        for table in (
            tables.products,
            select(tables.people.c.id).where(~personalisation.willing()).subquery(),
            personalisation.unwilling().subquery(),
        )
    ),
)


def lately_popular(connection: Connection, now: datetime) -> RecentPopularity:
    """As recent_popularity, for whoever asks in every turn: up to COUNT_KEPT old, and only as long as nobody did or
    said anything since. To add it up takes the whole table."""
    grown, held = tuple(connection.execute(_GROWN).one()), _kept_popular.get(connection.engine)
    if held is None or held.grown != grown or not _within(held.at, now, COUNT_KEPT):
        held = _Kept(popular=recent_popularity(connection, now), at=now, grown=grown)
        _kept_popular[connection.engine] = held
    return held.popular


def recent_popularity(connection: Connection, now: datetime) -> RecentPopularity:
    """Among households that agree to their behaviour being used."""
    table, products = tables.interactions.c, tables.products.c
    recent = (table.at > now - timedelta(days=POPULARITY_DAYS), table.at <= now, table.weight > 0)
    theirs = consents.granting(purpose=PURPOSE, data_category=BEHAVIOUR)
    willing = select(tables.people.c.id).where(tables.people.c.household.in_(theirs), personalisation.willing())
    consenting = table.person.in_(willing)
    query = select(table.product, func.sum(table.weight).label("weight")).where(*recent, consenting)
    weights = {row.product: float(row.weight) for row in connection.execute(query.group_by(table.product))}
    categories = {row.id: row.category for row in connection.execute(select(products.id, products.category))}
    return RecentPopularity(weights=weights, categories=categories, days=POPULARITY_DAYS)


_PEOPLE = select(tables.people.c.id).where(tables.people.c.household == bindparam("home")).order_by(tables.people.c.id)


def people(connection: Connection, household: str) -> list[str]:
    return list(connection.execute(_PEOPLE, {"home": household}).scalars())


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
    if not _agrees(connection, household, BEHAVIOUR):
        return Told(now=at, newcomers=newcomers, withheld=frozenset(people))
    theirs = {person: did(connection, person, model.knows_until(person), now) for person in people}
    return Told(now=at, newcomers=newcomers, did=theirs)


def _agreeing() -> Select[int]:
    """A row where the household agrees, through whichever channel it said so."""
    said = tables.consents.c
    asked = (
        said.household == bindparam("home"),
        said.purpose == PURPOSE,
        said.data_category == bindparam("category"),
    )
    last = select(func.max(said.id)).where(*asked).group_by(said.channel)
    return select(said.id).where(said.id.in_(last), said.granted).limit(1)


_AGREEING = _agreeing()


def _agrees(connection: Connection, household: str, category: str) -> bool:
    return connection.execute(_AGREEING, {"home": household, "category": category}).first() is not None


def _holding() -> Select[str]:
    episodes, sites = tables.episodes.c, tables.sites.c
    theirs = select(sites.id).where(sites.household == bindparam("home"))
    return select(episodes.need).where(episodes.site.in_(theirs), episodes.open, ~episodes.withdrawn).distinct()


_HOLDING = _holding()


def needs_at_home(connection: Connection, household: str) -> frozenset[str]:
    """The needs that hold in the home now; none where the household does not agree to its air being used."""
    if not _agrees(connection, household, SENSOR):
        return frozenset()
    return frozenset(connection.execute(_HOLDING, {"home": household}).scalars())


def _acts() -> Select[Any]:
    """What a person did, the latest first."""
    table = tables.interactions.c
    columns = (table.product, table.kind, table.at, table.rating, table.weight)
    mine = (table.person == bindparam("person"), table.at <= bindparam("until"), table.kind.in_(sorted(WEIGHTS)))
    return select(*columns).where(*mine).order_by(table.at.desc(), table.id.desc()).limit(_ACTS)


_EVER = _acts()
_SINCE = _EVER.where(tables.interactions.c.at >= bindparam("after"))


def did(connection: Connection, person: str, after: float, now: datetime) -> list[Act]:
    """The latest first. after: epoch seconds, -inf for ever; inf for nothing."""
    if after == inf:
        return []
    asked = {"person": person, "until": now}
    if after == -inf:
        rows = connection.execute(_EVER, asked).all()
    else:
        rows = connection.execute(_SINCE, asked | {"after": datetime.fromtimestamp(after, UTC)}).all()
    events = (
        Event(person=person, product=row.product, kind=row.kind, at=row.at, stars=row.rating, weight=row.weight)
        for row in rows
    )
    return [Act(product=one.product, at=one.at.timestamp(), weight=acts.signed(one)) for one in events]


def _kept() -> Select[Any]:
    table = tables.interactions.c
    theirs = select(tables.people.c.id).where(tables.people.c.household == bindparam("home"), personalisation.willing())
    query = select(table.product, table.kind, func.count().label("times"))
    mine = (table.person.in_(theirs), table.kind.in_(("purchase", "return")))
    return query.where(*mine).group_by(table.product, table.kind)


_KEPT = _kept()


def owned(connection: Connection, household: str) -> frozenset[str]:
    """Products that the household's people bought more often than they gave them back; of those alone to whom something
    may be fitted."""
    kept: dict[str, int] = {}
    for row in connection.execute(_KEPT, {"home": household}):
        kept[row.product] = kept.get(row.product, 0) + (row.times if row.kind == "purchase" else -row.times)
    return frozenset(product for product, times in kept.items() if times > 0)


_SOLD_OUT = select(tables.products.c.id).where(
    tables.products.c.id.in_(bindparam("ids", expanding=True)),
    (tables.products.c.stock <= 0) | tables.products.c.retired_at.is_not(None),
)


def sold_out(connection: Connection, among: Iterable[str]) -> frozenset[str]:
    """Those that are sold no longer with them."""
    return frozenset(connection.execute(_SOLD_OUT, {"ids": sorted(set(among))}).scalars())


@dataclass(kw_only=True)
class _Newcomers:
    """Of a catalogue of so many products; when they were read, and when it was last seen that there are no more."""

    count: int
    read_at: datetime
    seen_at: datetime
    products: tuple[Described, ...]


_newcomers: WeakKeyDictionary[Affinity, _Newcomers] = WeakKeyDictionary()
_COUNT = select(func.count()).select_from(tables.products)


def newcomers(connection: Connection, model: Affinity, now: datetime) -> Sequence[Described]:
    """Products that a model did not learn of, and what is said of them: as it was up to DESCRIPTIONS_KEPT ago, and
    where a product came in, up to COUNT_KEPT ago. To find them takes the whole table, and to count it a while."""
    held = _newcomers.get(model)
    if held is not None and _within(held.seen_at, now, COUNT_KEPT):
        return held.products
    count = connection.execute(_COUNT).scalar_one()
    # What a model learnt of cannot leave the table.
    if count <= len(model.items):
        return ()
    if held is None or held.count != count or not _within(held.read_at, now, DESCRIPTIONS_KEPT):
        products = _unlearnt(connection, model)
        held = _newcomers[model] = _Newcomers(count=count, read_at=now, seen_at=now, products=products)
    held.seen_at = now
    return held.products


def _within(at: datetime, now: datetime, time: timedelta) -> bool:
    return timedelta(0) <= now - at < time


def _unlearnt(connection: Connection, model: Affinity) -> tuple[Described, ...]:
    products, learnt = tables.products.c, frozenset(model.items)
    fresh = sorted(set(connection.execute(select(products.id)).scalars()) - learnt)
    columns = (products.id, products.category, products.price_minor, products.attributes)
    found = []
    for begin in range(0, len(fresh), _IDS_AT_ONCE):
        query = select(*columns).where(products.id.in_(fresh[begin : begin + _IDS_AT_ONCE])).order_by(products.id)
        found += [Described(**row) for row in connection.execute(query).mappings()]
    return tuple(found)


_NAMES = select(tables.products.c.id, tables.products.c.name).where(
    tables.products.c.id.in_(bindparam("ids", expanding=True))
)


def names(connection: Connection, products: Iterable[str]) -> dict[str, str]:
    return {row.id: row.name for row in connection.execute(_NAMES, {"ids": sorted(set(products))})}
