"""What the console shows, read from the tables. Nothing here writes.

Each function takes a connection; call them within one transaction for one consistent view.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, func, select, union_all

from aircue_cloud import status, tables
from aircue_cloud.decision.policy import SEND
from aircue_cloud.layers.lake import Lake, Span
from aircue_cloud.web.charts import Bucket, Flagged

MOST_FLAGGED = 200


@dataclass(frozen=True, kw_only=True)
class Series:
    """One quantity of one node, with its latest reading."""

    site: str
    node: str
    quantity: str
    unit: str
    value: float
    scale: int
    flag: str
    measured_at: datetime
    sender: "Sender"


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Where a node's latest reading came from."""

    installation: int
    boot: int
    sequence: int
    ingested_at: datetime


def version(connection: Connection) -> str:
    """Another one whenever something was added that the console shows."""
    latest = [select(func.max(table.c.id)) for table in (tables.feed, tables.decisions)]
    latest.append(select(func.max(tables.lake.c.version)))
    total = select(func.sum(tables.counters.c.value))
    parts = connection.execute(union_all(*latest, total)).scalars()
    return "-".join(str(part or 0) for part in parts)


def figures(connection: Connection) -> dict[str, int]:
    """Those of the installation, and open_episodes, declined and, of the pushes, households reached."""
    episodes, decisions = tables.episodes.c, tables.decisions.c
    counts = {
        "open_episodes": select(func.count()).where(episodes.open, ~episodes.withdrawn),
        "declined": select(func.count()).where(decisions.outcome != SEND),
        "households": select(func.count(tables.pushes.c.household.distinct())),
    }
    return status.figures(connection) | {name: connection.execute(query).scalar_one() for name, query in counts.items()}


def series(connection: Connection, site: str | None = None) -> list[Series]:
    """All of them, or of one site, by site, node and quantity."""
    table = tables.node_state
    query = select(table) if site is None else select(table).where(table.c.site == site)
    rows = connection.execute(query.order_by(table.c.site, table.c.node, table.c.quantity)).mappings()
    return [
        Series(
            value=row["value"] / row["scale"],
            sender=Sender(**{name: row[name] for name in ("installation", "boot", "sequence", "ingested_at")}),
            **{name: row[name] for name in ("site", "node", "quantity", "unit", "scale", "flag", "measured_at")},
        )
        for row in rows
    ]


def troubled(connection: Connection) -> set[tuple[str, str]]:
    """Site and name of the nodes with an open episode."""
    t = tables.episodes.c
    query = select(t.site, t.node).where(t.open, ~t.withdrawn).distinct()
    return {(row.site, row.node) for row in connection.execute(query)}


def first_measured(connection: Connection) -> datetime | None:
    """Of the oldest reading there is."""
    files = tables.lake_files.c
    return connection.execute(select(func.min(files.first_measured)).where(files.removed_at.is_(None))).scalar()


Course = tuple[list[Bucket], list[Flagged]]

_BUCKETS = """
SELECT site, node, quantity, min(measured_at), max(measured_at), min(value / scale), avg(value / scale),
    max(value / scale), count(*)
FROM lake SEMI JOIN wanted USING (site, node) WHERE flag = 'OK' AND measured_at BETWEEN $first AND $last
GROUP BY site, node, quantity, (measured_at - $first) // $width ORDER BY site, node, quantity, min(measured_at)
"""
_FLAGGED = """
SELECT site, node, quantity, measured_at, value / scale, flag
FROM lake SEMI JOIN wanted USING (site, node) WHERE flag <> 'OK' AND measured_at BETWEEN $first AND $last
QUALIFY row_number() OVER (PARTITION BY site, node, quantity ORDER BY measured_at DESC) <= $most
ORDER BY site, node, quantity, measured_at
"""


