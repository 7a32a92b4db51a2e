"""Keeps episodes and the state of every need in step with the readings stored, within the caller's transaction."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, RowMapping, insert, select, tuple_, type_coerce, update

from aircue_cloud import db, feed, tables
from aircue_cloud.layers.course import Course, Known, Point, Span, idle_before, reconcile, run
from aircue_cloud.needs.needs import Needs, rule_version
from aircue_gateway.episodes import Phase, Rule, State

CHUNK = 512


@dataclass(frozen=True, kw_only=True)
class Series:
    """One quantity of one node."""

    site: str
    node: str
    quantity: str


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """What one batch brought to one series: its trusted points in order, at least one, and whether some of its readings
    were stored before, perhaps with another value: then only the stored ones count."""

    series: Series
    points: Sequence[Point]
    stored_before: bool


@dataclass(frozen=True, kw_only=True)
class Started:
    """An episode that has just been found."""

    id: str
    rule: Rule
    series: Series
    confirmed: Point
    held_s: float
    started_at: datetime


def follow(connection: Connection, needs: Needs, arrivals: Sequence[Arrivals], now: datetime) -> list[Started]:
    """Brings every need that watches these series up to date; the episodes that are new."""
    watched = [(arrival, rule) for arrival in arrivals for rule in needs.by_quantity.get(arrival.series.quantity, ())]
    stored = _load_states(connection, {arrival.series for arrival, _ in watched})
    states: list[dict[str, Any]] = []
    started: list[Started] = []
    for arrival, rule in watched:
        follower = _Follower(connection, rule, arrival.series, now)
        state, found = follower.take(arrival, stored.get((*follower.key.values(), rule_version(rule))))
        started += found
        if state is not None:
            states.append({**follower.key, "rule": rule_version(rule), "state": vars(state)})
    if states:
        connection.execute(db.insert_or_update(connection, tables.rule_states, ("rule", "state")), states)
    return started


def _load_states(connection: Connection, series: set[Series]) -> dict[tuple[str, ...], State]:
    """By need, site, node and the rule's version."""
    table = tables.rule_states.c
    nodes = sorted({(one.site, one.node) for one in series})
    rows = connection.execute(select(tables.rule_states).where(tuple_(table.site, table.node).in_(nodes)))
    return {(row.need, row.site, row.node, row.rule): _state(row.state) for row in rows}


def _state(fields: dict[str, Any]) -> State:
    return State(**(fields | {"phase": Phase(fields["phase"])}))


