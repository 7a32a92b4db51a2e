"""The policy simulator: stored decisions decided again under other settings.

What a decision looked at is in its trace. The policy that decides live (decision.policy) looks at it again, gate by
gate, with what the changed settings change; what depends on earlier outcomes (cooldown, caps, one push for an episode,
one at a time) is counted from what the replay sent, not from what was sent. With nothing changed it gives what was
recorded. What was decided about a household at one instant (to the millisecond) is taken to be one tick.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from math import log
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType, convert
from msgspec.structs import replace as with_fields
from sqlalchemy import Connection

from aircue_cloud.decision import exploration, local_time, policy, recorded, ticks
from aircue_cloud.decision.candidates import Candidate, Choice, Product, choose
from aircue_cloud.decision.decisions import DUE_TTL
from aircue_cloud.decision.exploration import Chances
from aircue_cloud.decision.local_time import Window
from aircue_cloud.decision.policy import DEFER, Bought, Facts, Rival
from aircue_cloud.decision.recorded import Ended, Home, Inputs, Record
from aircue_cloud.decision.settings import Caps, Settings
from aircue_cloud.decision.ticks import Played
from aircue_cloud.errors import CommandError
from aircue_cloud.needs.conditions import Met
from aircue_cloud.needs.needs import REPLENISH, Needs, load
from aircue_cloud.outcomes import assignment

CANNOT_KNOW = (
    "How people react. More offers may be stopped, bought or turned down, fewer may not; what they did in fact stays.",
    "What would have been bought: an offer that was not made has no outcome.",
    "What no gate had looked at. It is what the nearest decision about the same person says, or else what holds today.",
    "That all pushes were stopped at an instant at which nothing was decided.",
    "What happens after the decision: a push may still be stopped right before it is handed to a channel.",
)
MOST = 1000
_USUAL = Settings()


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """What is changed; UNSET stays as it was. caps: None is no limit. explore: True draws by the chances that were
    recorded, or where the best one was certain by those that follow from how sure the lifts were, and with the number
    that each push's own key gives, so that the same comes of it each time. A person's own word goes before quiet hours
    and caps, as it stands today."""

    cap_day: int | UnsetType | None = UNSET
    cap_week: int | UnsetType | None = UNSET
    cap_apart_h: float | UnsetType | None = UNSET
    cooldown_days: int | UnsetType = UNSET
    rest_days: int | UnsetType = UNSET
    quiet_hours: str | UnsetType = UNSET
    widest_quiet_hours: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    push_ttl_h: float | UnsetType = UNSET
    linger_h: float | UnsetType = UNSET
    holdout: float | UnsetType = UNSET
    need_holdout: float | UnsetType = UNSET
    explore: bool | UnsetType = UNSET

    @property
    def named(self) -> dict[str, Any]:
        """Those that are changed."""
        return {name: value for name, value in vars(self).items() if value is not UNSET}


NOTHING_CHANGED = PolicySettings()


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What came of an episode. gate: which held it, "" for a send."""

    outcome: str
    gate: str
    at: datetime
    product: str | None = None

    @property
    def told(self) -> "Told":
        return self.outcome, self.gate


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One episode. assumed: gates whose inputs nobody had recorded."""

    episode: str
    household: str | None
    person: str | None
    need: str
    before: Ending
    after: Ending
    assumed: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """In outcome or in the gate that holds it."""
        return self.before.told != self.after.told


Told = tuple[str, str]  # outcome, gate


@dataclass(frozen=True, kw_only=True)
class Replay:
    """before, after: how many episodes came to each (outcome, gate). moved: how many went from one to another. changes:
    the first of those that moved, at most MOST. unlike: how many the policy of today, with nothing changed, does not
    decide as recorded. assumed: how many needed something that nobody had recorded."""

    since: datetime
    changed: Mapping[str, object]
    episodes: int
    before: Mapping[Told, int]
    after: Mapping[Told, int]
    moved: Mapping[tuple[Told, Told], int]
    changes: Sequence[Replayed]
    unlike: int
    assumed: int
    cannot_know: Sequence[str] = CANNOT_KNOW


# What is changed.


def read_settings(assignments: Sequence[str]) -> PolicySettings:
    """From `cap_day=2` and its like; `none` is no cap. CommandError naming the key, the value and what is known."""
    said: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if name not in _READERS or not equals:
            raise CommandError(f"--set {text}: expected KEY=VALUE; known keys: {', '.join(_READERS)}")
        try:
            said[name] = _READERS[name](value)
        except ValueError as error:
            raise CommandError(f"--set {text}: {error}") from error
    return PolicySettings(**said)


T = TypeVar("T", int, float)


def _within(kind: Callable[[str], T], low: float, high: float) -> Callable[[str], T]:
    def read(text: str) -> T:
        try:
            value = kind(text)
        except ValueError:
            value = kind("-1")
        if not low <= value <= high:
            raise ValueError(f"{text!r:.40}: expected a number from {low:g} to {high:g}")
        return value

    return read


def _cap(read: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: None if text == "none" else read(text)


def _window(text: str) -> str:
    Window.read(text)
    return text


def _zone(text: str) -> str:
    if local_time.zone(text) is None:
        raise ValueError(f"{text!r:.40}: expected a time zone of the IANA database, such as Europe/Berlin")
    return text


def _truth(text: str) -> bool:
    if text not in _TRUTHS:
        raise ValueError(f"{text!r:.40}: expected true or false")
    return _TRUTHS[text]


_TRUTHS = {"true": True, "false": False}


_YEARS_H = 24.0 * 365 * 100
_READERS: Mapping[str, Callable[[str], Any]] = {
    "cap_day": _cap(_within(int, 0, 1000)),
    "cap_week": _cap(_within(int, 0, 1000)),
    "cap_apart_h": _cap(_within(float, 0, 8760)),
    "cooldown_days": _within(int, 0, 3650),
    "rest_days": _within(int, 0, 3650),
    "quiet_hours": _window,
    "widest_quiet_hours": _window,
    "timezone": _zone,
    "push_ttl_h": _within(float, 1, _YEARS_H),
    "linger_h": _within(float, 0, _YEARS_H),
    "holdout": _within(float, 0, 1),
    "need_holdout": _within(float, 0, 1),
    "explore": _truth,
}
assert tuple(_READERS) == tuple(one.name for one in fields(PolicySettings))


def _settings(changed: PolicySettings, now: Settings) -> Settings:
    """The store's settings of today with what is changed."""
    named = changed.named
    caps = {name: named[f"cap_{name}"] for name in _CAPS if f"cap_{name}" in named}
    same = ("quiet_hours", "widest_quiet_hours", "timezone", "holdout", "need_holdout", "explore")
    times = {"push_ttl": "push_ttl_h", "linger": "linger_h"}
    hours: dict[str, Any] = {key: timedelta(hours=named[name]) for key, name in times.items() if name in named}
    rest: dict[str, Any] = {name: named[name] for name in same if name in named}
    return replace(now, caps=replace(now.caps, **caps), **hours, **rest)


