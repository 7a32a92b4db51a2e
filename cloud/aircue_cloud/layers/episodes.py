"""Keeps episodes and the state of every need in step with the readings stored, within the caller's transaction.

A need that is idle has no state of its own: it has been idle since the latest trusted reading of its series.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, tuple_, update

from aircue_cloud import bulk, db, feed, tables
from aircue_cloud.layers.course import Course, Known, Point, PointColumns, Span, idle_before, leap, reconcile, run
from aircue_cloud.needs.needs import Needs, rule_version
from aircue_gateway.episodes import Phase, Rule, State

CHUNK = 512


@dataclass(frozen=True, kw_only=True)
class Series:
    """One quantity of one node."""

    site: str
    node: str
    quantity: str


class History(Protocol):
    """The trusted points of each series, in order, those included that have just arrived."""

    def before(self, series: Series, at_ms: int, size: int) -> list[Point]:
        """The latest of them before an instant, at most size."""

    def after(self, series: Series, at_ms: int) -> Iterable[Point]: ...


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """What came to one series: its trusted points in order, at least one, and those whose flag has changed.

    followed_ms: the latest point that was followed before, by the rules as they are now; None where there was none.
    again: some were there before and are others now.
    """

    series: Series
    points: Sequence[Point]
    followed_ms: int | None
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Started:
    """An episode that has just been found."""

    id: str
    rule: Rule
    series: Series
    confirmed: Point
    held_s: float
    started_at: datetime


def rules_version(needs: Needs, quantity: str) -> str:
    """Stands for all rules that watch a quantity."""
    return ".".join(rule_version(rule) for rule in needs.by_quantity.get(quantity, ()))


Key = tuple[str, str, str]  # need, site, node


def follow(
    connection: Connection,
    needs: Needs,
    arrivals: Sequence[Arrivals],
    history: History,
    now: datetime,
    active: set[Key] | None = None,
) -> list[Started]:
    """Brings every need that watches these series up to date; the episodes that are new. active: every need that is not
    idle, where the caller knows them; brought up to date as well."""
    watched = [(arrival, rule) for arrival in arrivals for rule in needs.by_quantity.get(arrival.series.quantity, ())]
    nodes = {(arrival.series.site, arrival.series.node) for arrival, _ in watched}
    stored = _load_states(connection, nodes if active is None else nodes & {key[1:] for key in active})
    states: list[dict[str, Any]] = []
    started: list[Started] = []
    leapt: list[tuple[_Follower, Arrivals, State, State]] = []
    for arrival, rule in watched:
        follower = _Follower(connection, rule, arrival.series, history, now)
        before = _standing_of(stored, follower.key, rule, arrival)
        state = _leapt(rule, before, arrival)
        if state is not None and before is not None:
            leapt.append((follower, arrival, before, state))
        else:
            state, found = follower.take(arrival, before)
            started += found
        if state is not None:
            states.append({**follower.key, "rule": rule_version(rule), "state": vars(state)})
    started += _raise_peaks(connection, [one for one in leapt if one[2].peak != one[3].peak])
    _store_states(connection, states, stored)
    _note_active(active, states)
    return started


def _leapt(rule: Rule, state: State | None, arrival: Arrivals) -> State | None:
    if state is None or arrival.again or not isinstance(arrival.points, PointColumns):
        return None
    return leap(rule, state, arrival.points)


def _raise_peaks(connection: Connection, higher: Sequence[tuple["_Follower", Arrivals, State, State]]) -> list[Started]:
    """Episodes that went on, and further. Where one of them is not stored as its state says, each course settles it."""
    rows = [
        {"peak": state.peak, **follower.key, "started_at": round((state.since or 0.0) * 1000), "open": True}
        for follower, _, _, state in higher
    ]
    if bulk.update(connection, tables.episodes, rows, ("need", "site", "node", "started_at", "open")) == len(rows):
        return []
    return [new for follower, arrival, before, _ in higher for new in follower.take(arrival, before)[1]]


def _note_active(active: set[Key] | None, states: Sequence[Mapping[str, Any]]) -> None:
    if active is None:
        return
    for row in states:
        key = row["need"], row["site"], row["node"]
        if row["state"]["phase"] is Phase.IDLE:
            active.discard(key)
        else:
            active.add(key)


def active_needs(connection: Connection) -> set[Key]:
    """Every need that is not idle."""
    table = tables.rule_states.c
    return {(row.need, row.site, row.node) for row in connection.execute(select(table.need, table.site, table.node))}


def _load_states(connection: Connection, of: Iterable[tuple[str, str]]) -> dict[Key, tuple[str, State]]:
    """Those of these sites' nodes that are not idle, and the version of the rule they stand by."""
    table = tables.rule_states.c
    nodes = sorted(of)
    found: dict[Key, tuple[str, State]] = {}
    for first in range(0, len(nodes), CHUNK):
        some = tuple_(table.site, table.node).in_(nodes[first : first + CHUNK])
        for row in connection.execute(select(tables.rule_states).where(some)):
            found[row.need, row.site, row.node] = row.rule, _state(row.state)
    return found


