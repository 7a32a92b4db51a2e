"""A need on past readings: which episodes it would have had, and what would have been sent. Pure.

Three courses of the same readings go through the engine of the episodes (aircue_gateway.episodes), side by side:

    raw      every reading, as if nobody had cleaned
    trusted  without the flagged ones: what the cloud follows, and what is decided on
    cleaned  smoothed as well: what the gateway's rules look at

Every episode of the trusted course is decided about at the instant of the reading that completed its dwell, by the
policy that decides live (decision.policy); what is deferred is decided again at that time. Nothing later than the
instant of a decision is known to it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from aircue_cloud.decision import policy, ticks
from aircue_cloud.decision.candidates import NO_PUSH_SCORE, Candidate, Product, candidates, choose
from aircue_cloud.decision.decisions import DUE_TTL
from aircue_cloud.decision.local_time import UNSAID
from aircue_cloud.decision.policy import SEND, Rival, Verdict
from aircue_cloud.decision.preferences import Wishes
from aircue_cloud.decision.settings import Settings
from aircue_cloud.errors import SettingsError
from aircue_cloud.layers.course import Span
from aircue_cloud.needs import conditions, following
from aircue_cloud.needs.also import CALENDAR, OUTDOOR, PERSON, Also
from aircue_cloud.needs.around import HUMIDITY, TEMPERATURE, Around
from aircue_cloud.needs.conditions import Fact, Met
from aircue_cloud.needs.following import Numbers, Slice
from aircue_cloud.needs.needs import REPLENISH, ROOM, Need
from aircue_cloud.tables.columns import from_ms
from aircue_gateway.config import CleaningConfig
from aircue_gateway.episodes import Rule
from aircue_node.quantities import QUANTITIES

SLICES = 1000  # of time, in a picture
RAW, TRUSTED, CLEANED = SIDES = ("raw", "trusted", "cleaned")
NO_WISHES = Wishes()
Facts = Mapping[tuple[str, str], Sequence[Fact]]  # by source and quantity
Chosen = npt.NDArray[np.bool_]
_SHIPPED = CleaningConfig()


@dataclass(frozen=True, kw_only=True)
class Values:
    """One quantity of one node. at: epoch seconds, growing. trusted: which of them no flag was on; None where that is
    for the cleaning to find out. Of one instant there is one."""

    at: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    trusted: Chosen | None = None


@dataclass(frozen=True, kw_only=True)
class Course:
    """One node. values: by quantity. person, wishes: of whom it tells, where it is somebody's own."""

    node: str
    values: Mapping[str, Values]
    person: str | None = None
    wishes: Wishes = NO_WISHES