class _Follower:
    """One need on one node, during one transaction."""

    def __init__(self, connection: Connection, rule: Rule, series: Series, now: datetime) -> None:
        self._connection = connection
        self._rule = rule
        self._series = series
        self._now = now
        self.key = {"need": rule.need, "site": series.site, "node": series.node}

    def take(self, arrival: Arrivals, state: State | None) -> tuple[State | None, list[Started]]:
        """state: where the need stands by the rule as it is now, None where that is not known. The state afterwards,
        None where it is the same, and the episodes that are new."""
        if state is None or arrival.stored_before or not _in_order(state, arrival.points):
            return self._replay(arrival.points[0].at_ms, arrival.points[-1].at_ms, known=state is not None)
        course = run(self._rule, state, arrival.points)
        started = self._settle(course, since_ms=_last_ms(state)) if course.spans else []
        return course.state, started

    def _replay(self, first_ms: int, last_ms: int, *, known: bool) -> tuple[State | None, list[Started]]:
        """known: what is stored fits the rule as it is now, so that only a part of the course runs again."""
        idle = self._idle_before(first_ms)
        state = State() if idle is None else State(last_at=idle.at)
        since_ms = None if idle is None else idle.at_ms
        course = run(self._rule, state, self._points_after(since_ms), last_ms if known else None)
        return course.state if course.until_ms is None else None, self._settle(course, since_ms=since_ms)

    def _settle(self, course: Course, *, since_ms: int | None) -> list[Started]:
        """Makes the stored episodes, as far as the course reaches, those of the course."""
        rows = self._stored_episodes(since_ms, course.until_ms)
        before = {row["id"]: row for row in rows}
        result = reconcile([_known(row) for row in rows], course.spans)
        started = []
        for id_, span in result.spans:
            if id_ is None:
                started.append(self._insert(span))
            else:
                self._update(before[id_], span)
        for id_ in result.gone:
            self._let_go(before[id_], since_ms)
        return started

    def _stored_episodes(self, since_ms: int | None, until_ms: int | None) -> Sequence[RowMapping]:
        table = tables.episodes
        conditions = self._is_mine(table)
        if since_ms is not None:
            since = db.from_ms(since_ms)
            conditions.append((table.c.ended_at > since) | table.c.ended_at.is_(None))
        if until_ms is not None:
            conditions.append(table.c.started_at <= db.from_ms(until_ms))
        return self._connection.execute(select(table).where(*conditions)).mappings().all()

    def _insert(self, span: Span) -> Started:
        if span.confirmed is None or span.held_s is None:
            raise RuntimeError(f"{self.key}: the state knows an episode since {span.started_ms} that is not stored")
        row = {
            "id": str(uuid.uuid4()),
            **self.key,
            "quantity": self._series.quantity,
            "started_at": db.from_ms(span.started_ms),
            "withdrawn": False,
            **_changing(span),
        }
        self._connection.execute(insert(tables.episodes), row)
        self._tell("started", row)
        if span.ended_ms is not None:
            self._tell("ended", row)
        return Started(
            id=row["id"],
            rule=self._rule,
            series=self._series,
            confirmed=span.confirmed,
            held_s=span.held_s,
            started_at=row["started_at"],
        )

    def _update(self, before: RowMapping, span: Span) -> None:
        after = {"started_at": db.from_ms(span.started_ms), "withdrawn": False, **_changing(span)}
        if all(before[name] == value for name, value in after.items()):
            return
        self._connection.execute(update(tables.episodes).where(tables.episodes.c.id == before["id"]).values(after))
        event = _EVENTS.get((_standing({**before}), _standing(after)))
        if event is not None:
            self._tell(event, {**before, **after})

    def _let_go(self, before: RowMapping, since_ms: int | None) -> None:
        """Kept as a row: decisions and pushes point to it. What began before the course ended there at the latest: that
        is an episode of an older rule."""
        since = None if since_ms is None else db.from_ms(since_ms)
        if since is not None and before["started_at"] < since:
            event, values = "ended", {"open": False, "ended_at": max(since, before["confirmed_at"])}
        else:
            ended_at = before["ended_at"] or before["confirmed_at"]
            event, values = "withdrawn", {"open": False, "ended_at": ended_at, "withdrawn": True}
        self._connection.execute(update(tables.episodes).where(tables.episodes.c.id == before["id"]).values(values))
        self._tell(event, {**before, **values})

    def _tell(self, event: str, row: Mapping[str, Any]) -> None:
        entry = feed.Entry(kind="episode", text=_TEXTS[event].format_map(row), fields=_fields(event, row))
        feed.append(self._connection, [entry], self._now)

    def _is_mine(self, table: Any) -> list[ColumnElement[bool]]:
        return [table.c[name] == value for name, value in self.key.items()]

    def _idle_before(self, at_ms: int) -> Point | None:
        """The latest stored point before at_ms at which the need was surely idle."""
        size = CHUNK
        while True:
            points = self._points_before(at_ms, size)
            whole = len(points) < size
            # The oldest instant of a part may have more points than were read.
            reliable = points if whole else [point for point in points if point.at_ms > points[0].at_ms]
            idle = idle_before(self._rule, reliable)
            if idle is not None or whole:
                return idle
            size *= 4

    def _points_before(self, at_ms: int, size: int) -> list[Point]:
        query = _points(self._series).where(at_ms > _MEASURED_MS)
        newest_first = query.order_by(*(column.desc() for column in _ORDER)).limit(size)
        return [Point(*row) for row in reversed(_floats(self._connection.execute(newest_first).all()))]

    def _points_after(self, at_ms: int | None) -> Iterator[Point]:
        """Stored points in order, read in parts."""
        after = -1 if at_ms is None else at_ms
        while True:
            query = _points(self._series).where(after < _MEASURED_MS).order_by(*_ORDER).limit(CHUNK)
            points = [Point(*row) for row in _floats(self._connection.execute(query).all())]
            yield from points
            if len(points) < CHUNK:
                return
            # Points of this last instant that were not read would not count: the first of an instant does.
            after = points[-1].at_ms


_R = tables.readings.c
_MEASURED_MS = type_coerce(_R.measured_at, BigInteger)
_ORDER = (_R.measured_at, _R.installation, _R.boot, _R.sequence)


def _points(series: Series) -> Any:
    columns = (_MEASURED_MS, _R.installation, _R.boot, _R.sequence, _R.value, _R.scale)
    mine = (_R.site == series.site, _R.node == series.node, _R.quantity == series.quantity, _R.flag == "OK")
    return select(*columns).where(*mine)


def _floats(rows: Sequence[Any]) -> list[tuple[int, int, int, int, float]]:
    return [(at_ms, i, b, s, value / scale) for at_ms, i, b, s, value, scale in rows]


def _in_order(state: State, points: Sequence[Point]) -> bool:
    return state.last_at is None or points[0].at > state.last_at


def _last_ms(state: State) -> int | None:
    return None if state.last_at is None else round(state.last_at * 1000)


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
    "started": "{need} began in {node} ({site})",
    "ended": "{need} ended in {node} ({site})",
    "reopened": "{need} in {node} ({site}) stands again: readings that came late fill it in",
    "withdrawn": "{need} in {node} ({site}) never was: readings that came late interrupt it",
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