_CAPS = ("day", "week", "apart_h")


# One household.


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """Under which it is decided again. store: with what is changed. end: of what is known."""

    changed: PolicySettings
    store: Settings
    needs: Needs
    end: datetime


class _Chain:
    """An episode (ticks.Case). It keeps to its records as long as the replay defers as they do; once it does not, its
    last record says what was known."""

    def __init__(self, records: Sequence[Record], home: Home, rules: "_Rules", seen: "_Seen") -> None:
        self.records = records
        self._home, self._rules, self._seen = home, rules, seen
        self._place = 0
        self._on_record = True
        self.assumed: set[str] = set()

    @property
    def _record(self) -> Record:
        return self.records[self._place]

    @property
    def remedies(self) -> Collection[str]:
        need = self._rules.needs.by_name.get(self._record.need)
        known = set() if need is None else set(need.remedies)
        return known | {one["category"] for one in self._record.trace["candidates"]}

    def rival(self, facts: Facts) -> Rival | None:
        found, margin = policy.rival(facts), self._seen.margins.get(self._record.id)
        return found if found is None or margin is None else with_fields(found, margin=margin)

    def again(self, until: datetime) -> tuple[datetime, int] | None:
        record = self._record
        if self._on_record and record.outcome == DEFER and record.scheduled_at == until:
            if self._place + 1 == len(self.records):
                return None
            self._place += 1
            return self._record.at, self._record.id
        self._on_record = False
        return (until, record.id) if until <= self._rules.end else None

    def facts(self, now: datetime) -> Facts:
        while not self._on_record and self._place + 1 < len(self.records) and self.records[self._place + 1].at <= now:
            self._place += 1
        record, said = self._record, dict[str, Any]()
        for gate in _FIELDS:
            said |= self._of_gate(gate, now)
        found = _candidates(record, self._home)
        if self._rules.changed.explore is True and not _was_drawn(record) and not _says_how_sure(record):
            self.assumed.add("worth")
        return Facts(
            now=now,
            site=record.trace["occasion"]["site"],
            household=record.household,
            person=record.person,
            need=record.need,
            kind=record.kind,
            episode=record.episode,
            push=record.push,
            confirmed_at=datetime.fromisoformat(record.trace["trigger"]["measured_at"]),
            candidates=found,
            choice=_choice(record, found, self._rules.changed),
            **said,
        )

    def _of_gate(self, gate: str, now: datetime) -> dict[str, Any]:
        """What the gate looked at, with what is changed of it."""
        asked = _Asked(record=self._record, home=self._home, rules=self._rules, now=now, on_record=self._on_record)
        nearest, changes = self._nearest(gate, now), _CHANGES.get(gate)
        said = _TODAY[gate](asked) if nearest is None else _FIELDS[gate](nearest.inputs[gate], nearest)
        return said if changes is None else said | changes(asked, said)

    def _nearest(self, gate: str, now: datetime) -> Record | None:
        """Where the gate was reached: this record, the nearest one of the episode, or else of the person."""
        if self._on_record and gate in self._record.inputs:
            return self._record
        own = [one for one in self.records if gate in one.inputs]
        others = self._seen.nearest(gate, self._record.unit, now) if gate in _OF_ANY_NEED else None
        if not own:
            self.assumed.add(gate)
            return others
        found = min(own, key=lambda one: abs(one.at - now))
        return others if others is not None and gate in _MAY_CHANGE else found


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Whose facts, and when. on_record: whether now is the record's own time."""

    record: Record
    home: Home
    rules: _Rules
    now: datetime
    on_record: bool

    @property
    def place(self) -> Any:
        zone = self.home.zones.get(self.record.trace["occasion"]["site"], local_time.UNSAID)
        return self.home.wishes(self.record.person).place(zone, self.rules.store)

    @property
    def ended(self) -> Ended:
        return self.home.ended.get(self.record.episode, Ended(at=None, withdrawn=False))


