"""Flags that later samples corrected: the newest word on each reading holds, whichever of the two comes first.

A revision of a reading that is not there yet is awaited. One of a reading in a file stands beside the file until the
next merge folds it in.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Row, select, tuple_, update

from aircue_cloud import db, tables
from aircue_cloud.layers.lake import AWAITED, BESIDE, EVERYTHING, FOLDED, Lake, Span, asked
from aircue_cloud.layers.rows import Arrived, Stream
from aircue_gateway.batch import Status

Key = tuple[str, int, int, int, str]  # node, installation, boot, sequence, quantity
_T = tables.revisions.c
KEY = ("node", "installation", "boot", "sequence", "quantity")
_CHUNK = 400


def newest(connection: Connection, arrived: Sequence[Arrived]) -> dict[Key, tuple[int, datetime]]:
    """Flag and time of the newest word on each reading that these batches speak of, but for what was said before by a
    batch that was sealed later."""
    said: dict[Key, tuple[int, datetime]] = {}
    for one in arrived:
        sealed_at = db.from_ms(one.columns.sealed_at_ms)
        for revision in one.columns.revisions:
            key = (revision.node, revision.installation, revision.boot, revision.sequence, revision.quantity)
            if key not in said or said[key][1] <= sealed_at:
                said[key] = int(revision.status), sealed_at
    for row in _of_keys(connection, list(said)):
        key = (row.node, row.installation, row.boot, row.sequence, row.quantity)
        if row.sealed_at > said[key][1]:
            del said[key]
    return said


def _of_keys(connection: Connection, keys: Sequence[Key]) -> Iterable[Row[Any]]:
    key = tuple_(*(_T[name] for name in KEY))
    for first in range(0, len(keys), _CHUNK):
        yield from connection.execute(select(tables.revisions).where(key.in_(keys[first : first + _CHUNK])))


def awaited(connection: Connection, streams: Iterable[Stream]) -> dict[Key, int]:
    """Flags that readings of these streams are to get when they come."""
    if connection.execute(select(_T.node).where(_T.place == AWAITED).limit(1)).first() is None:
        return {}
    found, wanted = {}, sorted(streams)
    stream = tuple_(_T.node, _T.installation, _T.boot)
    for first in range(0, len(wanted), _CHUNK):
        mine = stream.in_(wanted[first : first + _CHUNK])
        for row in connection.execute(select(tables.revisions).where(_T.place == AWAITED, mine)):
            key = (row.node, row.installation, row.boot, row.sequence, row.quantity)
            found[key] = int(Status[row.flag])
    return found


# How long before its revision a reading was measured: nearly always in the first of these. None: ever.
_WINDOWS = (timedelta(days=2), timedelta(days=32), None)
_MATCHING = """
SELECT id, site, node, installation, boot, sequence, quantity, value, scale, flag, measured_at
FROM lake JOIN wanted USING (node, installation, boot, sequence, quantity)
WHERE sequence BETWEEN $first AND $last AND node BETWEEN $first_node AND $last_node
"""


def stored(
    lake: Lake, connection: Connection, said: Mapping[Key, tuple[int, datetime]], keys: Sequence[Key]
) -> list[dict[str, object]]:
    """The readings with these keys that are in the lake. The files of the days before their revisions are looked
    through first, and older ones only for what was not found there."""
    found: dict[Key, dict[str, object]] = {}
    for window in _WINDOWS:
        missing = [key for key in keys if key not in found]
        if not missing:
            break
        times = [said[key][1] for key in missing]
        span = EVERYTHING if window is None else Span(first_ms=max(0, db.to_ms(min(times) - window)))
        found.update({_key(row): row for row in _matching(lake, connection, missing, span)})
    return list(found.values())


def _matching(lake: Lake, connection: Connection, keys: Sequence[Key], span: Span) -> list[dict[str, Any]]:
    wanted = pa.table(dict(zip(KEY, map(list, zip(*keys, strict=True)), strict=True)))
    nodes, sequences = [key[0] for key in keys], [key[3] for key in keys]
    bounds = {"first": min(sequences), "last": max(sequences), "first_node": min(nodes), "last_node": max(nodes)}
    with lake.open(connection, span, {"wanted": wanted}) as opened:
        return list(asked(opened, _MATCHING, bounds).to_pylist())


def _key(row: Mapping[str, Any]) -> Key:
    return row["node"], row["installation"], row["boot"], row["sequence"], row["quantity"]


def remember(connection: Connection, said: Mapping[Key, tuple[int, datetime]], places: Mapping[Key, str]) -> None:
    rows = [
        {
            **dict(zip(KEY, key, strict=True)),
            "flag": Status(flag).name,
            "sealed_at": sealed_at,
            "place": places.get(key, AWAITED),
        }
        for key, (flag, sealed_at) in said.items()
    ]
    if rows:
        changing = ("flag", "sealed_at", "place")
        connection.execute(db.insert_or_update(connection, tables.revisions, changing), rows)


def found(connection: Connection, keys: Iterable[Key]) -> None:
    """What was awaited has come, and is written with the flag that was asked for."""
    for key in keys:
        mine = [_T[name] == part for name, part in zip(KEY, key, strict=True)]
        connection.execute(update(tables.revisions).where(*mine).values(place=FOLDED))


def change_latest(connection: Connection, rows: Iterable[Mapping[str, object]]) -> None:
    """The latest state of a node takes the flag over where this is its reading. measured_at in ms."""
    state = tables.node_state.c
    for row in rows:
        mine = [state[name] == row[name] for name in ("site", "node", "quantity")]
        mine.append(state.measured_at == db.from_ms(int(str(row["measured_at"]))))
        connection.execute(update(tables.node_state).where(*mine).values(flag=row["flag"]))


__all__ = ["BESIDE", "KEY", "Key", "awaited", "change_latest", "found", "newest", "remember", "stored"]
