"""What was sold: by month, by category, by the way that led there; and what is earned by pushes, each with its label.

Orders are net of what came back. A way is a push that an order is counted under (outcomes/attribution.py), named by the
push's channel: associated with it, not caused by it. How many people bought by a way is told of 20 or more alone, since
it says of whom that they acted on their home's air. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.outcomes import attribution, whole
from aircue_cloud.outcomes.attribution import Attributed, Order
from aircue_cloud.outcomes.observed import Record
from aircue_cloud.outcomes.whole import Costs, Untold, Whole, back, month_of
from aircue_cloud.rights.small_groups import K, shown

Dated = tuple[date, Attributed]  # with the month of the order
UNPUSHED = "no push"


@dataclass(frozen=True, kw_only=True)
class Month:
    """revenue, associated: minor units; associated: of the orders that are counted under a push, None where it would
    tell of fewer than 20 households."""

    begin: date
    orders: int
    revenue: int
    associated: int | None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Orders of a category, or by a way. Figures are None where they would tell of fewer than 20 households."""

    name: str
    orders: int | None
    revenue: int | None


@dataclass(frozen=True, kw_only=True)
class Sales:
    """compared: None where there is nothing to compare; why_not says why."""

    currency: str
    months: tuple[Month, ...]
    categories: tuple[Group, ...]
    channels: tuple[Group, ...]
    compared: Whole | None
    why_not: str = ""

    @property
    def orders(self) -> int:
        return sum(one.orders for one in self.months)

    @property
    def revenue(self) -> int:
        return sum(one.revenue for one in self.months)


def channels(connection: Connection) -> dict[str, str]:
    """By push."""
    rows = connection.execute(select(tables.pushes.c.id, tables.pushes.c.channel))
    return {row.id: row.channel for row in rows}


def build(
    record: Record, channel_of: Mapping[str, str], months: int, costs: Costs, zone: ZoneInfo, now: datetime
) -> Sales:
    """months: how many are shown, the present one among them."""
    found = [(month_of(one.order.at, zone), one) for one in attribution.attribute(record.orders, record.pushes)]
    present = month_of(now, zone)
    span = [back(present, number) for number in reversed(range(months))]
    inside = [(month, one) for month, one in found if month >= span[0]]
    compared = whole.whole(record, costs, zone, now)
    return Sales(
        currency=record.currency,
        months=_months(span, inside),
        categories=_by_category(one for _, one in inside),
        channels=_by_channel((one for _, one in inside), channel_of),
        compared=None if isinstance(compared, Untold) else compared,
        why_not=compared.why if isinstance(compared, Untold) else "",
    )


def _months(span: Sequence[date], found: Iterable[Dated]) -> tuple[Month, ...]:
    sums = {month: [0, 0, 0] for month in span}
    pushed: dict[date, set[str]] = {month: set() for month in span}
    for month, one in found:
        if month not in sums:
            continue
        sums[month][0] += _counts(one.order)
        sums[month][1] += one.order.amount
        if one.push is not None:
            sums[month][2] += one.order.amount
            pushed[month].add(one.order.household)
    told = shown({month: len(who) for month, who in pushed.items()})
    return tuple(
        Month(begin=month, orders=orders, revenue=revenue, associated=None if told[month] is None else associated)
        for month, (orders, revenue, associated) in sums.items()
    )


def _counts(order: Order) -> bool:
    """An order of which all came back is none."""
    return order.amount > 0


def _by_category(found: Iterable[Attributed]) -> tuple[Group, ...]:
    sums: dict[str, list[int]] = {}
    for one in found:
        row = sums.setdefault(one.order.category, [0, 0])
        row[0] += _counts(one.order)
        row[1] += one.order.amount
    groups = (Group(name=name, orders=orders, revenue=revenue) for name, (orders, revenue) in sums.items())
    return tuple(sorted(groups, key=lambda one: (-(one.revenue or 0), one.name)))


def _by_channel(found: Iterable[Attributed], channel_of: Mapping[str, str]) -> tuple[Group, ...]:
    sums: dict[str, list[int]] = {}
    buyers: dict[str, set[str]] = {}
    for one in found:
        name = UNPUSHED if one.push is None else channel_of.get(one.push.id, "not known")
        row = sums.setdefault(name, [0, 0])
        row[0] += _counts(one.order)
        row[1] += one.order.amount
        buyers.setdefault(name, set()).add(one.order.household)
    told = shown({name: len(who) for name, who in buyers.items()})
    groups = (
        Group(name=name, orders=None, revenue=None)
        if told[name] is None
        else Group(name=name, orders=orders, revenue=revenue)
        for name, (orders, revenue) in sums.items()
    )
    return tuple(sorted(groups, key=lambda one: (-(one.revenue or 0), one.name)))


HIDDEN = f"fewer than {K} households"
