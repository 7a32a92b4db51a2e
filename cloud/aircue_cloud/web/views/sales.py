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
from aircue_cloud.outcomes import attribution
from aircue_cloud.outcomes.attribution import Attributed, Order
from aircue_cloud.outcomes.iroi import returned
from aircue_cloud.outcomes.observed import Record
from aircue_cloud.recommender.evaluating import before_after
from aircue_cloud.rights.small_groups import K, shown

Dated = tuple[date, Attributed]  # with the month of the order
UNPUSHED = "no push"
LEAST_MONTHS = 2  # on each side of a comparison


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
class BeforeAfter:
    """Months before pushes began against as many after; the month in which they began is in neither. change: of the
    revenue, a share. roi: None where no cost is known."""

    months: int
    began: date
    before: int
    after: int
    cost: float | None
    roi: float | None
    change: float
    label: str = before_after.LABEL


@dataclass(frozen=True, kw_only=True)
class Sales:
    """compared: None where there is nothing to compare; why_not says why."""

    currency: str
    months: tuple[Month, ...]
    categories: tuple[Group, ...]
    channels: tuple[Group, ...]
    compared: BeforeAfter | None
    why_not: str = ""

    @property
    def orders(self) -> int:
        return sum(one.orders for one in self.months)

    @property
    def revenue(self) -> int:
        return sum(one.revenue for one in self.months)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Minor units: of a send, and fixed a month. margin: of what is spent."""

    margin: float | None
    per_send: float
    fixed: float


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
    compared, why_not = _compared(record, found, costs, zone, present)
    return Sales(
        currency=record.currency,
        months=_months(span, inside),
        categories=_by_category(one for _, one in inside),
        channels=_by_channel((one for _, one in inside), channel_of),
        compared=compared,
        why_not=why_not,
    )


def month_of(at: datetime, zone: ZoneInfo) -> date:
    """Its first day, by local time."""
    local = at.astimezone(zone)
    return date(local.year, local.month, 1)


def back(month: date, count: int) -> date:
    """
    >>> back(date(2026, 1, 1), 2)
    datetime.date(2025, 11, 1)
    """
    number = month.year * 12 + month.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)


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


# Before and after.


def _compared(
    record: Record, found: Sequence[Dated], costs: Costs, zone: ZoneInfo, present: date
) -> tuple[BeforeAfter | None, str]:
    """Whole months alone: neither the present one nor the one in which the first order came."""
    if not record.pushes:
        return None, "no push was sent yet"
    began = month_of(min(one.delivered_at for one in record.pushes), zone)
    revenue: dict[date, int] = {}
    for month, one in found:
        revenue[month] = revenue.get(month, 0) + one.order.amount
    first = min(revenue, default=present)
    count = min(_between(first, began) - 1, _between(began, present) - 1)
    if count < LEAST_MONTHS:
        return None, f"it takes {LEAST_MONTHS} whole months of orders before the month of the first push, and after it"
    before = [back(began, number) for number in range(1, count + 1)]
    after = [back(began, -number) for number in range(1, count + 1)]
    sums = [sum(revenue.get(month, 0) for month in side) for side in (before, after)]
    if sums[0] <= 0:
        return None, "nothing was sold in the months before the first push"
    sends = sum(month_of(at, zone) in after for times in record.sent.values() for at in times)
    return _compare(count, began, sums[0], sums[1], sends, costs), ""


def _compare(count: int, began: date, before: int, after: int, sends: int, costs: Costs) -> BeforeAfter:
    cost = sends * costs.per_send + costs.fixed * count
    known = costs.margin is not None and cost > 0
    return BeforeAfter(
        months=count,
        began=began,
        before=before,
        after=after,
        cost=cost if known else None,
        roi=returned((after - before) * (costs.margin or 0.0), cost) if known else None,
        change=after / before - 1,
    )


def _between(earlier: date, later: date) -> int:
    """Months from one to the other."""
    return (later.year - earlier.year) * 12 + later.month - earlier.month


HIDDEN = f"fewer than {K} households"
