"""The course of everything in a home, in slices of time: from the lake for a week and less, from its hours for more.

Nothing that is drawn grows with the number of readings; what is read does not either, beyond a week.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, func, select

from aircue_cloud import tables
from aircue_cloud.layers.lake import Lake, Span
from aircue_cloud.web.charts import Bucket, Flagged

FROM_HOURS = timedelta(days=8)
MOST_FLAGGED = 200
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
    """trusted: what cleaning let stand. doubted: what it flagged, in slices as well; flagged: each of it, the newest.
    Both are empty where the course is of hours, which are of trusted readings alone."""

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
        return _hours(connection, site, start_ms, end_ms, buckets)
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
    t = tables.hourly.c
    first, last = start_ms // HOUR_MS, end_ms // HOUR_MS
    width = max((last - first) // buckets, 1)
    slot = ((t.hour - first) // width).label("slot")
    query = (
        select(
            t.node,
            t.quantity,
            func.min(t.hour),
            func.max(t.hour),
            func.min(1.0 * t.low / t.scale),
            func.sum(1.0 * t.total / t.scale),
            func.max(1.0 * t.high / t.scale),
            func.sum(t.readings),
        )
        .where(t.site == site, t.hour.between(first, last))
        .group_by(t.node, t.quantity, slot)
        .order_by(t.node, t.quantity, slot)
    )
    found: dict[Key, Course] = defaultdict(Course)
    for node, quantity, begin, end, low, total, high, count in connection.execute(query):
        counted = int(count)
        mean = float(total) / counted
        bucket = Bucket(begin * HOUR_MS, (end + 1) * HOUR_MS - 1, float(low), mean, float(high), counted)
        found[node, quantity].trusted.append(bucket)
    return found
