"""Statuses that later samples corrected: the newest word on each reading holds, whichever of the two comes first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from aircue_cloud import db, tables
from aircue_gateway.batch import Batch, Revision

Row = dict[str, Any]

_T = tables.revisions.c
_R = tables.readings.c
_KEY = ("node", "installation", "boot", "sequence", "quantity")
_SHOWN = ("site", "node", "installation", "boot", "sequence", "quantity", "value", "scale", "flag")


@dataclass(frozen=True, kw_only=True)
class Applied:
    """changed: rows of readings that have another flag now, with measured_at in ms. unknown: revisions of readings that
    are not stored: they are kept for when the reading comes."""

    changed: tuple[Row, ...]
    unknown: int


def foretold(connection: Connection, readings: list[Row]) -> None:
    """Gives readings that are to be stored the flags that revisions before them asked for."""
    for (node, installation, boot), rows in _by_stream(readings).items():
        sequences = [row["sequence"] for row in rows]
        mine = (_T.node == node, _T.installation == installation, _T.boot == boot)
        within = _T.sequence.between(min(sequences), max(sequences))
        flags = {
            (row.sequence, row.quantity): row.flag
            for row in connection.execute(select(_T.sequence, _T.quantity, _T.flag).where(*mine, within))
        }
        for row in rows:
            row["flag"] = flags.get((row["sequence"], row["quantity"]), row["flag"])


def _by_stream(readings: Iterable[Row]) -> dict[tuple[str, int, int], list[Row]]:
    streams: dict[tuple[str, int, int], list[Row]] = {}
    for row in readings:
        streams.setdefault((row["node"], row["installation"], row["boot"]), []).append(row)
    return streams


def apply(connection: Connection, batch: Batch) -> Applied:
    """Takes a batch's revisions in; its own readings are stored already."""
    changed: list[Row] = []
    unknown = 0
    for revision in batch.revisions:
        if _is_newest(connection, batch, revision):
            found = list(_matching(connection, revision))
            unknown += not found
            changed += [_changed(connection, row, revision.status.name) for row in found if _differs(row, revision)]
    return Applied(changed=tuple(changed), unknown=unknown)


def _is_newest(connection: Connection, batch: Batch, revision: Revision) -> bool:
    """Remembers a revision, unless a batch that was sealed later spoke of the same reading."""
    key = [_T[name] == getattr(revision, name) for name in _KEY]
    sealed_at = db.from_ms(batch.sealed_at_ms)
    if connection.execute(select(_T.node).where(*key, _T.sealed_at > sealed_at)).first() is not None:
        return False
    row = {name: getattr(revision, name) for name in _KEY} | {"flag": revision.status.name, "sealed_at": sealed_at}
    connection.execute(db.insert_or_update(connection, tables.revisions, ("flag", "sealed_at")), [row])
    return True


def _matching(connection: Connection, revision: Revision) -> Iterator[Row]:
    key = [_R[name] == getattr(revision, name) for name in _KEY]
    columns = [_R[name] for name in ("id", "measured_at", *_SHOWN)]
    yield from (dict(row) for row in connection.execute(select(*columns).where(*key)).mappings())


def _differs(row: Row, revision: Revision) -> bool:
    return bool(row["flag"] != revision.status.name)


def _changed(connection: Connection, row: Row, flag: str) -> Row:
    """The row with its new flag, which the node's latest state takes over where this is its reading."""
    connection.execute(update(tables.readings).where(_R.id == row["id"]).values(flag=flag))
    state = tables.node_state.c
    mine = [state[name] == row[name] for name in ("site", "node", "quantity", "measured_at")]
    connection.execute(update(tables.node_state).where(*mine).values(flag=flag))
    return {name: row[name] for name in _SHOWN} | {"flag": flag, "measured_at": db.to_ms(row["measured_at"])}
