"""When a home needs a consumable again, by what its people bought and by the air that the product has seen."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection, select

from aircue_cloud import consents, db, tables
from aircue_cloud.homes import personalisation
from aircue_cloud.recommender import replenishment, wear
from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.replenishment import Due, Purchase
from aircue_cloud.recommender.wear import Dose

PURPOSE = "marketing"
BEHAVIOUR, SENSOR = "behaviour", "sensor"
LASTS = "lasts_days"  # the attribute by which a maker says how long a product lasts
WORN_BY: Mapping[str, str] = MappingProxyType({"filter": "pm25"})  # category of product -> the quantity it ages by
_DAY_H = 24.0
_HOUR_MS = 3_600_000
_APART = timedelta(days=1)
_TIME = Dose()  # the clock of what ages by time: hours


@dataclass(frozen=True, kw_only=True)
class Wear:
    """quantities: by category of product, what it ages by; "" or nothing: by time. lasts_days: by category, how long
    one lasts in the average home where its maker does not say. makers: whether what makers say counts."""

    quantities: Mapping[str, str] = field(default_factory=lambda: WORN_BY)
    lasts_days: Mapping[str, float] = field(default_factory=dict)
    makers: bool = True

    def by(self, category: str) -> str | None:
        return self.quantities.get(category) or None


USUAL = Wear()


@dataclass(frozen=True, kw_only=True)
class Replenishment:
    """homes: household by person. dues, bought (when last): by (household, product). doses: by (quantity,
    household)."""

    homes: Mapping[str, str] = field(default_factory=dict)
    dues: Mapping[tuple[str, str], Due] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    doses: Mapping[tuple[str, str], Dose] = field(default_factory=dict)
    wear: Wear = USUAL  # frozen
    bought: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    def due(self, person: str, product: str, now: datetime) -> float | None:
        """The share of the product's life in the person's home that has passed: 0 just bought, 1 used up. None where
        they never bought it, or it is nothing that is used up."""
        household = self.homes.get(person)
        return None if household is None else self.due_at_home(household, product, now)

    def due_at_home(self, household: str, product: str, now: datetime) -> float | None:
        found = self.dues.get((household, product))
        if found is None:
            return None
        return found.progress(self.clock(household, product).at(now.timestamp()))

    def clock(self, household: str, product: str) -> Dose:
        """That the product ages by in this home."""
        return _clock(self.doses, self.wear.by(self.categories[product]), household)

    def level(self, category: str) -> float:
        """What an hour in the average home counts on a category's clock."""
        return _level(self.doses, self.wear.by(category))


def _clock(doses: Mapping[tuple[str, str], Dose], quantity: str | None, household: str) -> Dose:
    return _TIME if quantity is None else doses.get((quantity, household), _TIME)


def learn(connection: Connection, products: Sequence[Described], now: datetime, wear_: Wear = USUAL) -> Replenishment:
    """Of these products, in homes that agree to their shopping being used; the air of those that agree to that too."""
    bought = _bought(connection, [product.id for product in products], now)
    households = sorted({household for household, _, _ in bought})
    categories = {product.id: product.category for product in products}
    worn = sorted({by for category in categories.values() if (by := wear_.by(category)) is not None})
    doses = {
        (quantity, household): dose
        for quantity in worn
        for household, dose in wear.doses(_told(connection, quantity, households, now), households).items()
    }
    purchases = [
        Purchase(
            user=household,
            product=product,
            at=_clock(doses, wear_.by(categories[product]), household).at(at.timestamp()),
        )
        for household, product, at in bought
    ]
    lasts = {product.id: hours * _level(doses, wear_.by(product.category)) for product, hours in _said(products, wear_)}
    dues = replenishment.learn(purchases, lasts=lasts)
    homes = _homes(connection, households)
    last = {(household, product): at for household, product, at in sorted(bought, key=lambda one: one[2])}
    return Replenishment(homes=homes, dues=dues, categories=categories, doses=doses, wear=wear_, bought=last)


def _said(products: Sequence[Described], wear_: Wear) -> Iterable[tuple[Described, float]]:
    """(product, hours it lasts) of those whose makers say so, or of whose category it is known."""
    for product in products:
        days = product.attributes.get(LASTS) if wear_.makers else None
        if not (isinstance(days, int | float) and days > 0):
            days = wear_.lasts_days.get(product.category)
        if days is not None:
            yield product, days * _DAY_H


def _level(doses: Mapping[tuple[str, str], Dose], quantity: str | None) -> float:
    """What an hour counts on a clock in the average home: makers speak of that one."""
    levels = [dose.usual for (of, _), dose in doses.items() if of == quantity]
    return sum(levels) / len(levels) if levels else _TIME.usual


def _bought(connection: Connection, products: Sequence[str], now: datetime) -> list[tuple[str, str, datetime]]:
    table, people = tables.interactions.c, tables.people.c
    query = (
        select(people.household, table.product, table.at)
        .join(tables.people, people.id == table.person)
        .where(table.product.in_(sorted(products)), table.kind == "purchase", table.at <= now)
        .where(people.household.in_(consents.granting(purpose=PURPOSE, data_category=BEHAVIOUR)))
        .where(personalisation.willing())
    )
    rows = connection.execute(query.order_by(table.at, table.id))
    return list(_baskets((row.household, row.product, row.at) for row in rows))


def _baskets(bought: Iterable[tuple[str, str, datetime]]) -> Iterator[tuple[str, str, datetime]]:
    """In order of time; what a home buys again within a day is one more of it, which says nothing of how long it
    lasts."""
    last: dict[tuple[str, str], datetime] = {}
    for household, product, at in bought:
        before = last.get((household, product))
        if before is None or at - before >= _APART:
            last[household, product] = at
            yield household, product, at


def _homes(connection: Connection, households: Sequence[str]) -> dict[str, str]:
    table = tables.people.c
    query = select(table.id, table.household).where(table.household.in_(households))
    return {row.id: row.household for row in connection.execute(query)}


def _told(
    connection: Connection, quantity: str, households: Sequence[str], now: datetime
) -> dict[str, list[tuple[int, float]]]:
    """(hour, level) of each home, an entry a node."""
    hours, sites = tables.hourly.c, tables.sites.c
    level = hours.total * 1.0 / (hours.readings * hours.scale)
    query = (
        select(sites.household, hours.node, hours.hour, level)
        .join(tables.sites, sites.id == hours.site)
        .where(sites.household.in_(households), hours.quantity == quantity)
        .where(hours.hour <= db.to_ms(now) // _HOUR_MS)
        .where(sites.household.in_(consents.granting(purpose=PURPOSE, data_category=SENSOR)))
    )
    found: dict[str, list[tuple[int, float]]] = {}
    for household, _, at, level in connection.execute(query):
        found.setdefault(household, []).append((int(at), float(level)))
    return found
