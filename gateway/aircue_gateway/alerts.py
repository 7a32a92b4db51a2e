"""Episodes at the edge: the cloud's rules, run on trusted values, so that a change of phase is sent at once.

The cloud's own run of the same rules decides; this one makes a batch leave early and tells Home Assistant.
"""

import json
import math
import uuid
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

from aircue_gateway.episodes import Change, Phase, Rule, State, fresh, rewound, step

Key = tuple[str, str]  # need, node

_ACTIVE = (Phase.FIRING, Phase.RECOVERING)
_MOST_RECENT = 4096


class RulesError(ValueError):
    """Rules that this gateway cannot run; the text says which field of which need."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """version: the cloud's name for this set."""

    version: str
    rules: tuple[Rule, ...]


NO_RULES = Rules(version="", rules=())


class Episode(NamedTuple):
    """ended: None while it lasts. Times are epoch seconds of event time."""

    id: str
    started: float
    ended: float | None

    def overlaps(self, started: float, ended: float | None) -> bool:
        begins_in_time = ended is None or self.started <= ended
        return begins_in_time and (self.ended is None or started <= self.ended)


@dataclass(frozen=True, kw_only=True)
class Standing(State):
    """A state with what a restart must not lose: the episodes that late readings could still touch, the last of them
    perhaps going on; and, where the rule allows for late readings, those of the last lateness_s with the state before
    them."""

    episodes: tuple[Episode, ...] = ()
    recent: tuple[tuple[float, float], ...] = ()
    before: State | None = None

    @property
    def episode(self) -> Episode | None:
        """The one that lasts."""
        return self.episodes[-1] if self.episodes and self.episodes[-1].ended is None else None


@dataclass
class _Course:
    """One rule on one node."""

    state: State
    episodes: list[Episode] = field(default_factory=list)
    recent: list[tuple[float, float]] = field(default_factory=list)
    before: State | None = None

    def standing(self) -> Standing:
        return Standing(
            **vars(self.state), episodes=tuple(self.episodes), recent=tuple(self.recent), before=self.before
        )


class Series:
    """One quantity of one node, with the rules on it and where they stand. It stays the same object as long as its
    Alerts, so that whoever feeds it may keep it.

    As long as all of them are idle, a value from low to high changes nothing but the time of the last reading: it is
    noted here alone (at), and brought into their states when somebody asks for them (moved says whether that is due).
    Otherwise no value lies between low and high. rows: None until a value asks for them.
    """

    __slots__ = ("_alerts", "at", "high", "low", "moved", "node", "quantity", "rows")

    def __init__(self, alerts: "Alerts", node: str, quantity: str) -> None:
        self._alerts = alerts
        self.node = node
        self.quantity = quantity
        self.moved = False
        self.anew()

    def anew(self) -> None:
        """Other rules hold."""
        self.rows: list[tuple[Rule, Key, _Course]] | None = None
        self.low, self.high, self.at = math.inf, -math.inf, -math.inf

    def hear(self, at: float, value: float) -> bool:
        """Feeds a trusted value; whether it changed the phase of a need."""
        if self.low <= value <= self.high and at > self.at:
            self.at = at
            if not self.moved:
                self.moved = True
                self._alerts.settle_later(self)
            return False
        return bool(self._alerts.run(self, at, value))


