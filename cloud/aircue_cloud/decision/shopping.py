"""What the database knows of a household's shopping, as a recommender is told it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

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
_ACTS = 500  # the latest of a person that a folded-in profile rests on


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
    """What its people did lately, of those the model does not know; nothing where the household does not agree to its
    behaviour being used."""
    agreeing = consents.granting(purpose=PURPOSE, data_category=BEHAVIOUR).where(
        tables.consents.c.household == household
    )
    at = now.timestamp()
    if connection.execute(agreeing).first() is None:
        return Told(now=at, newcomers=newcomers, withheld=frozenset(people))
    lately = {person: did(connection, person, now) for person in people if not model.knows(person)}
    return Told(now=at, newcomers=newcomers, did=lately)


def did(connection: Connection, person: str, now: datetime) -> list[Act]:
    table = tables.interactions.c
    columns = (table.product, table.kind, table.at, table.rating, table.weight)
    query = select(*columns).where(table.person == person, table.at <= now, table.kind.in_(sorted(WEIGHTS)))
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


def sold_out(connection: Connection) -> frozenset[str]:
    """Those that are sold no longer with them."""
    products = tables.products.c
    gone = (products.stock <= 0) | products.retired_at.is_not(None)
    return frozenset(connection.execute(select(products.id).where(gone)).scalars())


def newcomers(connection: Connection, known: Sequence[str]) -> list[Described]:
    """Products that a model did not learn of. What it learnt of cannot leave the table, so where the numbers agree
    there are none."""
    products = tables.products.c
    if connection.execute(select(func.count()).select_from(tables.products)).scalar_one() <= len(known):
        return []
    learnt = frozenset(known)
    query = select(products.id, products.category, products.price_minor, products.attributes)
    return [Described(**row) for row in connection.execute(query).mappings() if row["id"] not in learnt]


def names(connection: Connection, products: Iterable[str]) -> dict[str, str]:
    table = tables.products.c
    query = select(table.id, table.name).where(table.id.in_(sorted(set(products))))
    return {row.id: row.name for row in connection.execute(query)}