def courses(
    connection: Connection, lake: Lake, nodes: Collection[tuple[str, str]], start_ms: int, end_ms: int, buckets: int
) -> Mapping[tuple[str, str, str], Course]:
    """By site, node and quantity: trusted readings from start to end in at most `buckets` + 1 slices of time, and the
    newest flagged ones. Of every series of these nodes; empty for one without readings there."""
    span = {"first": start_ms, "last": end_ms}
    width = max((end_ms - start_ms) // buckets, 1)
    found: dict[tuple[str, str, str], Course] = defaultdict(lambda: ([], []))
    sites, names = [site for site, _ in nodes], [node for _, node in nodes]
    wanted = pa.table({"site": pa.array(sites, pa.string()), "node": pa.array(names, pa.string())})
    with lake.open(connection, Span(first_ms=start_ms, last_ms=end_ms), {"wanted": wanted}) as opened:
        for site, node, quantity, *row in opened.execute(_BUCKETS, {**span, "width": width}).fetchall():
            found[site, node, quantity][0].append(Bucket(*row))
        for site, node, quantity, *row in opened.execute(_FLAGGED, {**span, "most": MOST_FLAGGED}).fetchall():
            found[site, node, quantity][1].append(Flagged(*row))
    return found


def zones(connection: Connection) -> dict[str, str]:
    """The time zone of each site."""
    return {row.id: row.tz for row in connection.execute(select(tables.sites.c.id, tables.sites.c.tz))}


def households(connection: Connection) -> dict[str, str]:
    """The name of the household of each site that is linked to one."""
    query = select(tables.sites.c.id, tables.households.c.name).join(tables.households)
    return {row.id: row.name for row in connection.execute(query)}


def episodes(
    connection: Connection,
    start: datetime | None = None,
    limit: int | None = None,
    site: str | None = None,
    end: datetime | None = None,
) -> list[dict[str, Any]]:
    """Newest first; start, end: those that reach past the one and begin before the other. With the outcome and reason
    of the decision about each."""
    table = tables.episodes
    query = select(table)
    if start is not None:
        query = query.where((table.c.ended_at >= start) | table.c.ended_at.is_(None), table.c.withdrawn.is_(False))
    if site is not None:
        query = query.where(table.c.site == site)
    if end is not None:
        query = query.where(table.c.started_at <= end)
    rows = connection.execute(query.order_by(table.c.started_at.desc(), table.c.id).limit(limit)).mappings().all()
    decided = _decided(connection, [row["id"] for row in rows])
    return [{**row, **decided.get(row["id"], _UNDECIDED)} for row in rows]


_UNDECIDED = {"outcome": None, "reason": None}
_AT_ONCE = 500  # ids in one question


def _decided(connection: Connection, episodes: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By episode, how the latest decision about it went."""
    t = tables.decisions.c
    found = {}
    for first in range(0, len(episodes), _AT_ONCE):
        asked = t.episode.in_(episodes[first : first + _AT_ONCE])
        query = select(t.episode, t.outcome, t.reason).where(asked).order_by(t.id)
        found.update({row.episode: {"outcome": row.outcome, "reason": row.reason} for row in connection.execute(query)})
    return found


def pushes(
    connection: Connection, limit: int, site: str | None = None, span: tuple[datetime, datetime] | None = None
) -> list[dict[str, Any]]:
    """Newest first, of one site and span or of all, with the product's name and price, and where it was set off."""
    table, products = tables.pushes, tables.products
    query = (
        select(
            table,
            products.c.name.label("product_name"),
            products.c.price_minor,
            products.c.currency,
            tables.households.c.name.label("household_name"),
            tables.episodes.c.site,
            tables.episodes.c.node,
            tables.episodes.c.quantity,
        )
        .join(products, products.c.id == table.c.product)
        .join(tables.households, tables.households.c.id == table.c.household)
        .join(tables.episodes, tables.episodes.c.id == table.c.episode)
    )
    if site is not None:
        query = query.where(tables.episodes.c.site == site)
    if span is not None:
        query = query.where(table.c.created_at.between(*span))
    rows = connection.execute(query.order_by(table.c.created_at.desc(), table.c.id).limit(limit)).mappings()
    return [dict(row) for row in rows]


def declined(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Decisions not to push, newest first, with site and node."""
    table = tables.decisions
    query = (
        select(table, tables.episodes.c.site, tables.episodes.c.node)
        .join(tables.episodes, tables.episodes.c.id == table.c.episode)
        .where(table.c.outcome != SEND)
    )
    rows = connection.execute(query.order_by(table.c.id.desc()).limit(limit)).mappings()
    return [dict(row) for row in rows]