class Alerts:
    """Where every rule stands on every node. draw: the id of a new episode. told: called with (node, quantity, at,
    value, need, change) of each change. deaf: what is fed goes past the rules."""

    def __init__(
        self,
        rules: Rules,
        states: Mapping[Key, State],
        draw: Callable[[], str] = lambda: str(uuid.uuid4()),
        told: Callable[[str, str, float, float, str, Change], None] = lambda *_: None,
    ) -> None:
        self._courses = {key: _course(state) for key, state in states.items()}
        self._by_quantity: dict[str, list[Rule]] = {}
        self._single: frozenset[str] = frozenset()
        self._series: dict[tuple[str, str], Series] = {}
        self._moved: list[Series] = []
        self._touched: set[Key] = set()
        self._draw = draw
        self._told = told
        self.deaf = False
        self.version = ""
        self.replace(rules)

    def replace(self, rules: Rules) -> None:
        """Other rules from now on. A need that stays keeps its state: its episode goes on under the new thresholds,
        and under its id."""
        self._settle_all()
        for series in self._series.values():
            series.anew()
        self.version = rules.version
        self._by_quantity = {}
        for rule in rules.rules:
            self._by_quantity.setdefault(rule.quantity, []).append(rule)
        needs = Counter(rule.need for rule in rules.rules)
        self._single = frozenset(need for need, count in needs.items() if count == 1)

    def series(self, node: str, quantity: str) -> Series:
        """Where the values of this quantity of this node go."""
        found = self._series.get((node, quantity))
        if found is None:
            found = self._series[node, quantity] = Series(self, node, quantity)
        return found

    def update(self, node: str, quantity: str, at: float, value: float) -> list[tuple[str, Change]]:
        """Feeds a trusted value; the needs whose phase it changed, and how. at: epoch seconds of event time."""
        series = self.series(node, quantity)
        if series.low <= value <= series.high and at > series.at:
            series.hear(at, value)
            return []
        return self.run(series, at, value)

    def settle_later(self, series: Series) -> None:
        self._moved.append(series)

    def run(self, series: Series, at: float, value: float) -> list[tuple[str, Change]]:
        """Every rule of the series, one by one."""
        if self.deaf:
            return []
        self._settle(series)
        rows = self._rows(series)
        steps = [(key[0], self._step(rule, key, course, at, value)) for rule, key, course in rows]
        self._calm(series, rows)
        changes = [(need, change) for need, change in steps if change is not None]
        for need, change in changes:
            self._told(series.node, series.quantity, at, value, need, change)
        return changes

    def _rows(self, series: Series) -> list[tuple[Rule, Key, _Course]]:
        if series.rows is None:
            rules = self._by_quantity.get(series.quantity, ())
            keys = [(rule.need, series.node) for rule in rules]
            courses = [
                self._courses.setdefault(key, _Course(fresh(rule))) for rule, key in zip(rules, keys, strict=True)
            ]
            series.rows = list(zip(rules, keys, courses, strict=True))
        return series.rows

    def _calm(self, series: Series, rows: list[tuple[Rule, Key, _Course]]) -> None:
        """Sets low and high. Rules that reckon with late readings need each one, and so does a state of two rules."""
        series.low, series.high = math.inf, -math.inf
        for rule, (need, _), course in rows:
            if course.state.phase is not Phase.IDLE or rule.lateness_s or need not in self._single:
                return
        last_at = rows[0][2].state.last_at if rows else None
        idle = State(last_at=last_at)
        if rows and (last_at is None or any(course.state != idle for *_, course in rows)):
            return
        series.at = -math.inf if last_at is None else last_at
        series.low = max((one.enter for one, *_ in rows if one.direction == "below"), default=-math.inf)
        series.high = min((one.enter for one, *_ in rows if one.direction == "above"), default=math.inf)

    def _settle(self, series: Series) -> None:
        """Brings the time of the last reading into the states."""
        if series.moved:
            series.moved = False
            for _, key, course in series.rows or ():
                course.state = State(last_at=series.at)
                self._touched.add(key)

    def _settle_all(self) -> None:
        for series in self._moved:
            self._settle(series)
        self._moved.clear()

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rules in self._by_quantity.values() for rule in rules)

    def watches(self, quantity: str) -> bool:
        return quantity in self._by_quantity

    def rewind(self, node: str, at: float) -> None:
        """The node's clock was set back to `at`: its rules go on from there instead of waiting for the old time."""
        self._settle_all()
        for (other, _), series in self._series.items():
            if other == node:
                series.low, series.high = math.inf, -math.inf
        for key, course in self._courses.items():
            state = rewound(course.state, at)
            if key[1] == node and state is not course.state:
                course.state, course.before = state, None
                course.recent.clear()
                self._touched.add(key)

    def take(self) -> dict[Key, State]:
        """What moved since this was asked last, as it is to be stored."""
        self._settle_all()
        moved: dict[Key, State] = {key: self._courses[key].standing() for key in self._touched}
        self._touched.clear()
        return moved

    def _step(self, rule: Rule, key: Key, course: _Course, at: float, value: float) -> Change | None:
        before = course.state
        if before.last_at is not None and at <= before.last_at:
            return self._late(rule, key, course, at, value) if rule.lateness_s else None
        course.state, change = step(rule, before, at, value)
        self._touched.add(key)
        if rule.lateness_s:
            _remember(rule, course, before, at, value)
        if change is Change.STARTED:
            self._begin(rule, course)
        elif change is Change.ENDED:
            course.episodes[-1:] = [one._replace(ended=at) for one in course.episodes[-1:]]
        return change

    def _begin(self, rule: Rule, course: _Course) -> None:
        """Keeps of the older episodes only those a late reading could still touch."""
        since = course.state.since
        assert since is not None
        oldest = since - rule.lateness_s
        kept = [one for one in course.episodes if one.ended is not None and rule.lateness_s and one.ended >= oldest]
        course.episodes = [*kept, Episode(self._draw(), since, None)]

    def _late(self, rule: Rule, key: Key, course: _Course, at: float, value: float) -> Change | None:
        """Counts a late reading in by running the recent ones again; the episodes that stay keep their ids."""
        index = bisect_left(course.recent, (at,))
        taken = index < len(course.recent) and course.recent[index][0] == at
        last_at = course.state.last_at
        too_old = last_at is None or at < last_at - rule.lateness_s or course.before is None
        if taken or too_old or (course.before is not None and at <= (course.before.last_at or -1.0)):
            return None
        insort(course.recent, (at, value))
        was_active = course.state.phase in _ACTIVE
        self._replay(rule, course)
        self._touched.add(key)
        is_active = course.state.phase in _ACTIVE
        if was_active is is_active:
            return None
        return Change.STARTED if is_active else Change.ENDED

    def _replay(self, rule: Rule, course: _Course) -> None:
        assert course.before is not None
        state, spans = course.before, []
        since = state.since if state.phase in _ACTIVE else None
        for at, value in course.recent:
            state, change = step(rule, state, at, value)
            if change is Change.STARTED:
                since = state.since
            elif change is Change.ENDED and since is not None:
                spans.append((since, at))
                since = None
        course.state = state
        self._reconcile(course, [*spans, *([] if since is None else [(since, None)])])

    def _reconcile(self, course: _Course, spans: list[tuple[float, float | None]]) -> None:
        """A span is the earliest known episode that overlaps it; an episode that no span has never was."""
        left = list(course.episodes)
        course.episodes = []
        for started, ended in spans:
            found = next((one for one in left if one.overlaps(started, ended)), None)
            if found is not None:
                left.remove(found)
            course.episodes.append(Episode(self._draw() if found is None else found.id, started, ended))


