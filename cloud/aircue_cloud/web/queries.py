"""What the console shows, read from the tables. Nothing here writes.

Each function takes a connection; call them within one transaction for one consistent view.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Float, cast, func, select, type_coerce, union_all

from aircue_cloud import status, tables
from aircue_cloud.decision.policy import SUPPRESS
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


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Where a node's latest reading came from."""

    installation: int
    boot: int
    sequence: int
    ingested_at: datetime


def version(connection: Connection) -> str:
    """Another one whenever something was added that the console shows."""
    latest = [select(func.max(table.c.id)) for table in (tables.readings, tables.feed, tables.decisions)]
    total = select(func.sum(tables.counters.c.value))
    parts = connection.execute(union_all(*latest, total)).scalars()
    return "-".join(str(part or 0) for part in parts)


def figures(connection: Connection) -> dict[str, int]:
    """Those of the installation, and open_episodes, declined and, of the pushes, households reached."""
    episodes, decisions = tables.episodes.c, tables.decisions.c
    counts = {
        "open_episodes": select(func.count()).where(episodes.open, ~episodes.withdrawn),
        "declined": select(func.count()).where(decisions.outcome == SUPPRESS),
        "households": select(func.count(tables.pushes.c.household.distinct())),
    }
    return status.figures(connection) | {name: connection.execute(query).scalar_one() for name, query in counts.items()}


def series(connection: Connection) -> list[Series]:
    """All of them, by site, node and quantity."""
    table = tables.node_state
    rows = connection.execute(select(table).order_by(table.c.site, table.c.node, table.c.quantity)).mappings()
    return [
        Series(
            value=row["value"] / row["scale"],
            **{name: row[name] for name in ("site", "node", "quantity", "unit", "scale", "flag", "measured_at")},
        )
        for row in rows
    ]


def sender(connection: Connection, one: Series) -> Sender:
    table = tables.readings.c
    query = select(table.installation, table.boot, table.sequence, table.ingested_at)
    latest = query.where(*_is(one)).order_by(table.measured_at.desc(), table.id.desc()).limit(1)
    return Sender(**connection.execute(latest).mappings().one())


def first_measured(connection: Connection, all_series: Sequence[Series]) -> datetime | None:
    """The oldest reading of any series."""
    table = tables.readings.c
    found = [connection.execute(select(func.min(table.measured_at)).where(*_is(one))).scalar() for one in all_series]
    return min((at for at in found if at is not None), default=None)


def course(
    connection: Connection, one: Series, start_ms: int, end_ms: int, buckets: int
) -> tuple[list[Bucket], list[Flagged]]:
    """Trusted readings from start to end in at most `buckets` + 1 slices of time, and the newest flagged ones."""
    width = max((end_ms - start_ms) // buckets, 1)
    at, value = _at_ms(), _value()
    slice_ = ((at - start_ms) // width).label("slice")
    query = (
        select(func.min(at), func.max(at), func.min(value), func.avg(value), func.max(value), func.count())
        .where(*_is(one), *_between(start_ms, end_ms), tables.readings.c.flag == "OK")
        .group_by(slice_)
        .order_by(slice_)
    )
    rows = connection.execute(query).all()
    found = [Bucket(first_ms=r[0], last_ms=r[1], low=r[2], mean=r[3], high=r[4], count=r[5]) for r in rows]
    return found, _flagged(connection, one, start_ms, end_ms)


def _flagged(connection: Connection, one: Series, start_ms: int, end_ms: int) -> list[Flagged]:
    at = _at_ms()
    query = select(at, _value(), tables.readings.c.flag).where(
        *_is(one), *_between(start_ms, end_ms), tables.readings.c.flag != "OK"
    )
    rows = connection.execute(query.order_by(at.desc()).limit(MOST_FLAGGED)).all()
    return [Flagged(at_ms=row[0], value=row[1], flag=row[2]) for row in reversed(rows)]


def _is(one: Series) -> tuple[Any, ...]:
    table = tables.readings.c
    return table.site == one.site, table.node == one.node, table.quantity == one.quantity


def _between(start_ms: int, end_ms: int) -> tuple[Any, ...]:
    return _at_ms() >= start_ms, _at_ms() <= end_ms


def _at_ms() -> Any:
    return type_coerce(tables.readings.c.measured_at, BigInteger)


def _value() -> Any:
    return cast(tables.readings.c.value, Float) / tables.readings.c.scale


def zones(connection: Connection) -> dict[str, str]:
    """The time zone of each site."""
    return {row.id: row.tz for row in connection.execute(select(tables.sites.c.id, tables.sites.c.tz))}


def households(connection: Connection) -> dict[str, str]:
    """The name of the household of each site that is linked to one."""
    query = select(tables.sites.c.id, tables.households.c.name).join(tables.households)
    return {row.id: row.name for row in connection.execute(query)}


def episodes(connection: Connection, start: datetime | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """Newest first; start: those that reach past it. With the outcome and reason of the decision about each."""
    table, decisions = tables.episodes, tables.decisions
    latest = select(func.max(decisions.c.id)).group_by(decisions.c.episode)
    decided = select(decisions).where(decisions.c.id.in_(latest)).subquery()
    query = select(table, decided.c.outcome, decided.c.reason).outerjoin(decided, decided.c.episode == table.c.id)
    if start is not None:
        query = query.where((table.c.ended_at >= start) | table.c.ended_at.is_(None), table.c.withdrawn.is_(False))
    rows = connection.execute(query.order_by(table.c.started_at.desc(), table.c.id).limit(limit)).mappings()
    return [dict(row) for row in rows]


def pushes(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Newest first, with the product's name and price, and site, node and zone of what set it off."""
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
        )
        .join(products, products.c.id == table.c.product)
        .join(tables.households, tables.households.c.id == table.c.household)
        .join(tables.episodes, tables.episodes.c.id == table.c.episode)
    )
    rows = connection.execute(query.order_by(table.c.created_at.desc(), table.c.id).limit(limit)).mappings()
    return [dict(row) for row in rows]


def declined(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """Decisions not to push, newest first, with site and node."""
    table = tables.decisions
    query = (
        select(table, tables.episodes.c.site, tables.episodes.c.node)
        .join(tables.episodes, tables.episodes.c.id == table.c.episode)
        .where(table.c.outcome == SUPPRESS)
    )
    rows = connection.execute(query.order_by(table.c.id.desc()).limit(limit)).mappings()
    return [dict(row) for row in rows]
