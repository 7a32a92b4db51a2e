"""How nodes, sensors and gateways are, as far as they said. Reads, never writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, func, select

from aircue_cloud import tables
from aircue_cloud.web import queries
from aircue_cloud.web.queries import Series

# Quantities that say how a node is rather than what it measures.
BATTERY = frozenset({"battery"})
SIGNAL = frozenset({"rssi", "signal", "wifi_signal", "linkquality"})
SILENT_AFTER = timedelta(minutes=15)
_B, _G, _R, _L = tables.batches.c, tables.gateways.c, tables.refused.c, tables.losses.c


@dataclass(frozen=True, kw_only=True)
class Node:
    """battery, signal: None where it never said. lost: samples declared lost by this installation of it."""

    site: str
    node: str
    heard: datetime
    silent: bool
    quantities: int
    flagged: int
    battery: Series | None
    signal: Series | None
    lost: int


@dataclass(frozen=True, kw_only=True)
class Gateway:
    name: str
    last: datetime | None
    batches: int
    readings: int
    redelivered: int
    refused: int


def nodes(connection: Connection, now: datetime, limit: int) -> list[Node]:
    """By site and name."""
    losses = _losses(connection)
    found: list[Node] = []
    for _, ones in groupby(queries.series(connection), key=lambda one: (one.site, one.node)):
        if len(found) == limit:
            break
        found.append(_node(list(ones), losses, now))
    return found


def _node(series: Sequence[Series], losses: dict[tuple[str, int], int], now: datetime) -> Node:
    newest = max(series, key=lambda one: one.measured_at)
    arrived = max(one.sender.ingested_at for one in series)
    return Node(
        site=newest.site,
        node=newest.node,
        heard=newest.measured_at,
        silent=now - arrived > SILENT_AFTER,
        quantities=len(series),
        flagged=sum(one.flag != "OK" for one in series),
        battery=next((one for one in series if one.quantity in BATTERY), None),
        signal=next((one for one in series if one.quantity in SIGNAL), None),
        lost=losses.get((newest.node, newest.sender.installation), 0),
    )


def _losses(connection: Connection) -> dict[tuple[str, int], int]:
    query = select(_L.node, _L.installation, func.sum(_L.samples)).group_by(_L.node, _L.installation)
    return {(node, installation): int(lost) for node, installation, lost in connection.execute(query)}


def gateways(connection: Connection) -> list[Gateway]:
    counted = select(
        _B.gateway,
        func.count().label("batches"),
        func.max(_B.received_at).label("last"),
        func.sum(_B.readings).label("readings"),
        func.sum(_B.deliveries - 1).label("redelivered"),
    ).group_by(_B.gateway)
    rows: dict[str, Any] = {row.gateway: row for row in connection.execute(counted)}
    asked = select(_R.gateway, func.count().label("refused")).group_by(_R.gateway)
    refused: dict[str, int] = {row.gateway: row.refused for row in connection.execute(asked)}
    return [
        _gateway(name, rows.get(name), refused.get(name, 0))
        for name in connection.execute(select(_G.name).order_by(_G.name)).scalars()
    ]


def _gateway(name: str, row: Any, refused: int) -> Gateway:
    if row is None:
        return Gateway(name=name, last=None, batches=0, readings=0, redelivered=0, refused=refused)
    counts = {field: int(getattr(row, field)) for field in ("batches", "readings", "redelivered")}
    return Gateway(name=name, last=row.last, refused=refused, **counts)