def _nothing(_now: datetime, _person: str | None) -> Facts:
    return {}


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What stood beside an episode at an instant, of a person; conditions of sources that are not among these are taken
    to hold."""

    sources: frozenset[str] = frozenset()
    known: Callable[[datetime, str | None], Facts] = _nothing


NOTHING_BESIDE = Beside()


@dataclass(frozen=True, kw_only=True)
class Household:
    """Whom it is decided about; given: one of the store's, not made up. site_zone: UTC where nobody has said where the
    home lies. consent: as decision.policy has it."""

    name: str = "a-household"
    given: bool = False
    person: str | None = None
    site_zone: str = UNSAID
    wishes: Wishes = NO_WISHES
    consent: bool | None = True


SOMEBODY = Household()


@dataclass(frozen=True, kw_only=True)
class Episode:
    """confirmed: of the reading that completed the dwell. end: None while it lasts; minutes then count to the last
    reading. peak: the furthest value past the threshold."""

    node: str
    start: datetime
    confirmed: datetime
    end: datetime | None
    peak: float
    minutes: float


@dataclass(frozen=True, kw_only=True)
class Side:
    """readings: that the rule looked at. crossings: how often one passed enter after one that did not."""

    readings: int
    crossings: int
    episodes: tuple[Episode, ...]

    @property
    def minutes(self) -> float:
        return sum(one.minutes for one in self.episodes)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What came of an episode in the end. at: of the last decision about it. gate: which held it, "" for a send.
    category: of what was offered."""

    episode: Episode
    at: datetime
    outcome: str
    gate: str
    reason: str
    category: str | None


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What could be offered, and how it scores (decision.candidates)."""

    category: str
    lift: float
    score: float
    arm: bool  # whether it is worth more than no push


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A node's quantity to be drawn, in slices of time. enter, exit: of the rule. flagged: times (epoch seconds) and
    values, thinned."""

    node: str
    quantity: str
    enter: float
    exit: float
    raw: Sequence[Slice]
    cleaned: Sequence[Slice]
    flagged: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """sides: by name (SIDES). flags: of the cleaning, by name. missing: quantities that the need watches and no node
    measured. assumed: in words, what nobody knows and was taken to be so."""

    need: str
    quantities: tuple[str, ...]
    nodes: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    sides: Mapping[str, Side]
    flags: Mapping[str, int]
    missing: tuple[str, ...]
    candidates: tuple[Remedy, ...]
    decisions: tuple[Decided, ...]
    assumed: tuple[str, ...]
    drawn: tuple[Drawn, ...] = field(default=(), repr=False)

    @property
    def sends(self) -> tuple[Decided, ...]:
        return tuple(one for one in self.decisions if one.outcome == SEND)

    @property
    def held(self) -> Mapping[str, int]:
        """How many episodes each gate held in the end, most first."""
        return dict(Counter(one.gate for one in self.decisions if one.outcome != SEND).most_common())


def backtest(
    need: Need,
    courses: Iterable[Course],
    *,
    settings: Settings,
    household: Household = SOMEBODY,
    cleaning: CleaningConfig = _SHIPPED,
    beside: Beside = NOTHING_BESIDE,
    until: datetime | None = None,
) -> Backtest:
    """courses: each node once; each is looked at once and let go. until: what no room triggers is known up to then, so
    that an episode of which nothing more was told has ended; None: up to its last value."""
    rule = need.rule
    looked_at = _needed(need) | {TEMPERATURE}
    nodes = [
        _node(rule, course, cleaning, looked_at)
        if need.source == ROOM
        else _told_node(rule, course, None if until is None else until.timestamp())
        for course in courses
    ]
    remedies = _candidates(need)
    spans = [one.span for one in nodes if one.span is not None]
    return Backtest(
        need=need.name,
        quantities=(rule.quantity,),
        nodes=tuple(one.node for one in nodes),
        first=min((first for first, _ in spans), default=None),
        last=max((last for _, last in spans), default=None),
        sides={name: _together([one.sides[name] for one in nodes if name in one.sides]) for name in SIDES},
        flags=dict(sum((one.flags for one in nodes), Counter[str]()).most_common()),
        missing=tuple(sorted(_needed(need) - {name for one in nodes for name in one.measured})),
        candidates=tuple(_remedy(one) for one in remedies),
        decisions=_decisions(need, remedies, nodes, settings, household, beside),
        assumed=_assumed(need, settings, household, beside),
        drawn=tuple(one.drawn for one in nodes if one.drawn is not None),
    )


def usual(settings: Settings, household: Household) -> Settings:
    """Nothing is left to chance; nobody who is made up is held out."""
    if household.given:
        return replace(settings, explore=False)
    return replace(settings, explore=False, holdout=0.0, need_holdout=0.0)


def watched(need: Need) -> frozenset[str]:
    """Quantities of rooms that a backtest of the need looks at; of the temperature, whether a window was opened.
    SettingsError where nothing in a room triggers it."""
    if need.source != ROOM:
        told = f"{need.source} {need.quantity.replace('_', ' ')} triggers it, of which readings of rooms say nothing"
        raise SettingsError(f"need {need.name}: {told}; {_ELSE[need.source]}")
    return _needed(need) | {TEMPERATURE}