def _remember(rule: Rule, course: _Course, before: State, at: float, value: float) -> None:
    if course.before is None:
        course.before = before
    course.recent.append((at, value))
    oldest = at - rule.lateness_s
    gone = 0
    while course.recent[gone][0] < oldest or len(course.recent) - gone > _MOST_RECENT:
        course.before, _ = step(rule, course.before, *course.recent[gone])
        gone += 1
    del course.recent[:gone]


def _course(state: State) -> _Course:
    """From what was stored, perhaps before episodes had ids."""
    plain = State(**{one.name: getattr(state, one.name) for one in fields(State)})
    if isinstance(state, Standing):
        return _Course(state=plain, episodes=list(state.episodes), recent=list(state.recent), before=state.before)
    return _Course(state=plain)


def decode_rules(text: str | bytes) -> Rules:
    """The document of GET /api/v1/rules."""
    try:
        document = json.loads(text)
        version, rows = document["version"], document["rules"]
    except (ValueError, TypeError, KeyError) as error:
        raise RulesError(f"rules: expected a JSON object with version and rules: {error!r}") from error
    if not isinstance(version, str) or not isinstance(rows, list):
        raise RulesError("rules: version is no text or rules is no list")
    return Rules(version=version, rules=tuple(decode_rule(row) for row in rows))


def decode_rule(row: Any) -> Rule:
    """Keys that have a default may be left out; those of a newer cloud are ignored."""
    if not isinstance(row, dict):
        raise RulesError(f"rules: {row!r} is no object")
    wanted = [one for one in fields(Rule) if one.name in row or one.default is MISSING]
    given: dict[str, Any] = {one.name: row.get(one.name) for one in wanted}
    missing = [one.name for one in wanted if not _fits(given[one.name], one.type)]
    if missing:
        raise RulesError(f"rules: need {row.get('need')!r}: {', '.join(missing)} missing or of the wrong type")
    try:
        return Rule(**given)
    except ValueError as error:
        raise RulesError(f"rules: {error}") from error


def _fits(value: Any, kind: Any) -> bool:
    return type(value) is str if kind is str else type(value) in (int, float)


def encode_state(state: State) -> str:
    row = asdict(state)
    return json.dumps({name: value for name, value in row.items() if value not in (None, (), [])})


def decode_state(text: str) -> State:
    """A Standing where it was stored as one."""
    return state_from(json.loads(text))


def state_from(row: Mapping[str, Any]) -> State:
    """The state with these fields, as JSON has them."""
    state = _state(row)
    if not any(name in row for name in ("episodes", "recent", "before")):
        return state
    before = row.get("before")
    return Standing(
        **vars(state),
        episodes=tuple(Episode(*one) for one in row.get("episodes", ())),
        recent=tuple((at, value) for at, value in row.get("recent", ())),
        before=None if before is None else _state(before),
    )


def _state(row: Mapping[str, Any]) -> State:
    known = {one.name: row[one.name] for one in fields(State) if one.name in row}
    return replace(State(**known), phase=Phase(row["phase"]))


def decode_states(rows: Iterable[tuple[str, str, str]]) -> dict[Key, State]:
    return {(need, node): decode_state(text) for need, node, text in rows}