# What each gate recorded, as facts.


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _sensor(inputs: Inputs, _record: Record) -> dict[str, Any]:
    return {"flag": inputs["flag"], "fall": inputs["fall"]}


def _suppression(inputs: Inputs, _record: Record) -> dict[str, Any]:
    until = _moment(inputs["snoozed_until"])
    return {"stopped": inputs["stopped"], "muted": inputs["muted"], "snoozed_until": until}


def _rest(inputs: Inputs, _record: Record) -> dict[str, Any]:
    at = _moment(inputs["bought_at"])
    return {"bought": None if at is None else Bought(product=inputs["bought"], at=at)}


def _expiry(inputs: Inputs, record: Record) -> dict[str, Any]:
    """An offer that fails before it expires never had an episode."""
    expires_at = _moment(inputs["expires_at"])
    return {
        "push_ttl": timedelta(hours=inputs["ttl_h"]),
        "cleared_at": _moment(inputs["cleared_at"]),
        "withdrawn": record.failed == "expiry" and expires_at is not None and record.at < expires_at,
    }


def _quiet(inputs: Inputs, _record: Record) -> dict[str, Any]:
    zone = local_time.zone(inputs["zone"])
    assert zone is not None, "it was known when the decision was made"
    quiet = inputs["quiet_hours"]
    return {"quiet": None if quiet is None else Window.read(quiet), "zone": zone, "zone_known": inputs["zone_known"]}


def _caps(inputs: Inputs, _record: Record) -> dict[str, Any]:
    return {"caps": Caps(**{name: inputs[name] for name in _CAPS})}


def _holdout(inputs: Inputs, _record: Record) -> dict[str, Any]:
    return {"holdout": inputs["holdout"], "need_holdout": inputs["need_holdout"]}