_STORES = "leave --readings out, so that what the store knows is used"
_ELSE = {
    OUTDOOR: f"say --weather FILE in its place, or {_STORES}",
    PERSON: _STORES,
    REPLENISH: f"it follows from what was bought: {_STORES}",
}


def _needed(need: Need) -> frozenset[str]:
    asked = {also.quantity for also in need.also if also.source == ROOM}
    measured = asked & set(QUANTITIES)
    derived_from = {TEMPERATURE, HUMIDITY} if asked - measured else set()
    return frozenset((need.rule.quantity, *measured, *derived_from))


# One node.


@dataclass(frozen=True, kw_only=True)
class _Node:
    """around: what was measured beside, trusted alone, of a node that had an episode. faults: from when to when the
    latest reading was flagged, and how."""

    node: str
    measured: frozenset[str]
    span: tuple[datetime, datetime] | None = None
    sides: Mapping[str, Side] = field(default_factory=dict)
    flags: Counter[str] = field(default_factory=Counter)
    faults: Sequence[following.Fault] = ()
    around: Around = field(default_factory=Around)
    drawn: Drawn | None = None
    person: str | None = None
    wishes: Wishes = NO_WISHES


def _node(rule: Rule, course: Course, cleaning: CleaningConfig, beside: frozenset[str]) -> _Node:
    measured = frozenset(name for name, values in course.values.items() if len(values.at))
    if rule.quantity not in measured:
        return _Node(node=course.node, measured=measured)
    values = course.values[rule.quantity]
    found = following.clean(cleaning, rule.quantity, values.at, values.value)
    trusted = found.trusted if values.trusted is None else values.trusted
    lines = {
        RAW: (values.at, values.value),
        TRUSTED: (values.at[trusted], values.value[trusted]),
        CLEANED: (found.at, found.value),
    }
    last = from_s(values.at[-1])
    sides = {name: _side(rule, course.node, *line, last) for name, line in lines.items()}
    return _Node(
        node=course.node,
        measured=measured,
        span=(from_s(values.at[0]), last),
        sides=sides,
        flags=found.flags,
        faults=following.faults(values.at, found.codes),
        around=_around(course, cleaning, beside, {rule.quantity: trusted}) if sides[TRUSTED].episodes else Around(),
        drawn=_drawn(course.node, rule, values, found),
    )


def _told_node(rule: Rule, course: Course, until: float | None) -> _Node:
    """Of what no sensor in a room measured, nothing is cleaned or flagged."""
    values = course.values[rule.quantity]
    whose: dict[str, Any] = {"node": course.node, "person": course.person, "wishes": course.wishes}
    if not len(values.at):
        return _Node(measured=frozenset(), **whose)
    found = following.untouched(values.at, values.value)
    last = from_s(values.at[-1])
    side = _side(rule, course.node, values.at, values.value, last, until)
    return _Node(
        measured=frozenset(course.values),
        span=(from_s(values.at[0]), last),
        sides=dict.fromkeys(SIDES, side),
        drawn=_drawn(course.node, rule, values, found),
        **whose,
    )


def from_s(at: float) -> datetime:
    return datetime.fromtimestamp(float(at), UTC)


def _side(rule: Rule, node: str, at: Numbers, value: Numbers, last: datetime, lapses_at: float | None = None) -> Side:
    episodes = tuple(_episode(node, one, last) for one in following.spans(rule, at, value, lapses_at))
    return Side(readings=len(at), crossings=following.crossings(rule, value), episodes=episodes)


def _episode(node: str, span: Span, last: datetime) -> Episode:
    start, end = from_ms(span.started_ms), None if span.ended_ms is None else from_ms(span.ended_ms)
    assert span.confirmed is not None, "it was followed from the first reading on"
    return Episode(
        node=node,
        start=start,
        confirmed=from_ms(span.confirmed.at_ms),
        end=end,
        peak=span.peak,
        minutes=((last if end is None else end) - start).total_seconds() / 60,
    )


