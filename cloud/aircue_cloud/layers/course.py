"""The course of one need on one node: which episodes a run of readings holds. Pure.

Readings arrive in any order. What comes in order is stepped through at once. What comes late makes a part of the course
run again from the stored readings: from the last reading before the late ones at which the need was surely idle, to the
first one behind them at which it surely is again. Surely idle is what stands at the end of a run of readings, all of
them back past exit, that lasts keep_s without counting gaps: whatever the state before it, it is IDLE then.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from aircue_gateway.episodes import Change, Phase, Rule, State, step

ACTIVE = (Phase.FIRING, Phase.RECOVERING)


class Point(NamedTuple):
    """A trusted reading. Points sort by time, those of one instant by the reading's key; of these the first counts."""

    at_ms: int
    installation: int
    boot: int
    sequence: int
    value: float

    @property
    def at(self) -> float:
        return self.at_ms / 1000


class PointColumns(Sequence[Point]):
    """Points in order that lie in columns of their names; each is made only where it is asked for."""

    def __init__(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns["measured_at"])

    @overload
    def __getitem__(self, place: int) -> Point: ...
    @overload
    def __getitem__(self, place: slice) -> list[Point]: ...
    def __getitem__(self, place: int | slice) -> Point | list[Point]:
        if isinstance(place, slice):
            return list(self)[place]
        return Point(*(self.columns[name][place].item() for name in _NAMES))

    def __iter__(self) -> Iterator[Point]:
        return map(Point, *(self.columns[name].tolist() for name in _NAMES))


_NAMES = ("measured_at", "installation", "boot", "sequence", "value")


@dataclass(frozen=True, kw_only=True)
class Span:
    """One episode as a course shows it. confirmed, held_s: the reading that completed the dwell and how long the need
    had held by then; None where that was before the course's first reading. ended_ms: None while it lasts."""

    started_ms: int
    confirmed: Point | None
    held_s: float | None
    ended_ms: int | None
    peak: float


@dataclass(frozen=True, kw_only=True)
class Course:
    """until_ms: where a partial course met what was known before; None where it ran to the last reading."""

    state: State
    spans: tuple[Span, ...]
    until_ms: int | None = None


def run(rule: Rule, state: State, points: Iterable[Point], settled_after_ms: int | None = None) -> Course:
    """Steps through points, which are in order. With settled_after_ms it stops at the first point behind that instant
    at which the need is surely idle."""
    spans: list[Span] = []
    current = _ongoing(state)
    calm = _Calm(rule)
    for point in points:
        before = state
        state, change = step(rule, state, point.at, point.value)
        if state is before:
            continue
        if change is Change.ENDED and current is not None:
            spans.append(replace(current, ended_ms=point.at_ms))
        current = _current(current, state, point)
        if settled_after_ms is not None and point.at_ms > settled_after_ms and calm.reached(point):
            return Course(state=state, spans=tuple(spans), until_ms=point.at_ms)
    return Course(state=state, spans=tuple(spans if current is None else [*spans, current]))


def lapsed(rule: Rule, course: Course, now_ms: int) -> Course:
    """With an episode that nothing was told of for longer than max_gap_s ended by then."""
    if course.until_ms is not None or course.state.last_at is None or not course.spans:
        return course
    *before, last = course.spans
    ends_ms = _ms(course.state.last_at + rule.max_gap_s)
    if last.ended_ms is not None or now_ms <= ends_ms:
        return course
    return replace(course, spans=(*before, replace(last, ended_ms=ends_ms)))


def leap(rule: Rule, state: State, points: PointColumns) -> State | None:
    """Where run would end, without a step for each point: for points that leave an idle need idle, or one that fires
    firing. None for all others."""
    at_ms, values = points.columns["measured_at"], points.columns["value"]
    at = at_ms / 1000
    if state.last_at is None or at[0] <= state.last_at or np.any(at_ms[1:] <= at_ms[:-1]):
        return None
    low, high = float(values.min()), float(values.max())
    if state.phase is Phase.IDLE and state.armed and not (rule.holds(low) or rule.holds(high)):
        return State(last_at=float(at[-1]))
    if state.phase is Phase.FIRING and not (rule.cleared(low) or rule.cleared(high)):
        return _fired_on(rule, state, state.last_at, at, high if rule.direction == "above" else low)
    return None