def _standing_of(
    stored: Mapping[Key, tuple[str, State]], key: Mapping[str, str], rule: Rule, arrival: Arrivals
) -> State | None:
    """None where it is not known by the rule as it is now."""
    version, state = stored.get((key["need"], key["site"], key["node"]), ("", None))
    if state is not None:
        return state if version == rule_version(rule) else None
    return None if arrival.followed_ms is None else State(last_at=arrival.followed_ms / 1000)


def _store_states(
    connection: Connection, states: Sequence[dict[str, Any]], stored: Mapping[Key, tuple[str, State]]
) -> None:
    idle = [row for row in states if row["state"]["phase"] is Phase.IDLE]
    active = [row for row in states if row["state"]["phase"] is not Phase.IDLE]
    bulk.insert_or_merge(connection, tables.rule_states, active, {"rule": "take", "state": "take"})
    table = tables.rule_states.c
    for row in idle:
        if (row["need"], row["site"], row["node"]) in stored:
            mine = [table[name] == row[name] for name in ("need", "site", "node")]
            connection.execute(delete(tables.rule_states).where(*mine))


def _state(fields: dict[str, Any]) -> State:
    return State(**(fields | {"phase": Phase(fields["phase"])}))


class _Follower:
    """One need on one node, during one transaction."""

    def __init__(self, connection: Connection, rule: Rule, series: Series, history: History, now: datetime) -> None:
        self._connection = connection
        self._rule = rule
        self._series = series
        self._history = history
        self._now = now
        self.key = {"need": rule.need, "site": series.site, "node": series.node}

    def take(self, arrival: Arrivals, state: State | None) -> tuple[State | None, list[Started]]:
        """state: where the need stands by the rule as it is now, None where that is not known. The state afterwards,
        None where it is the same, and the episodes that are new."""
        if state is None or arrival.again or not _in_order(state, arrival.points):
            return self._replay(arrival.points[0].at_ms, arrival.points[-1].at_ms, known=state is not None)
        course = run(self._rule, state, arrival.points)
        started = self._settle(course, since_ms=_last_ms(state)) if course.spans else []
        return course.state, started

    def _replay(self, first_ms: int, last_ms: int, *, known: bool) -> tuple[State | None, list[Started]]:
        """known: what is stored fits the rule as it is now, so that only a part of the course runs again."""
        idle = self._idle_before(first_ms)
        state = State() if idle is None else State(last_at=idle.at)
        since_ms = None if idle is None else idle.at_ms
        points = self._history.after(self._series, -1 if since_ms is None else since_ms)
        course = run(self._rule, state, points, last_ms if known else None)
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
            points = self._history.before(self._series, at_ms, size)
            whole = len(points) < size
            # The oldest instant of a part may have more points than were read.
            reliable = points if whole else [point for point in points if point.at_ms > points[0].at_ms]
            idle = idle_before(self._rule, reliable)
            if idle is not None or whole:
                return idle
            size *= 4


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