def _together(sides: Sequence[Side]) -> Side:
    episodes = sorted((one for side in sides for one in side.episodes), key=lambda one: (one.confirmed, one.node))
    return Side(
        readings=sum(side.readings for side in sides),
        crossings=sum(side.crossings for side in sides),
        episodes=tuple(episodes),
    )


def _around(course: Course, cleaning: CleaningConfig, beside: frozenset[str], cleaned: Mapping[str, Chosen]) -> Around:
    """cleaned: which readings are trusted, of quantities of which that is known already."""
    found = {}
    for quantity in sorted(beside & set(course.values)):
        values = course.values[quantity]
        trusted = cleaned.get(quantity, values.trusted)
        if trusted is None:
            trusted = following.clean(cleaning, quantity, values.at, values.value).trusted
        found[quantity] = (values.at[trusted], values.value[trusted])
    return Around(found)


def _drawn(node: str, rule: Rule, values: Values, found: following.Cleaned) -> Drawn:
    window = values.at[0], values.at[-1]
    return Drawn(
        node=node,
        quantity=rule.quantity,
        enter=rule.enter,
        exit=rule.exit,
        raw=following.slices(values.at, values.value, *window, SLICES),
        cleaned=following.slices(found.at, found.value, *window, SLICES),
        flagged=following.thinned(values.at, values.value, found.codes),
    )


# What is decided.


def _candidates(need: Need) -> list[Candidate]:
    """One product for each category that remedies the need, as interesting as any."""
    shelf = [Product(id=name, name=name, category=name, stock=1, margin_minor=1.0) for name in need.remedies]
    return candidates(need, shelf, dict.fromkeys(need.remedies, 1.0), frozenset())


def _remedy(one: Candidate) -> Remedy:
    return Remedy(category=one.product.category, lift=one.lift, score=one.score, arm=one.score > NO_PUSH_SCORE)


@dataclass(frozen=True, kw_only=True)
class _Case:
    """An episode to be decided about (decision.ticks.Case)."""

    need: Need
    number: int
    episode: Episode
    node: _Node
    candidates: Sequence[Candidate]
    settings: Settings
    household: Household
    beside: Beside

    @property
    def remedies(self) -> Mapping[str, float]:
        return self.need.remedies

    def rival(self, facts: policy.Facts) -> Rival | None:
        return policy.rival(facts)

    def again(self, until: datetime) -> tuple[datetime, int]:
        return until, self.number

    def facts(self, now: datetime) -> policy.Facts:
        household, need, settings, episode = self.household, self.need, self.settings, self.episode
        wishes = household.wishes if self.node.person is None else self.node.wishes
        place = wishes.place(household.site_zone, settings)
        push = f"{household.name} {need.name} {episode.node} {episode.confirmed.isoformat()}"
        ended = episode.end is not None and episode.end <= now
        return policy.Facts(
            now=now,
            site=household.name,
            household=household.name,
            person=self._person,
            need=need.name,
            kind=need.kind,
            episode=push,
            push=push,
            confirmed_at=episode.confirmed,
            push_ttl=max(settings.push_ttl, DUE_TTL) if need.source == REPLENISH else settings.push_ttl,
            flag=following.flag_at(self.node.faults, now.timestamp()),
            fall=self.node.around.fall(now.timestamp()),
            consent=household.consent,
            stopped=wishes.has_stopped(need.name),
            muted=wishes.has_muted(need.name, policy.CHANNEL),
            snoozed_until=wishes.snoozed_until(need.name),
            conditions=self._conditions(now, place.zone),
            candidates=tuple(self.candidates) if household.consent else (),
            choice=choose(self.candidates, push, explore=settings.explore),
            cleared_at=episode.end + settings.linger if ended and episode.end is not None else None,
            zone=place.zone,
            zone_known=place.known,
            quiet=place.quiet,
            caps=wishes.caps(settings),
            holdout=settings.holdout,
            need_holdout=settings.need_holdout,
        )

    @property
    def _person(self) -> str | None:
        return self.household.person if self.node.person is None else self.node.person

    def _conditions(self, now: datetime, zone: ZoneInfo) -> tuple[Met, ...]:
        """Those of the room, of the calendar, and of what is known beside; those of others are taken to hold."""
        asked = [also for also in self.need.also if _is_judged(also, self.beside)]
        if not asked:
            return ()
        known: Facts = self.node.around.known(now, frozenset(also.quantity for also in asked))
        if any(also.source in self.beside.sources for also in asked):
            known = {**self.beside.known(now, self._person), **known}
        return tuple(conditions.judged(also, known, now, zone) for also in asked)