def _met(name: str) -> Callable[[Inputs, Record], dict[str, Any]]:
    return lambda inputs, _: {name: convert(inputs[name], tuple[Met, ...])}


_FIELDS: Mapping[str, Callable[[Inputs, Record], dict[str, Any]]] = {
    "kill-switch": lambda inputs, _: {"switched_off": inputs["switched_off"]},
    "audience": _met("audience"),
    "conditions": _met("conditions"),
    "sensor": _sensor,
    "consent": lambda inputs, _: {"consent": inputs["granted"]},
    "suppression": _suppression,
    "rest": _rest,
    "expiry": _expiry,
    "quiet-hours": _quiet,
    "caps": _caps,
    "holdout": _holdout,
}
# What they say holds for the person's other needs as well; and what is more likely to have changed with time than not.
_OF_ANY_NEED = ("kill-switch", "consent", "quiet-hours", "caps")
_MAY_CHANGE = ("kill-switch", "consent")


class _Seen:
    """All records of a household in which a gate was reached, by gate and person, in order of time."""

    def __init__(self, home: Home) -> None:
        self.margins = _margins(home)
        self._found: dict[tuple[str, str], list[Record]] = {}
        for one in sorted((one for chain in home.chains for one in chain), key=lambda one: one.at):
            for gate in _OF_ANY_NEED:
                if gate in one.inputs:
                    self._found.setdefault((gate, one.unit), []).append(one)

    def nearest(self, gate: str, unit: str, now: datetime) -> Record | None:
        found = self._found.get((gate, unit), [])
        place = bisect_left(found, now, key=lambda one: one.at)
        return min(found[max(place - 1, 0) : place + 1], key=lambda one: abs(one.at - now), default=None)


# What holds today, where nothing was recorded.


def _consent_today(asked: _Asked) -> dict[str, Any]:
    """Candidates are looked for only where there is consent."""
    return {"consent": True if asked.record.trace["candidates"] else asked.home.consent}


def _wanted_today(asked: _Asked) -> dict[str, Any]:
    wishes, need = asked.home.wishes(asked.record.person), asked.record.need
    muted = wishes.has_muted(need, policy.CHANNEL)
    return {"stopped": wishes.has_stopped(need), "muted": muted, "snoozed_until": wishes.snoozed_until(need)}


def _expiry_today(asked: _Asked) -> dict[str, Any]:
    """As far as it was known by then."""
    ended, store = asked.ended, asked.rules.store
    over = ended.at if ended.at is not None and ended.at <= asked.now else None
    cleared_at = None if over is None else over + store.linger
    return {"push_ttl": _push_ttl(asked), "cleared_at": cleared_at, "withdrawn": ended.withdrawn}


def _push_ttl(asked: _Asked) -> timedelta:
    need, ttl = asked.rules.needs.by_name.get(asked.record.need), asked.rules.store.push_ttl
    return max(ttl, DUE_TTL) if need is not None and need.source == REPLENISH else ttl


def _quiet_today(asked: _Asked) -> dict[str, Any]:
    place = asked.place
    return {"quiet": place.quiet, "zone": place.zone, "zone_known": place.known}


def _caps_today(asked: _Asked) -> dict[str, Any]:
    return {"caps": asked.home.wishes(asked.record.person).caps(asked.rules.store)}


def _holdout_today(asked: _Asked) -> dict[str, Any]:
    shares, store = asked.home.shares, asked.rules.store
    of_need = shares.get(assignment.need_experiment(asked.record.need), store.need_holdout)
    return {"holdout": shares.get(assignment.GLOBAL, store.holdout), "need_holdout": of_need}


_TODAY: Mapping[str, Callable[[_Asked], dict[str, Any]]] = {
    "kill-switch": lambda _: {"switched_off": None},
    "audience": lambda _: {"audience": ()},
    "conditions": lambda _: {"conditions": ()},
    "sensor": lambda _: {"flag": "OK", "fall": None},
    "consent": _consent_today,
    "suppression": _wanted_today,
    "rest": lambda _: {"bought": None},
    "expiry": _expiry_today,
    "quiet-hours": _quiet_today,
    "caps": _caps_today,
    "holdout": _holdout_today,
}


# What the changed settings change of it, and what has become known since.


