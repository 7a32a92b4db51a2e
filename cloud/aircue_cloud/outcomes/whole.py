"""The effect of the whole programme, as the study told it: each month after the first push beside the month before it
that it is held against, and the return on what that month cost. Pure.

The month in which the first push was sent is in neither side. Of 12 whole months before it and 12 after, each is held
against the one of the same name; of fewer, the first before against the first after, and so on.

    ROI of a month = (margin x (after - before) - cost) / cost,  cost = its sends x per_send + fixed

Two periods differ by more than what was done between them: every figure here carries its label, and the difference
against those held out (report.py) stands beside it wherever it is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aircue_cloud.outcomes.attribution import Order
from aircue_cloud.outcomes.iroi import returned
from aircue_cloud.outcomes.observed import Record
from aircue_cloud.recommender.evaluating import before_after

LEAST_MONTHS = 2  # on each side
MOST_MONTHS = 12


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Minor units: of a send, and fixed a month. margin: of what is spent, a share; None where nobody says."""

    margin: float | None
    per_send: float
    fixed: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A month and the one it is held against, by their first days; before, after: revenue in minor units, net of
    returns. change, roi: shares (0.087 is 8.7 %); change is None after a month without revenue, cost and roi where
    margin or costs are not known."""

    month: date
    against: date
    before: int
    after: int
    sends: int
    change: float | None
    cost: float | None
    roi: float | None


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Shares. mean_of_ratios: None where a month before sold nothing. mean_roi: None where a month has none."""

    currency: str
    began: date
    pairs: tuple[Pair, ...]
    mean_of_ratios: float | None
    ratio_of_sums: float
    mean_roi: float | None
    roi_of_sums: float | None
    cost: float | None
    label: str = before_after.LABEL

    @property
    def before(self) -> int:
        return sum(one.before for one in self.pairs)

    @property
    def after(self) -> int:
        return sum(one.after for one in self.pairs)


@dataclass(frozen=True, kw_only=True)
class Untold:
    """why: there is no such comparison."""

    why: str


def whole(record: Record, costs: Costs, zone: ZoneInfo, now: datetime) -> Whole | Untold:
    """Whole months alone: neither the present one nor the one in which the first order came."""
    if not record.pushes:
        return Untold(why="no push was sent yet")
    began = month_of(min(one.delivered_at for one in record.pushes), zone)
    present = month_of(now, zone)
    revenue = _revenue(record.orders, zone)
    count = min(_between(min(revenue, default=present), began) - 1, _between(began, present) - 1, MOST_MONTHS)
    if count < LEAST_MONTHS:
        why = f"it takes {LEAST_MONTHS} whole months of orders before the month of the first push, and after it"
        return Untold(why=why)
    sends = _sends(record, zone)
    months = [back(began, -number) for number in range(1, count + 1)]
    against = [back(began, number) for number in range(count, 0, -1)]
    if count == MOST_MONTHS:
        against = [next(one for one in against if one.month == month.month) for month in months]
    if sum(revenue.get(month, 0) for month in against) <= 0:
        return Untold(why="nothing was sold in the months before the first push")
    pairs = [
        _pair(month, other, revenue, sends.get(month, 0), costs) for month, other in zip(months, against, strict=True)
    ]
    return _summed(record.currency, began, pairs, costs.margin)


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


def _between(earlier: date, later: date) -> int:
    """Months from one to the other."""
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def _revenue(orders: Sequence[Order], zone: ZoneInfo) -> dict[date, int]:
    found: dict[date, int] = {}
    for one in orders:
        month = month_of(one.at, zone)
        found[month] = found.get(month, 0) + one.amount
    return found


def _sends(record: Record, zone: ZoneInfo) -> dict[date, int]:
    found: dict[date, int] = {}
    for times in record.sent.values():
        for at in times:
            month = month_of(at, zone)
            found[month] = found.get(month, 0) + 1
    return found


def _pair(month: date, against: date, revenue: dict[date, int], sends: int, costs: Costs) -> Pair:
    before, after = revenue.get(against, 0), revenue.get(month, 0)
    cost = sends * costs.per_send + costs.fixed
    known = costs.margin is not None and cost > 0
    return Pair(
        month=month,
        against=against,
        before=before,
        after=after,
        sends=sends,
        change=after / before - 1 if before > 0 else None,
        cost=cost if known else None,
        roi=returned((after - before) * (costs.margin or 0.0), cost) if known else None,
    )


def _summed(currency: str, began: date, pairs: Sequence[Pair], margin: float | None) -> Whole:
    before, after = sum(one.before for one in pairs), sum(one.after for one in pairs)
    cost = sum(one.cost or 0.0 for one in pairs)
    known = margin is not None and cost > 0
    return Whole(
        currency=currency,
        began=began,
        pairs=tuple(pairs),
        mean_of_ratios=_mean([one.change for one in pairs]),
        ratio_of_sums=after / before - 1,
        mean_roi=_mean([one.roi for one in pairs]),
        roi_of_sums=returned((after - before) * (margin or 0.0), cost) if known else None,
        cost=cost if known else None,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None where one of them is."""
    known = [one for one in values if one is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def document(found: Whole | Untold) -> dict[str, Any]:
    """Ready for JSON."""
    if isinstance(found, Untold):
        return asdict(found)
    pairs = [asdict(one) | {"month": _named(one.month), "against": _named(one.against)} for one in found.pairs]
    return asdict(found) | {"began": _named(found.began), "pairs": pairs}


def _named(month: date) -> str:
    return f"{month:%Y-%m}"


def told(found: Whole | Untold) -> Iterator[str]:
    """Lines for a terminal; none of the figures without the label."""
    if isinstance(found, Untold):
        yield f"before and after: not told, {found.why}"
        return
    yield f"{'month':<8} {'against':<8} {'before':>14} {'after':>14} {'change':>8} {'sends':>8} {'cost':>12} {'ROI':>8}"
    for one in found.pairs:
        cost = "-" if one.cost is None else f"{one.cost:,.0f}"
        yield (
            f"{_named(one.month):<8} {_named(one.against):<8} {one.before:>14,} {one.after:>14,} "
            f"{_share(one.change):>8} {one.sends:>8,} {cost:>12} {_share(one.roi):>8}"
        )
    yield f"mean of ratios {_share(found.mean_of_ratios)} ({found.label})"
    yield f"ratio of sums  {_share(found.ratio_of_sums)} ({found.label})"
    yield f"mean ROI       {_share(found.mean_roi)} ({found.label})"
    yield f"ROI of sums    {_share(found.roi_of_sums)} ({found.label})"
    yield f"amounts: minor units of {found.currency}, net of returns"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}"
