"""The course of everything in a home, in slices of time: from the lake for a week and less, from its hours for more.

Nothing that is drawn grows with the number of readings; what is read does not either, beyond a week.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from aircue_cloud import tables
from aircue_cloud.layers.lake import Lake, Span
from aircue_cloud.web import flags
from aircue_cloud.web.charts import Bucket, Flagged

FROM_HOURS = timedelta(days=8)
MOST_FLAGGED = 200
MOST_MARKS = 60  # slices of a long window in which what was flagged is marked; more would hide each other
HOUR_MS = 3_600_000
Key = tuple[str, str]  # node, quantity

_BUCKETS = """
SELECT node, quantity, flag = 'OK' AS trusted, min(measured_at), max(measured_at), min(value / scale),
    avg(value / scale), max(value / scale), count(*)
FROM lake WHERE site = $site AND measured_at BETWEEN $first AND $last
GROUP BY node, quantity, trusted, (measured_at - $first) // $width ORDER BY node, quantity, min(measured_at)
"""
_FLAGGED = """
SELECT node, quantity, measured_at, value / scale, flag
FROM lake WHERE site = $site AND flag <> 'OK' AND measured_at BETWEEN $first AND $last
QUALIFY row_number() OVER (PARTITION BY node, quantity ORDER BY measured_at DESC) <= $most
ORDER BY node, quantity, measured_at
"""


@dataclass(frozen=True, kw_only=True)
class Course:
    """trusted: what cleaning let stand. doubted: what it flagged, in slices as well, empty where the course is of
    hours; flagged: each of it, the newest, or where the course is of hours the extremes of each slice."""

    trusted: list[Bucket] = field(default_factory=list)
    doubted: list[Bucket] = field(default_factory=list)
    flagged: list[Flagged] = field(default_factory=list)

    @property
    def raw(self) -> list[Bucket]:
        """Everything, in order of time."""
        return sorted((*self.trusted, *self.doubted), key=lambda bucket: bucket.at_ms)


def of_hours(start_ms: int, end_ms: int) -> bool:
    return end_ms - start_ms > FROM_HOURS // timedelta(milliseconds=1)


def of_site(
    connection: Connection, lake: Lake, site: str, start_ms: int, end_ms: int, buckets: int
) -> dict[Key, Course]:
    """By node and quantity, in about so many slices; an empty course for what has no readings there."""
    if of_hours(start_ms, end_ms):
        found = _hours(connection, site, start_ms, end_ms, buckets)
        for series, marks in flags.of_site(connection, lake, site, start_ms, end_ms, MOST_MARKS).items():
            found[series].flagged.extend(marks)
        return found
    return _readings(connection, lake, site, start_ms, end_ms, buckets)


def _readings(
    connection: Connection, lake: Lake, site: str, start_ms: int, end_ms: int, buckets: int
) -> dict[Key, Course]:
    span = {"site": site, "first": start_ms, "last": end_ms}
    width = max((end_ms - start_ms) // buckets, 1)
    found: dict[Key, Course] = defaultdict(Course)
    with lake.open(connection, Span(first_ms=start_ms, last_ms=end_ms)) as opened:
        for node, quantity, trusted, *row in opened.execute(_BUCKETS, {**span, "width": width}).fetchall():
            course = found[node, quantity]
            (course.trusted if trusted else course.doubted).append(Bucket(*row))
        for node, quantity, *row in opened.execute(_FLAGGED, {**span, "most": MOST_FLAGGED}).fetchall():
            found[node, quantity].flagged.append(Flagged(*row))
    return found


def _hours(connection: Connection, site: str, start_ms: int, end_ms: int, buckets: int) -> dict[Key, Course]:
    """One question a series: to put the hours of all of them in order takes longer than to ask again."""
    t, s = tables.hourly.c, tables.node_state.c
    first, last = start_ms // HOUR_MS, end_ms // HOUR_MS
    width = max((last - first) // buckets, 1)
    slot = ((t.hour - first) // width).label("slot")
    figures = (func.min(t.hour), func.max(t.hour), func.min(t.low), func.sum(t.total), func.max(t.high))
    query = (
        select(slot, t.scale, *figures, func.sum(t.readings))
        .where(t.site == site, t.node == bindparam("node"), t.quantity == bindparam("quantity"))
        .where(t.hour.between(first, last))
        .group_by(slot, t.scale)
        .order_by(slot, t.scale)
    )
    found: dict[Key, Course] = defaultdict(Course)
    for node, quantity in connection.execute(select(s.node, s.quantity).where(s.site == site)).all():
        rows = connection.execute(query, {"node": node, "quantity": quantity})
        slices = [_of_scales([row[1:] for row in some]) for _, some in groupby(rows, key=lambda row: row.slot)]
        if slices:
            found[node, quantity] = Course(trusted=slices)
    return found


def _of_scales(rows: Sequence[Sequence[Any]]) -> Bucket:
    """A slice of what was told in one scale, or in several; whole numbers are added up before they are divided."""
    scales, begins, ends, lows, totals, highs, counts = zip(*rows, strict=True)
    counted = int(sum(counts))
    total = sum(int(one) / scale for one, scale in zip(totals, scales, strict=True))
    return Bucket(
        min(begins) * HOUR_MS,
        (max(ends) + 1) * HOUR_MS - 1,
        min(low / scale for low, scale in zip(lows, scales, strict=True)),
        total / counted,
        max(high / scale for high, scale in zip(highs, scales, strict=True)),
        counted,
    )
