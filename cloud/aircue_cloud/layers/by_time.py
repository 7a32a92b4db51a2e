"""Readings whose sample has its time for a number, as an import seals them: known by their key, which is in the lake.

A node counts its samples, so that what it delivered is a range or two. Times leave gaps: as ranges they would be a row
for each sample, in memory and in the database, however large a file is. So the lake itself is asked which are there,
each quantity by itself and each site for itself: a file may bring temperature where another brought humidity, and nodes
of two homes that are both called kitchen are two.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from aircue_cloud.layers.lake import Lake, Span, asked
from aircue_cloud.layers.rows import NOBODYS, Bools, Ints, Rows, grouped

_STORED = f"""
SELECT wanted.place AS place
FROM files JOIN series USING (site, node, quantity, boot)
JOIN wanted ON wanted.series = series.series AND wanted.sequence = files.sequence
WHERE files.installation = {NOBODYS} AND files.sequence BETWEEN $first AND $last
    AND files.node BETWEEN $first_node AND $last_node
"""


def fresh(lake: Lake, connection: Connection, rows: Rows) -> Rows:
    """Without those that say again what is in the lake, or what another of them says before."""
    mine = np.flatnonzero(rows.by_time)
    if not len(mine):
        return rows
    series, names = _series(rows)
    again = np.zeros(len(rows), np.bool_)
    again[mine[~_firsts(series[mine], rows.sequence[mine])]] = True
    mine = mine[~again[mine]]
    again[mine[_stored(lake, connection, rows, mine, series[mine], names)]] = True
    return rows.only(~again)


def _series(rows: Rows) -> tuple[Ints, list[tuple[str, str, str, int]]]:
    """The number of each row's series, and what the numbers stand for."""
    places: dict[tuple[str, str, str, int], int] = {}
    codes = [places.setdefault((run.site, run.node, run.quantity, run.boot), len(places)) for run in rows.runs]
    return rows.of_runs(codes), list(places)


def _firsts(series: Ints, sequence: Ints) -> Bools:
    """Which are the first of their key."""
    order = grouped(series, sequence, np.arange(len(series))).order
    new = (np.diff(series[order]) != 0) | (np.diff(sequence[order]) != 0)
    found = np.zeros(len(series), np.bool_)
    found[order] = np.r_[True, new]
    return found


def _stored(
    lake: Lake,
    connection: Connection,
    rows: Rows,
    mine: Ints,
    series: Ints,
    names: list[tuple[str, str, str, int]],
) -> Ints:
    """Places among mine of those that are in the lake."""
    sequence = rows.sequence[mine]
    used = [names[number] for number in np.unique(series).tolist()]
    nodes = [node for _, node, _, _ in used]
    bounds: dict[str, Any] = {"first": int(sequence.min()), "last": int(sequence.max())}
    beside = {
        "wanted": pa.table({"place": np.arange(len(mine)), "series": series, "sequence": sequence}),
        "series": _table(names),
    }
    span = Span(first_ms=bounds["first"], last_ms=bounds["last"])
    with lake.open(connection, span, beside) as opened:
        found = asked(opened, _STORED, {**bounds, "first_node": min(nodes), "last_node": max(nodes)})
    places: Ints = found["place"].to_numpy()
    return places


def _table(names: list[tuple[str, str, str, int]]) -> pa.Table:
    site, node, quantity, boot = map(list, zip(*names, strict=True))
    return pa.table({"series": np.arange(len(names)), "site": site, "node": node, "quantity": quantity, "boot": boot})