def _fired_on(rule: Rule, state: State, last_at: float, at: npt.NDArray[np.float64], furthest: float) -> State | None:
    """Sums in the order in which the steps would, so that the last digit is the same."""
    gaps = np.diff(at, prepend=last_at)
    if rule.on_missing == "reset" and np.any(gaps > rule.max_gap_s):
        return None
    counted = gaps if rule.on_missing == "fire" else np.where(gaps <= rule.max_gap_s, gaps, 0.0)
    further = max if rule.direction == "above" else min
    return State(
        phase=Phase.FIRING,
        since=state.since,
        held_s=float(np.add.accumulate(np.r_[state.held_s, counted])[-1]),
        last_at=float(at[-1]),
        peak=furthest if state.peak is None else further(state.peak, furthest),
    )


def _ongoing(state: State) -> Span | None:
    """The episode that a course begins in the midst of."""
    if state.phase not in ACTIVE or state.since is None or state.peak is None:
        return None
    return Span(started_ms=_ms(state.since), confirmed=None, held_s=None, ended_ms=None, peak=state.peak)


def _current(current: Span | None, state: State, point: Point) -> Span | None:
    """The episode that lasts after point has led to state."""
    ongoing = _ongoing(state)
    if ongoing is None:
        return None
    if current is None:
        return replace(ongoing, confirmed=point, held_s=state.held_s)
    return current if current.peak == ongoing.peak else replace(current, peak=ongoing.peak)


def _ms(at: float) -> int:
    return round(at * 1000)


class _Calm:
    """Tells when a run of cleared readings has lasted keep_s. Fed in order of time, or against it."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._calm_s = 0.0
        self._last: Point | None = None

    def reached(self, point: Point) -> bool:
        if not self._rule.cleared(point.value):
            self._last = None
            return False
        gap = 0.0 if self._last is None else abs(point.at - self._last.at)
        whole = gap <= self._rule.max_gap_s
        begins = self._last is None or (not whole and self._rule.on_missing == "reset")
        self._calm_s = 0.0 if begins else self._calm_s + (gap if whole else 0.0)
        self._last = point
        return self._calm_s >= self._rule.keep_s


def idle_before(rule: Rule, points: Sequence[Point]) -> Point | None:
    """The latest of points, which are in order, at which the need was surely idle; None where there is no such."""
    calm = _Calm(rule)
    end: Point | None = None
    for point in reversed(list(firsts(points))):
        if not rule.cleared(point.value):
            end = None
        elif end is None:
            end = point
        if calm.reached(point):
            return end
    return None


def firsts(points: Iterable[Point]) -> Iterator[Point]:
    """The points that count: the first of each instant."""
    last_ms: int | None = None
    for point in points:
        if point.at_ms != last_ms:
            yield point
        last_ms = point.at_ms


@dataclass(frozen=True, kw_only=True)
class Known:
    """An episode that is stored already."""

    id: str
    started_ms: int
    ended_ms: int | None
    withdrawn: bool


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """spans: each with the id of the stored episode it is, None where it is new. gone: ids that no span has."""

    spans: tuple[tuple[str | None, Span], ...]
    gone: tuple[str, ...]


def reconcile(known: Sequence[Known], spans: Sequence[Span]) -> Reconciled:
    """A span is the earliest stored episode that overlaps it and that no span before it is."""
    left = sorted(known, key=lambda episode: (episode.withdrawn, episode.started_ms, episode.id))
    matched: list[tuple[str | None, Span]] = []
    for span in spans:
        found = next((episode for episode in left if _overlap(episode, span)), None)
        if found is not None:
            left.remove(found)
        matched.append((None if found is None else found.id, span))
    return Reconciled(spans=tuple(matched), gone=tuple(episode.id for episode in left if not episode.withdrawn))


def _overlap(episode: Known, span: Span) -> bool:
    starts_in_time = span.ended_ms is None or episode.started_ms <= span.ended_ms
    return starts_in_time and (episode.ended_ms is None or span.started_ms <= episode.ended_ms)