def _is_judged(also: Also, beside: Beside) -> bool:
    return also.source in (ROOM, CALENDAR) or also.source in beside.sources


def _decisions(
    need: Need,
    found: Sequence[Candidate],
    nodes: Sequence[_Node],
    settings: Settings,
    household: Household,
    beside: Beside,
) -> tuple[Decided, ...]:
    usual = {"need": need, "candidates": found, "settings": settings, "household": household, "beside": beside}
    episodes = [(one, node) for node in nodes if node.sides for one in node.sides[TRUSTED].episodes]
    cases = [_Case(number=number, episode=one, node=node, **usual) for number, (one, node) in enumerate(episodes)]  # type: ignore[arg-type]  # its own names
    played = ticks.play((case.episode.confirmed, case.number, case) for case in cases)
    decided = [_decided(case.episode, one.facts, one.verdict) for case, one in played]
    return tuple(sorted(decided, key=lambda one: (one.episode.confirmed, one.episode.node)))


def _decided(episode: Episode, facts: policy.Facts, verdict: Verdict) -> Decided:
    return Decided(
        episode=episode,
        at=facts.now,
        outcome=verdict.outcome,
        gate=next((one.gate for one in verdict.gates if one.result == "fail"), ""),
        reason=verdict.reason,
        category=None if verdict.winner is None else verdict.winner.product.category,
    )


_OF_SOURCE = {
    ROOM: "whether a window stands open is known where the node measures temperature",
    OUTDOOR: "each hour's weather was known once the hour had come, as it is known today",
    PERSON: "what somebody wears told of itself at once; the household agreed to its use as it does today",
    REPLENISH: "what is used up was looked at once a day; the household agreed to its use as it does today",
}


def _assumed(need: Need, settings: Settings, household: Household, beside: Beside) -> tuple[str, ...]:
    place = household.wishes.place(household.site_zone, settings)
    whose = f"household {household.name} of the store" if household.given else "a household that is made up"
    quiet = f"quiet hours {place.quiet or 'none'}"
    where = f"its zone is {place.zone.key}" if place.known else f"nobody said where it lies: zone {place.zone.key}"
    consent = "what it agreed to and wants is as it stands today" if household.given else "it agrees to offers"
    holdout = f"held out: {settings.holdout:.0%} of all and {settings.need_holdout:.0%} of each need"
    others = [conditions.said(also) for also in need.also if not _is_judged(also, beside)]
    others += [] if need.audience.is_everybody else ["whom the need is for"]
    return (
        f"it is decided about {whose}; {where}, {quiet}; {consent}",
        "it has bought and turned down nothing, and was offered nothing before the first reading or about other needs",
        "one product of each category of its remedies is in stock, as interesting as any, its lift as the file has it",
        holdout if settings.holdout or settings.need_holdout else "nobody is held out",
        "an offer is drawn among the remedies" if settings.explore else "the best remedy is offered, none is drawn",
        _OF_SOURCE[need.source],
        *(f"taken to hold: {one}" for one in others),
    )
