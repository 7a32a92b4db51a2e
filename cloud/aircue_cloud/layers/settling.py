"""Makes the stored episodes those that courses show: what is stored is read, and what is new written, for all courses
of a turn together. Many homes that join at once cost as many statements as one.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, select, tuple_, update

from aircue_cloud import bulk, db, feed, tables
from aircue_cloud.layers.course import Course, Known, Point, Span, reconcile
from aircue_cloud.needs import nodes
from aircue_gateway.episodes import Rule

_AT_ONCE = 400  # needs of nodes in one query
_T = tables.episodes.c
Key = tuple[str, str, str]  # need, site, node


@dataclass(frozen=True, kw_only=True)
class Series:
    """One quantity of one node."""

    site: str
    node: str
    quantity: str


@dataclass(frozen=True, kw_only=True)
class Started:
    """An episode that has just been found."""

    id: str
    rule: Rule
    series: Series
    confirmed: Point
    held_s: float
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class Found:
    """The course of one need on one node. since_ms: where it began, idle; None where it is the whole course."""

    rule: Rule
    series: Series
    course: Course
    since_ms: int | None

    @property
    def key(self) -> Key:
        return self.rule.need, self.series.site, self.series.node

    def covers(self, row: RowMapping) -> bool:
        """Whether a stored episode lies, in part at least, where the course reaches."""
        since_ms, until_ms = self.since_ms, self.course.until_ms
        in_time = since_ms is None or row["ended_at"] is None or db.to_ms(row["ended_at"]) > since_ms
        return in_time and (until_ms is None or db.to_ms(row["started_at"]) <= until_ms)


def settle(connection: Connection, found: Sequence[Found], now: datetime) -> list[Started]:
    """The episodes that are new. No two courses have one key."""
    stored, pen = _stored(connection, found), _Pen()
    started = [new for one in found for new in _settled(one, stored.get(one.key, []), pen)]
    bulk.insert(connection, tables.episodes, pen.new)
    for id_, values in pen.changed:
        connection.execute(update(tables.episodes).where(_T.id == id_).values(values))
    feed.append(connection, pen.entries, now)
    return started


def _stored(connection: Connection, found: Sequence[Found]) -> dict[Key, list[RowMapping]]:
    """What is stored of these courses, and perhaps of the time before them. A whole course reads all there is of its
    key; it makes no other do so."""
    rows: dict[Key, list[RowMapping]] = {}
    whole = [one for one in found if one.since_ms is None]
    parts = [one for one in found if one.since_ms is not None]
    for some, conditions in (*_asked(whole), *_asked(parts)):
        mine = tuple_(_T.need, _T.site, _T.node).in_([one.key for one in some])
        for row in connection.execute(select(tables.episodes).where(mine, *conditions)).mappings():
            rows.setdefault((row["need"], row["site"], row["node"]), []).append(row)
    return rows


def _asked(found: Sequence[Found]) -> Iterator[tuple[Sequence[Found], list[ColumnElement[bool]]]]:
    for first in range(0, len(found), _AT_ONCE):
        some = found[first : first + _AT_ONCE]
        begins = [one.since_ms for one in some if one.since_ms is not None]
        since = db.from_ms(min(begins)) if begins else None
        yield some, [] if since is None else [(_T.ended_at > since) | _T.ended_at.is_(None)]


class _Pen:
    """What is to be written, in the order in which it was found."""

    def __init__(self) -> None:
        self.new: list[dict[str, Any]] = []
        self.changed: list[tuple[str, dict[str, Any]]] = []
        self.entries: list[feed.Entry] = []

    def tell(self, event: str, row: Mapping[str, Any]) -> None:
        text = _TEXTS[event].format(need=row["need"], site=row["site"], where=nodes.told(row["node"]))
        self.entries.append(feed.Entry(kind="episode", text=text, fields=_fields(event, row)))


def _settled(found: Found, stored: Sequence[RowMapping], pen: _Pen) -> list[Started]:
    """Makes the stored episodes, as far as the course reaches, those of the course."""
    before = {row["id"]: row for row in stored if found.covers(row)}
    result = reconcile([_known(row) for row in before.values()], found.course.spans)
    started = []
    for id_, span in result.spans:
        if id_ is None:
            started.append(_insert(found, span, pen))
        else:
            _update(before[id_], span, pen)
    for id_ in result.gone:
        _let_go(before[id_], found.since_ms, pen)
    return started


def _insert(found: Found, span: Span, pen: _Pen) -> Started:
    need, site, node = found.key
    if span.confirmed is None or span.held_s is None:
        raise RuntimeError(f"{found.key}: the state knows an episode since {span.started_ms} that is not stored")
    row = {
        "id": str(uuid.uuid4()),
        "need": need,
        "site": site,
        "node": node,
        "quantity": found.series.quantity,
        "started_at": db.from_ms(span.started_ms),
        "withdrawn": False,
        **_changing(span),
    }
    pen.new.append(row)
    pen.tell("started", row)
    if span.ended_ms is not None:
        pen.tell("ended", row)
    return Started(
        id=row["id"],
        rule=found.rule,
        series=found.series,
        confirmed=span.confirmed,
        held_s=span.held_s,
        started_at=row["started_at"],
    )


def _update(before: RowMapping, span: Span, pen: _Pen) -> None:
    after = {"started_at": db.from_ms(span.started_ms), "withdrawn": False, **_changing(span)}
    if all(before[name] == value for name, value in after.items()):
        return
    pen.changed.append((before["id"], after))
    event = _EVENTS.get((_standing({**before}), _standing(after)))
    if event is not None:
        pen.tell(event, {**before, **after})


def _let_go(before: RowMapping, since_ms: int | None, pen: _Pen) -> None:
    """Kept as a row: decisions and pushes point to it. What began before the course ended there at the latest: that is
    an episode of an older rule."""
    since = None if since_ms is None else db.from_ms(since_ms)
    if since is not None and before["started_at"] < since:
        event, values = "ended", {"open": False, "ended_at": max(since, before["confirmed_at"])}
    else:
        ended_at = before["ended_at"] or before["confirmed_at"]
        event, values = "withdrawn", {"open": False, "ended_at": ended_at, "withdrawn": True}
    pen.changed.append((before["id"], values))
    pen.tell(event, {**before, **values})


def _known(row: RowMapping) -> Known:
    ended_ms = None if row["ended_at"] is None else db.to_ms(row["ended_at"])
    return Known(id=row["id"], started_ms=db.to_ms(row["started_at"]), ended_ms=ended_ms, withdrawn=row["withdrawn"])


def _changing(span: Span) -> dict[str, Any]:
    """What later readings may change of an episode; its confirming reading only where this course has seen it."""
    ended_at = None if span.ended_ms is None else db.from_ms(span.ended_ms)
    values: dict[str, Any] = {"ended_at": ended_at, "peak": span.peak, "open": span.ended_ms is None}
    if span.confirmed is None:
        return values
    return values | {
        "confirmed_at": db.from_ms(span.confirmed.at_ms),
        "confirmed_installation": span.confirmed.installation,
        "confirmed_boot": span.confirmed.boot,
        "confirmed_sequence": span.confirmed.sequence,
    }


def _standing(row: Mapping[str, Any]) -> str:
    if row["withdrawn"]:
        return "withdrawn"
    return "open" if row["open"] else "closed"


_EVENTS = {
    ("open", "closed"): "ended",
    ("closed", "open"): "reopened",
    ("withdrawn", "open"): "reopened",
    ("withdrawn", "closed"): "reopened",
}

_TEXTS = {
    "started": "{need} began {where} ({site})",
    "ended": "{need} ended {where} ({site})",
    "reopened": "{need} {where} ({site}) stands again: readings that came late fill it in",
    "withdrawn": "{need} {where} ({site}) never was: readings that came late interrupt it",
}


def _fields(event: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": event,
        "episode": row["id"],
        **{name: row[name] for name in ("need", "site", "node", "quantity", "peak", "open")},
        **{name: _iso(row[name]) for name in ("started_at", "confirmed_at", "ended_at")},
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds")
