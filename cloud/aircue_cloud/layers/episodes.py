"""Keeps episodes and the state of every need in step with the readings stored, within the caller's transaction.

A need that is idle has no state of its own: it has been idle since the latest trusted reading of its series.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, delete, select, tuple_

from aircue_cloud import bulk, tables
from aircue_cloud.layers import settling
from aircue_cloud.layers.course import Course, Point, PointColumns, idle_before, lapsed, leap, run
from aircue_cloud.layers.settling import Found, Key, Series, Started
from aircue_cloud.needs.needs import Needs, rule_version
from aircue_gateway.episodes import Phase, Rule, State

CHUNK = 512


class History(Protocol):
    """The trusted points of each series, in order, those included that have just arrived."""

    def before(self, series: Series, at_ms: int, size: int) -> list[Point]:
        """The latest of them before an instant, at most size."""

    def after(self, series: Series, at_ms: int) -> Iterable[Point]: ...


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """What came to one series: its trusted points in order, at least one, and those whose flag has changed.

    followed_ms: the latest point that was followed before, by the rules as they are now; None where there was none.
    again: some were there before and are others now. new: nothing was there before; these are all. lapses_ms: now,
    where an episode ends that nothing was told of for max_gap_s; None where it waits, since a node may still hold what
    it measured.
    """

    series: Series
    points: Sequence[Point]
    followed_ms: int | None
    again: bool = False
    new: bool = False
    lapses_ms: int | None = None


def rules_version(needs: Needs, quantity: str) -> str:
    """Stands for all rules that watch a quantity."""
    return ".".join(rule_version(rule) for rule in needs.by_quantity.get(quantity, ()))


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
    found: list[Found] = []
    leapt: list[tuple[_Follower, Arrivals, State, State]] = []
    for arrival, rule in watched:
        follower = _Follower(rule, arrival.series, history)
        before = _standing_of(stored, follower.key, rule, arrival)
        state = _leapt(rule, before, arrival)
        if state is not None and before is not None:
            leapt.append((follower, arrival, before, state))
        else:
            state, course = follower.take(arrival, before)
            found += [] if course is None else [course]
        if state is not None:
            states.append({**_named(follower.key), "rule": rule_version(rule), "state": vars(state)})
    found += _raise_peaks(connection, [one for one in leapt if one[2].peak != one[3].peak])
    started = settling.settle(connection, found, now)
    _store_states(connection, states, stored)
    _note_active(active, states)
    return started


def _named(key: Key) -> dict[str, str]:
    return dict(zip(("need", "site", "node"), key, strict=True))


def _leapt(rule: Rule, state: State | None, arrival: Arrivals) -> State | None:
    if state is None or arrival.again or not isinstance(arrival.points, PointColumns):
        return None
    return leap(rule, state, arrival.points)


def _raise_peaks(connection: Connection, higher: Sequence[tuple["_Follower", Arrivals, State, State]]) -> list[Found]:
    """Episodes that went on, and further. Where one of them is not stored as its state says, each course settles it."""
    rows = [
        {"peak": state.peak, **_named(follower.key), "started_at": round((state.since or 0.0) * 1000), "open": True}
        for follower, _, _, state in higher
    ]
    if bulk.update(connection, tables.episodes, rows, ("need", "site", "node", "started_at", "open")) == len(rows):
        return []
    courses = [follower.take(arrival, before)[1] for follower, arrival, before, _ in higher]
    return [course for course in courses if course is not None]


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


def _standing_of(stored: Mapping[Key, tuple[str, State]], key: Key, rule: Rule, arrival: Arrivals) -> State | None:
    """None where it is not known by the rule as it is now."""
    version, state = stored.get(key, ("", None))
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
    """One need on one node."""

    def __init__(self, rule: Rule, series: Series, history: History) -> None:
        self._rule = rule
        self._series = series
        self._history = history
        self.key: Key = (rule.need, series.site, series.node)

    def take(self, arrival: Arrivals, state: State | None) -> tuple[State | None, Found | None]:
        """state: where the need stands by the rule as it is now, None where that is not known. The state afterwards,
        None where it is the same, and the course that is to be settled, None where it holds no episode."""
        state, found = self._taken(arrival, state)
        if found is None or arrival.lapses_ms is None:
            return state, found
        return state, replace(found, course=lapsed(self._rule, found.course, arrival.lapses_ms))

    def _taken(self, arrival: Arrivals, state: State | None) -> tuple[State | None, Found | None]:
        if arrival.new and state is None:
            course = run(self._rule, State(), arrival.points)
            return course.state, self._found(course, None)
        if state is None or arrival.again or not _in_order(state, arrival.points):
            return self._replay(arrival.points[0].at_ms, arrival.points[-1].at_ms, known=state is not None)
        course = run(self._rule, state, arrival.points)
        return course.state, self._found(course, _last_ms(state)) if course.spans else None

    def _found(self, course: Course, since_ms: int | None) -> Found:
        return Found(rule=self._rule, series=self._series, course=course, since_ms=since_ms)

    def _replay(self, first_ms: int, last_ms: int, *, known: bool) -> tuple[State | None, Found]:
        """known: what is stored fits the rule as it is now, so that only a part of the course runs again."""
        idle = self._idle_before(first_ms)
        state = State() if idle is None else State(last_at=idle.at)
        since_ms = None if idle is None else idle.at_ms
        points = self._history.after(self._series, -1 if since_ms is None else since_ms)
        course = run(self._rule, state, points, last_ms if known else None)
        return course.state if course.until_ms is None else None, self._found(course, since_ms)

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
