"""What cleaning flagged in a long window, in slices. What a file of the lake holds never changes, so each is read once
and its flagged readings are kept by the hour: few, beside those that are trusted."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import duckdb
from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.layers import lake as lakes
from aircue_cloud.layers.lake import BESIDE, Lake, Span
from aircue_cloud.web.charts import Flagged

MOST_KEPT = 200_000  # hours of all files
_HOURS = """
SELECT {file} AS file, site, node, quantity, measured_at // 3600000 AS hour, count(*), min(value / scale),
    max(value / scale), mode(flag)
FROM {source} WHERE flag <> 'OK' {asked} GROUP BY ALL
"""
_PARQUET = "read_parquet([{paths}], filename = true)"


@dataclass(frozen=True)
class Hour:
    """Flagged readings of one series in one hour. flag: that most of them have."""

    site: str
    node: str
    quantity: str
    hour: int
    count: int
    low: float
    high: float
    flag: str


_kept: WeakKeyDictionary[Lake, dict[str, tuple[Hour, ...]]] = WeakKeyDictionary()


def of_site(
    connection: Connection, lake: Lake, site: str, start_ms: int, end_ms: int, buckets: int
) -> dict[tuple[str, str], list[Flagged]]:
    """By node and quantity: of each slice with flagged readings the highest of them, and the lowest."""
    span = Span(first_ms=start_ms, last_ms=end_ms)
    hours = _revised(connection, lake, site, span) if _are_revised(connection) else _of_files(connection, lake, span)
    first, last = start_ms // _HOUR_MS, end_ms // _HOUR_MS
    width = max((last - first) // buckets, 1)
    slices: dict[tuple[str, str, int], list[Hour]] = defaultdict(list)
    for one in hours:
        if one.site == site and first <= one.hour <= last:
            slices[one.node, one.quantity, (one.hour - first) // width].append(one)
    found: dict[tuple[str, str], list[Flagged]] = defaultdict(list)
    for (node, quantity, _), some in sorted(slices.items()):
        found[node, quantity] += _marks(some)
    return found


_HOUR_MS = 3_600_000


def _marks(hours: Sequence[Hour]) -> list[Flagged]:
    count = sum(one.count for one in hours)
    most = max(hours, key=lambda one: one.count).flag
    at_ms = round((min(one.hour for one in hours) + max(one.hour for one in hours) + 1) / 2 * _HOUR_MS)
    ends = {max(one.high for one in hours), min(one.low for one in hours)}
    label = most if count == 1 else f"{most}, {count} readings"
    return [Flagged(at_ms=at_ms, value=value, flag=label) for value in sorted(ends)]


def _are_revised(connection: Connection) -> bool:
    """Whether some flags differ from what the files say; seldom, and until files are merged."""
    query = select(tables.revisions.c.node).where(tables.revisions.c.place == BESIDE).limit(1)
    return connection.execute(query).first() is not None


def _revised(connection: Connection, lake: Lake, site: str, span: Span) -> list[Hour]:
    asked = "AND site = $site AND measured_at BETWEEN $first AND $last"
    query = _HOURS.format(file="''", source="lake", asked=asked)
    with lake.open(connection, span) as opened:
        rows = opened.execute(query, {"site": site, "first": span.first_ms, "last": span.last_ms}).fetchall()
    return [Hour(*row[1:]) for row in rows]


def _of_files(connection: Connection, lake: Lake, span: Span) -> Iterable[Hour]:
    kept, keys = _kept.setdefault(lake, {}), lakes.keys(connection, span)
    unread = [key for key in keys if key not in kept]
    if unread:
        if sum(map(len, kept.values())) > MOST_KEPT:
            kept.clear()
            unread = keys
        kept.update(_read(dict(zip(lake.paths(unread), unread, strict=True))))
    return [hour for key in keys for hour in kept[key]]


def _read(keys: dict[str, str]) -> dict[str, tuple[Hour, ...]]:
    """By key; keys: by path."""
    found: dict[str, list[Hour]] = {key: [] for key in keys.values()}
    paths = ", ".join("'" + path.replace("'", "''") + "'" for path in keys)
    query = _HOURS.format(file="filename", source=_PARQUET.format(paths=paths), asked="")
    with duckdb.connect(":memory:") as opened:
        for path, *row in opened.execute(query).fetchall():
            found[keys[path]].append(Hour(*row))
    return {key: tuple(hours) for key, hours in found.items()}
