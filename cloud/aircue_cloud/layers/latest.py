"""The latest reading of each quantity of each node, by measured_at, within the caller's transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_

from aircue_cloud import db, feed, tables

Row = Mapping[str, Any]
_CHANGING = ("value", "scale", "unit", "flag", "measured_at")


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A node that was not known before."""

    site: str
    node: str
    quantities: tuple[str, ...]


def latest(rows: Iterable[Row]) -> dict[tuple[str, str, str], Row]:
    """Of readings (measured_at in ms) the newest by site, node and quantity."""
    newest: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row["site"], row["node"], row["quantity"])
        if key not in newest or row["measured_at"] > newest[key]["measured_at"]:
            newest[key] = row
    return newest


def update(connection: Connection, readings: Iterable[Row], now: datetime) -> None:
    """Takes readings into node_state; nodes seen for the first time go to the feed."""
    found = latest(readings)
    stored = _stored(connection, found)
    rows = [_row(row, now) for key, row in found.items() if _is_newer(row, stored.get(key))]
    if rows:
        connection.execute(db.insert_or_update(connection, tables.node_state, _CHANGING), rows)
    feed.append(connection, [_entry(node) for node in _joined(found, stored)], now)


def _stored(connection: Connection, found: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], datetime]:
    table = tables.node_state.c
    nodes = sorted({(site, node) for site, node, _ in found})
    query = select(table.site, table.node, table.quantity, table.measured_at)
    rows = connection.execute(query.where(tuple_(table.site, table.node).in_(nodes)))
    return {(row.site, row.node, row.quantity): row.measured_at for row in rows}


def _is_newer(row: Row, stored: datetime | None) -> bool:
    return stored is None or db.from_ms(row["measured_at"]) > stored


def _row(reading: Row, now: datetime) -> dict[str, Any]:
    names = ("site", "node", "quantity", "value", "scale", "unit", "flag")
    values = {name: reading[name] for name in names}
    return values | {"measured_at": db.from_ms(reading["measured_at"]), "first_seen_at": now}


def _joined(found: Iterable[tuple[str, str, str]], stored: Iterable[tuple[str, str, str]]) -> list[Joined]:
    known = {(site, node) for site, node, _ in stored}
    new: dict[tuple[str, str], list[str]] = {}
    for site, node, quantity in found:
        if (site, node) not in known:
            new.setdefault((site, node), []).append(quantity)
    return [Joined(site=site, node=node, quantities=tuple(names)) for (site, node), names in new.items()]


def _entry(joined: Joined) -> feed.Entry:
    text = f"Node {joined.node} joined ({joined.site}): {', '.join(joined.quantities)}"
    fields = {"event": "joined", "site": joined.site, "node": joined.node, "quantities": list(joined.quantities)}
    return feed.Entry(kind="node", text=text, fields=fields)