def _rest_changed(asked: _Asked, _said: Mapping[str, Any]) -> dict[str, Any]:
    """Both waits are the policy's own, so that none is recorded that was another."""
    named = asked.rules.changed.named
    days = {"rest": "rest_days", "cooldown": "cooldown_days"}
    return {key: timedelta(days=named[name]) for key, name in days.items() if name in named}


def _expiry_changed(asked: _Asked, said: Mapping[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    named, ended, store = asked.rules.changed.named, asked.ended, asked.rules.store
    if "push_ttl_h" in named:
        changed["push_ttl"] = _push_ttl(asked)
    over = ended.at is not None and (said["cleared_at"] is not None or not asked.on_record) and ended.at <= asked.now
    if over and ended.at is not None and ("linger_h" in named or said["cleared_at"] is None):
        changed["cleared_at"] = ended.at + store.linger
    return changed


def _quiet_changed(asked: _Asked, said: Mapping[str, Any]) -> dict[str, Any]:
    named, changed = asked.rules.changed.named, dict[str, Any]()
    wishes = asked.home.wishes(asked.record.person)
    own = wishes.person.quiet_hours is not None or wishes.household.quiet_hours is not None
    asked_for = "quiet_hours" in named or ("widest_quiet_hours" in named and not said["zone_known"])
    if asked_for and not (own and said["zone_known"]):
        changed["quiet"] = asked.place.quiet
    if "timezone" in named and not said["zone_known"]:
        changed["zone"] = asked.place.zone
    return changed


def _caps_changed(asked: _Asked, said: Mapping[str, Any]) -> dict[str, Any]:
    wishes, store = asked.home.wishes(asked.record.person), asked.rules.store.caps
    own = {*wishes.person.caps, *wishes.household.caps}
    named = [name for name in _CAPS if f"cap_{name}" in asked.rules.changed.named and name not in own]
    return {"caps": replace(said["caps"], **{name: getattr(store, name) for name in named})}


def _holdout_changed(asked: _Asked, _said: Mapping[str, Any]) -> dict[str, Any]:
    """As if it had been so from the start: nobody is kept in an arm."""
    named = asked.rules.changed.named
    return {name: named[name] for name in ("holdout", "need_holdout") if name in named}


_CHANGES: Mapping[str, Callable[[_Asked, Mapping[str, Any]], dict[str, Any]]] = {
    "rest": _rest_changed,
    "expiry": _expiry_changed,
    "quiet-hours": _quiet_changed,
    "caps": _caps_changed,
    "holdout": _holdout_changed,
}


# What could be offered.


def _candidates(record: Record, home: Home) -> tuple[Candidate, ...]:
    return tuple(_candidate(one, home.margins.get(one["product"], 0.0)) for one in record.trace["candidates"])


def _candidate(one: Mapping[str, Any], margin: float) -> Candidate:
    return Candidate(
        product=Product(id=one["product"], name=one["name"], category=one["category"], stock=1, margin_minor=margin),
        affinity=one["affinity"],
        lift=one["lift"],
        cost=one["cost"],
        hindrance=one["hindrance"],
        due=one["due"],
        log_lift=tuple(one.get("log_lift", (log(one["lift"]), 0.0))),
    )


def _choice(record: Record, found: Sequence[Candidate], changed: PolicySettings) -> Choice:
    """Drawn again from the chances that were recorded, by the push's own number: the same as then."""
    if changed.explore is False or (changed.explore is True and not _was_drawn(record)):
        return choose(found, record.push, explore=changed.explore)
    chances = {one["product"]: one["propensity"] for one in record.trace["candidates"] if one["propensity"] > 0}
    none = record.trace["no_push_propensity"]
    arms = [one for one in found if one.product.id in chances]
    place = exploration.draw(Chances(arms=tuple(chances[one.product.id] for one in arms), none=none), record.push)
    if place is None:
        return Choice(chosen=None, propensity=none, propensities=chances, none=none)
    chosen = arms[place]
    return Choice(chosen=chosen, propensity=chances[chosen.product.id], propensities=chances, none=none)


def _was_drawn(record: Record) -> bool:
    chances = [one["propensity"] for one in record.trace["candidates"]]
    return any(0 < chance < 1 for chance in chances)


def _says_how_sure(record: Record) -> bool:
    """Those of older releases do not; their lifts are taken to be certain."""
    return all("log_lift" in one for one in record.trace["candidates"])


def _margins(home: Home) -> dict[int, float]:
    """By record: what arbitration knew of its margin, where it had something to compare. Of two pushes about one need,
    the one that passed has the larger."""
    by_tick: dict[tuple[datetime, str, str], list[Record]] = {}
    for one in (one for chain in home.chains for one in chain if one.inputs.get("arbitration", {}).get("rivals")):
        by_tick.setdefault((one.at, one.unit, one.need), []).append(one)
    found: dict[int, float] = {}
    for (_, _, need), records in by_tick.items():
        known = [margin for name, _, margin in records[0].inputs["arbitration"]["rivals"] if name == need]
        ordered = sorted(records, key=lambda one: (one.failed != "arbitration", one.push))
        found |= {one.id: margin for one, margin in zip(reversed(ordered), reversed(known), strict=False)}
    return found


# All of them.


def replay(
    connection: Connection,
    since: datetime,
    changed: PolicySettings,
    *,
    settings: Settings = _USUAL,
    needs: Needs | None = None,
    now: datetime | None = None,
) -> Replay:
    """settings: those that hold now. needs: as they are now; the shipped ones unless given. now: until when what the
    replay puts off may come again; the last decision's instant unless given."""
    end = now or recorded.latest(connection) or since
    known, told = needs or load(), _Told()
    waits = (policy.COOLDOWN, timedelta(days=changed.named.get("cooldown_days", 0)), ticks.REMEMBERED)
    anew = _Rules(changed=changed, store=_settings(changed, settings), needs=known, end=end)
    as_it_was = _Rules(changed=NOTHING_CHANGED, store=settings, needs=known, end=end)
    for home in recorded.homes(connection, since, max(waits) + timedelta(days=1)):
        found = list(decided_again(home, anew))
        told.note(found, found if changed == NOTHING_CHANGED else list(decided_again(home, as_it_was)))
    return told.replay(since, changed)


def decided_again(home: Home, rules: _Rules) -> Iterator[Replayed]:
    """In the order in which they come to an end."""
    seen = _Seen(home)
    chains = [_Chain(records, home, rules, seen) for records in home.chains]
    begin = ((one.records[0].at, one.records[0].id, one) for one in chains)
    for chain, played in ticks.play(begin, home.given):
        yield _replayed(chain, played)


def _replayed(chain: _Chain, played: Played) -> Replayed:
    last, facts, verdict = chain.records[-1], played.facts, played.verdict
    failed = next((one.gate for one in verdict.gates if one.result == "fail"), "")
    reached = {one.gate for one in verdict.gates if one.result != "not reached"}
    return Replayed(
        episode=last.episode,
        household=last.household,
        person=last.person,
        need=last.need,
        before=Ending(outcome=last.outcome, gate=last.failed, at=last.at, product=last.product),
        after=Ending(
            outcome=verdict.outcome,
            gate=failed,
            at=facts.now,
            product=None if verdict.winner is None else verdict.winner.product.id,
        ),
        assumed=tuple(sorted(chain.assumed & reached)),
    )


class _Told:
    """Counts as they come."""

    def __init__(self) -> None:
        self._before, self._after = Counter[Told](), Counter[Told]()
        self._moved = Counter[tuple[Told, Told]]()
        self._changes: list[Replayed] = []
        self._unlike = self._assumed = 0

    def note(self, found: Sequence[Replayed], as_it_was: Sequence[Replayed]) -> None:
        self._unlike += sum(one.before != one.after for one in as_it_was)
        for one in found:
            self._before[one.before.told] += 1
            self._after[one.after.told] += 1
            self._assumed += bool(one.assumed)
            if one.differs:
                self._moved[one.before.told, one.after.told] += 1
                if len(self._changes) < MOST:
                    self._changes.append(one)

    def replay(self, since: datetime, changed: PolicySettings) -> Replay:
        return Replay(
            since=since,
            changed=changed.named,
            episodes=self._before.total(),
            before=dict(self._before.most_common()),
            after=dict(self._after.most_common()),
            moved=dict(self._moved.most_common()),
            changes=tuple(self._changes),
            unlike=self._unlike,
            assumed=self._assumed,
        )
