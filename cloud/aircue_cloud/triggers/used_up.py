"""Episodes of consumables: one begins where the share of a consumable's life that has passed in a home exceeds what the
need says, and ends with the next purchase. A home that has the device and never bought the consumable counts from the
device's purchase on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from aircue_cloud import db, tables
from aircue_cloud.decision import replenishing
from aircue_cloud.decision.replenishing import Wear
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs import nodes
from aircue_cloud.needs.needs import REPLENISH, Need, Needs
from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.replenishment import Due
from aircue_cloud.recommender.wear import Dose
from aircue_cloud.triggers.following import follow as follow_courses
from aircue_cloud.triggers.following import point

_SECOND_MS = 1000


@dataclass(frozen=True, kw_only=True)
class Life:
    """Of one consumable in one home: since when it is used, on the clock that it ages by."""

    household: str
    node: str
    due: Due
    clock: Dose
    since_ms: int

    def used(self, at_ms: int) -> float:
        """The share of its life that has passed, in %."""
        return self.due.progress(self.clock.at(at_ms / 1000)) * 100.0


def follow(connection: Connection, needs: Needs, now: datetime) -> list[Started]:
    """The episodes that are new."""
    started: list[Started] = []
    for need in needs.of(REPLENISH):
        started += _follow(connection, need, now)
    return started


def _follow(connection: Connection, need: Need, now: datetime) -> list[Started]:
    found = list(lives(connection, need, now))
    sites = _sites(connection, sorted({life.household for life in found}))
    until_ms = db.to_ms(now)
    courses = {
        Series(site=sites[life.household], node=life.node, quantity=need.rule.quantity): course(life, need, until_ms)
        for life in found
        if life.household in sites
    }

    def read(series: Series, first_ms: int, last_ms: int) -> list[Point]:
        """The moment before its first point it was surely not used up, whatever is known of one before it."""
        points = courses[series]
        calm = point(points[0].at_ms - 1, 0.0)
        return [one for one in (calm, *points) if first_ms <= one.at_ms <= last_ms]

    return follow_courses(connection, Needs({need.name: need}), list(courses.items()), read, until_ms, now)


def course(life: Life, need: Need, until_ms: int) -> list[Point]:
    """From the purchase on; and the first second at which it is used up, where that has come."""
    begins = point(life.since_ms, 0.0)
    if not need.rule.holds(life.used(until_ms)):
        return [begins]
    at_ms = _first(lambda at: need.rule.holds(life.used(at * _SECOND_MS)), life.since_ms, until_ms) * _SECOND_MS
    return [begins, point(at_ms, life.used(at_ms))] if at_ms <= until_ms else [begins]


def _first(holds: Callable[[int], bool], low_ms: int, high_ms: int) -> int:
    """The first whole second since 1970 at which it holds, which once it does it does for ever; whenever one asks."""
    low, high = low_ms // _SECOND_MS, high_ms // _SECOND_MS + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def lives(connection: Connection, need: Need, now: datetime) -> Iterator[Life]:
    """Of every home, by what was bought until now."""
    said = need.replenish
    assert said is not None
    wear = Wear(quantities={said.consumable: said.quantity, said.category: said.quantity},
                lasts_days={said.consumable: said.interval_days})  # fmt: skip
    found = replenishing.learn(connection, _products(connection, said.consumable), now, wear)
    have = set[str]()
    for (household, product), due in found.dues.items():
        have.add(household)
        yield _life(found, household, product, due, nodes.product(product))
    if said.category == said.consumable:
        return
    devices = replenishing.learn(
        connection, _products(connection, said.category), now,
        Wear(quantities=wear.quantities, lasts_days={said.category: said.interval_days}, makers=False),
    )  # fmt: skip
    interval = said.interval_days * 24.0 * devices.level(said.category)
    for household, product, due in _latest(devices.dues):
        if household not in have:
            due = replace(due, interval=interval)  # not the time until people buy another device
            yield _life(devices, household, product, due, nodes.any_of(said.consumable))


def _latest(dues: Mapping[tuple[str, str], Due]) -> Iterator[tuple[str, str, Due]]:
    """Of each household the device that it bought last."""
    last: dict[str, tuple[str, Due]] = {}
    for (household, product), due in sorted(dues.items()):
        if household not in last or due.last > last[household][1].last:
            last[household] = product, due
    yield from ((household, product, due) for household, (product, due) in last.items())


def _life(found: replenishing.Replenishment, household: str, product: str, due: Due, node: str) -> Life:
    clock, since_ms = found.clock(household, product), db.to_ms(found.bought[household, product])
    return Life(household=household, node=node, due=due, clock=clock, since_ms=since_ms)


def _products(connection: Connection, category: str) -> Sequence[Described]:
    table = tables.products.c
    columns = (table.id, table.category, table.price_minor, table.attributes)
    query = select(*columns).where(table.category == category).order_by(table.id)
    return [Described(**_fields(row)) for row in connection.execute(query)]


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("id", "category", "price_minor", "attributes")}


def _sites(connection: Connection, households: Sequence[str]) -> dict[str, str]:
    """Of each its first site."""
    table = tables.sites.c
    query = select(table.household, func.min(table.id).label("site")).group_by(table.household)
    wanted = set(households)
    return {row.household: row.site for row in connection.execute(query) if row.household in wanted}
