"""Deciding about episodes, within the transaction that found them: facts are read, the policy decides, all is kept.

One call is one tick: what is decided about several episodes at once competes (gate arbitration). Deferred decisions are
found again by `Decider.due`, and everything is run again.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace as changed
from sqlalchemy import Connection, Row, exists, select

from aircue_cloud import bulk, db, feed, tables
from aircue_cloud.decision import channels, engaging, known, local_time, policy, ticks
from aircue_cloud.decision.affinity import AffinitySource
from aircue_cloud.decision.candidates import NO_PUSH_SCORE, Candidate
from aircue_cloud.decision.channels import Valued
from aircue_cloud.decision.judging import EVERYBODY, Asked, Judge, Judged, Only
from aircue_cloud.decision.known import Known, Offered
from aircue_cloud.decision.message import Occasion, write
from aircue_cloud.decision.message import version as template_version
from aircue_cloud.decision.policy import CHANNEL, DEFER, GHOST, SEND, Facts, Verdict
from aircue_cloud.decision.settings import Settings
from aircue_cloud.decision.surrounding import Place, Surrounding
from aircue_cloud.delivery import inbox
from aircue_cloud.delivery.addresses import Whom
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs import nodes, quantities
from aircue_cloud.needs.also import Also
from aircue_cloud.needs.conditions import Met
from aircue_cloud.needs.needs import PERSON, REPLENISH, ROOM, Message, Need, Needs, rule_version
from aircue_cloud.needs.nodes import used_up, who_wears
from aircue_cloud.outcomes import assignment, enrolment
from aircue_cloud.outcomes.learnt import Learnt, Stand

PUSH_NAMESPACE = uuid.UUID("6f1f2a52-8b0e-5d3c-9f7a-2d1c4b7e9a10")
MOST_DUE = 256  # of one tick
DUE_TTL = timedelta(days=30)  # of an offer of what is used up: it stays so

Going = tuple[Push, tuple[str, ...]]  # and the channels to try, in order
HandOver = Callable[[Connection, Sequence[Going], datetime], list[Push]]
Reach = Callable[[Connection, Sequence[Whom]], Sequence[Sequence[str]]]


def inbox_alone(connection: Connection, going: Sequence[Going], _now: datetime) -> list[Push]:
    """Hands pushes to the in-app inbox; those that are new there."""
    return inbox.send_all(connection, [push for push, _ in going])


def one_by_one(enqueue: Callable[[Connection, Push, tuple[str, ...], datetime], bool]) -> HandOver:
    """enqueue: takes one push; False where it has it already."""
    return lambda connection, going, now: [push for push, through in going if enqueue(connection, push, through, now)]


def nowhere_else(_connection: Connection, whom: Sequence[Whom]) -> Sequence[Sequence[str]]:
    """Channels beside the inbox that reach somebody: none."""
    return [()] * len(whom)


@dataclass(frozen=True, kw_only=True)
class _Case:
    """One episode to be decided about. household: None where the site is linked to none."""

    episode: Started
    need: Need
    household: str | None
    judged: Judged
    facts: Facts

    @cached_property
    def trigger(self) -> dict[str, Any]:
        return _trigger(self.episode)


@dataclass(frozen=True, kw_only=True)
class Decider:
    """hand_over: what brings pushes to their channels, within the transaction; the new ones. reach: of each that is
    asked about the channels beside the inbox by which they can be reached. learnt: what pushes have done so far."""

    needs: Needs
    source: AffinitySource
    settings: Settings = Settings()  # noqa: RUF009  # frozen
    hand_over: HandOver = inbox_alone
    reach: Reach = nowhere_else
    learnt: Learnt = field(default_factory=Learnt)

    def about(self, connection: Connection, episodes: Sequence[Started], now: datetime) -> list[Push]:
        """Decides about them as one tick, stores every decision with its trace, and hands over; the pushes that are
        new."""
        if not episodes:
            return []
        seen, stand = self._look(connection, episodes, now), self.learnt.current(connection, now)
        cases = self._cases(connection, episodes, seen, stand, now)
        return _Tick(self, connection, seen, stand, now).run(cases)

    def due(self, connection: Connection, now: datetime) -> list[Push]:
        """Runs everything again of what was deferred until now; the pushes that are new."""
        rows = connection.execute(_due(now)).all()
        found = [_again(row, self.needs) for row in rows if row.need in self.needs.by_name]
        return self.about(connection, found, now)

    def _look(self, connection: Connection, episodes: Sequence[Started], now: datetime) -> Known:
        cases = [(one.series.site, one.series.node, db.from_ms(one.confirmed.at_ms)) for one in episodes]
        needs = {self.needs.by_name[one.rule.need].name for one in episodes}
        categories = sorted({category for need in needs for category in self.needs.by_name[need].remedies})
        return known.look(connection, cases, categories, now)

    def _cases(
        self, connection: Connection, episodes: Sequence[Started], seen: Known, stand: Stand, now: datetime
    ) -> list[_Case]:
        homes = [seen.sites[one.series.site][0] for one in episodes]
        pushes = [
            "" if home is None else push_id(home, one.rule.need, one.id)
            for one, home in zip(episodes, homes, strict=True)
        ]
        seen.decided.update(known.decided_before(connection, pushes))
        agreeing = sorted({home for home in homes if home is not None and seen.consent.get(home)})
        judge = Judge(connection, self.source, seen, now, stand)
        judge.prepare(agreeing, [self.needs.by_name[name] for name in sorted({one.rule.need for one in episodes})])
        around = Surrounding(connection, seen, self.settings, now)
        judged = self._judged(episodes, homes, pushes, seen, judge, around)
        keyed = zip(episodes, homes, pushes, judged, strict=True)
        return self._enrolled(connection, [self._case(*one, seen, around, now) for one in keyed], now)

    def _judged(
        self,
        episodes: Sequence[Started],
        homes: Sequence[str | None],
        pushes: Sequence[str],
        seen: Known,
        judge: Judge,
        around: Surrounding,
    ) -> list[Judged]:
        """Candidates of those alone who agree."""
        found = [Judged(person=next(iter(seen.people.get(home or "", ())), None)) for home in homes]
        asked: list[Asked] = []
        places: list[int] = []
        for at, (episode, home, push) in enumerate(zip(episodes, homes, pushes, strict=True)):
            need = self.needs.by_name[episode.rule.need]
            agreed = home is not None and seen.consent.get(home) is True
            only = _only(episode, need, seen, around, _place(episode, home)) if agreed else None
            if only is not None:
                asked.append(Asked(household=str(home), need=need, push=push, only=only))
                places.append(at)
        for at, judged in zip(places, judge.judge(asked, explore=self.settings.explore), strict=True):
            found[at] = judged
        return found

    def _enrolled(self, connection: Connection, cases: Sequence[_Case], now: datetime) -> list[_Case]:
        """Each household keeps the shares under which it first came into its experiments."""
        holdouts = {assignment.need_experiment(one.need.name): self.settings.need_holdout for one in cases}
        holdouts[assignment.GLOBAL] = self.settings.holdout
        homes = {one.household for one in cases if one.household is not None and one.facts.consent}
        shares = enrolment.shares(connection, homes, holdouts, now)
        return [replace(one, facts=_under(one.facts, shares)) if one.household in homes else one for one in cases]

    def _case(
        self,
        episode: Started,
        household: str | None,
        push: str,
        judged: Judged,
        seen: Known,
        around: Surrounding,
        now: datetime,
    ) -> _Case:
        need = self.needs.by_name[episode.rule.need]
        facts = self._facts(episode, need, household, push, judged, seen, now)
        if seen.consent.get(household or "") and not (need.audience.is_everybody and not need.also):
            place = _place(episode, household)
            facts = changed(
                facts,
                audience=around.audience(need, place, judged.person),
                conditions=around.conditions(need, place, judged.person),
            )
        return _Case(episode=episode, need=need, household=household, judged=judged, facts=facts)

    def _facts(
        self,
        episode: Started,
        need: Need,
        household: str | None,
        push: str,
        judged: Judged,
        seen: Known,
        now: datetime,
    ) -> Facts:
        series, settings = episode.series, self.settings
        wishes = seen.wishes(household or "", judged.person)
        place = wishes.place(seen.sites[series.site][1], settings)
        ended_at, withdrawn = _end(seen, episode)
        return Facts(
            now=now,
            site=series.site,
            household=household,
            person=judged.person,
            need=need.name,
            kind=need.kind,
            episode=episode.id,
            push=push,
            confirmed_at=db.from_ms(episode.confirmed.at_ms),
            push_ttl=max(settings.push_ttl, DUE_TTL) if need.source == REPLENISH else settings.push_ttl,
            switched_off=seen.switched_off,
            flag=seen.flags.get((series.site, series.node, series.quantity), "OK"),
            fall=seen.falls.get((series.site, series.node)),
            consent=seen.consent.get(household or ""),
            stopped=wishes.has_stopped(need.name),
            muted=wishes.has_muted(need.name, CHANNEL),
            snoozed_until=wishes.snoozed_until(need.name),
            candidates=judged.candidates,
            choice=judged.choice,
            bought=judged.bought,
            cleared_at=None if ended_at is None else ended_at + settings.linger,
            withdrawn=withdrawn,
            zone=place.zone,
            zone_known=place.known,
            quiet=place.quiet,
            caps=wishes.caps(settings),
            holdout=settings.holdout,
            need_holdout=settings.need_holdout,
        )


def _place(episode: Started, household: str | None) -> Place:
    return Place(household=household or "", site=episode.series.site, node=episode.series.node)


def _only(episode: Started, need: Need, seen: Known, around: Surrounding, place: Place) -> Only | None:
    """Whom and what a push may be about: who wears what told of it, and the consumable that is used up. None where the
    wearer is no longer of the household."""
    if need.source == PERSON:
        wearer = who_wears(seen.people.get(place.household, ()), place.node)
        return None if wearer is None else Only(people=(wearer,))
    if need.source == REPLENISH:
        product = used_up(place.node)
        return EVERYBODY if product is None else Only(product=product, due={product: episode.confirmed.value / 100.0})
    if need.also or not need.audience.is_everybody:
        return Only(people=around.fitting(need, place))
    return EVERYBODY


def _under(facts: Facts, shares: Mapping[tuple[str, str], float]) -> Facts:
    """With the shares that are held out of this household's experiments."""
    household, of_need = str(facts.household), assignment.need_experiment(facts.need)
    return changed(facts, holdout=shares[assignment.GLOBAL, household], need_holdout=shares[of_need, household])


def push_id(household: str, need: str, episode: str) -> str:
    """The same whenever the same (household, need, episode) is decided about."""
    return str(uuid.uuid5(PUSH_NAMESPACE, f"{household}\n{need}\n{episode}"))


def _end(seen: Known, episode: Started) -> tuple[datetime | None, bool]:
    """When an episode ended, as far as is known, and whether it never was."""
    series = episode.series
    for row in seen.episodes.get((series.site, series.node, episode.rule.need), ()):
        if row.id == episode.id:
            return row.ended_at, row.withdrawn
    return None, False


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How a push goes: the channels to try, in order, what they are worth, and the words it is written from. template:
    their version."""

    channels: tuple[str, ...]
    valued: Sequence[Valued]
    language: str
    words: Message
    template: str


class _Tick:
    """The decisions of one transaction, one after the other: each knows those before it."""

    def __init__(self, decider: Decider, connection: Connection, seen: Known, stand: Stand, now: datetime) -> None:
        self._decider, self._connection, self._seen, self._now = decider, connection, seen, now
        self._stand = stand

    def run(self, cases: Sequence[_Case]) -> list[Push]:
        before = [self._remembering(case) for case in cases]
        facts = ticks.competing(before, lambda place: policy.rival(before[place]))
        competing = [replace(case, facts=one) for case, one in zip(cases, facts, strict=True)]
        decided = [(case, *self._decide(case)) for case in competing]
        valued = self._valued([facts for _, facts, verdict in decided if verdict.outcome == SEND])
        told = [(*one, self._way(*one, valued)) for one in decided]
        bulk.insert(self._connection, tables.decisions, [_row(*one) for one in told])
        entries = [_entry(case, verdict) for case, _, verdict in decided if verdict.outcome != SEND]
        feed.append(self._connection, entries, self._now)
        going = [
            (self._push(case, facts, verdict.winner, way), way.channels)
            for case, facts, verdict, way in told
            if way is not None and verdict.winner is not None
        ]
        return self._decider.hand_over(self._connection, going, self._now)

    def _decide(self, case: _Case) -> tuple[Facts, Verdict]:
        facts = self._remembering(case)
        verdict = policy.decide(facts)
        if verdict.winner is not None:
            self._seen.note(str(case.household), _offered(facts, verdict.winner))
        return facts, verdict

    def _remembering(self, case: _Case) -> Facts:
        """With what was offered until now, in this tick too."""
        facts, before = case.facts, self._seen.offered.get(case.household or "", ())
        return ticks.remembering(facts, before, case.need.remedies, decided=facts.push in self._seen.decided)

    def _valued(self, sent: Sequence[Facts]) -> dict[str, list[Valued]]:
        """By push the channels beside the inbox that reach the person and that the household agrees to, best first."""
        whom = [(str(facts.household), facts.person) for facts in sent]
        reached = self._decider.reach(self._connection, whom)
        agreed = [
            [one for one in found if self._is_open(facts, one)] for facts, found in zip(sent, reached, strict=True)
        ]
        own = engaging.own(self._connection, whom, self._now) if any(agreed) else {}
        everybody = self._stand.content.channels
        return {
            facts.push: channels.valued(open_, everybody, own.get(one, ()))
            for facts, one, open_ in zip(sent, whom, agreed, strict=True)
        }

    def _is_open(self, facts: Facts, channel: str) -> bool:
        household = str(facts.household)
        wishes = self._seen.wishes(household, facts.person)
        return channel in self._seen.agreed.get(household, ()) and not wishes.has_muted(facts.need, channel)

    def _way(self, case: _Case, facts: Facts, verdict: Verdict, valued: Mapping[str, list[Valued]]) -> _Way | None:
        """None for what is not sent."""
        if verdict.outcome != SEND:
            return None
        wishes = self._seen.wishes(str(case.household), facts.person)
        language, words = case.need.message(wishes.language(self._decider.settings))
        named = template_version(case.need.name, language, words)
        found = valued[facts.push]
        through = channels.through(found)
        return _Way(channels=through, valued=found, language=language, words=words, template=named)

    def _push(self, case: _Case, facts: Facts, winner: Candidate, way: _Way) -> Push:
        episode = case.episode
        day_s, day = self._on_that_day(case)
        occasion = Occasion(
            node=episode.series.node,
            enter=episode.rule.enter,
            value=episode.confirmed.value,
            held_s=episode.held_s,
            product=winner.product.name,
            day_s=day_s,
            day=day,
            today=local_time.day(self._now, facts.zone),
        )
        return Push(
            id=facts.push,
            household=str(case.household),
            person=facts.person,
            kind=facts.kind,
            need=case.need.name,
            episode=episode.id,
            product=winner.product.id,
            category=winner.product.category,
            message=write(way.words, occasion, way.language),
            language=way.language,
            template=way.template,
            channel=way.channels[0],
            trigger=case.trigger,
            created_at=self._now,
            expires_at=facts.expires_at,
        )

    def _on_that_day(self, case: _Case) -> tuple[float, Any]:
        """For how many seconds the need has held on the local day of the confirming reading, up to that reading or, of
        an episode that ended before now, up to its end; and the day."""
        facts, series = case.facts, case.episode.series
        day = local_time.day(facts.confirmed_at, facts.zone)
        begin, total = local_time.midnight(day, facts.zone), 0.0
        for row in self._seen.episodes.get((series.site, series.node, facts.need), ()):
            if row.withdrawn:
                continue
            latest = facts.confirmed_at if row.ended_at is None or row.id == facts.episode else row.ended_at
            total += max((min(latest, facts.confirmed_at) - max(row.started_at, begin)).total_seconds(), 0.0)
        return max(total, min(case.episode.held_s, (facts.confirmed_at - begin).total_seconds())), day


def _offered(facts: Facts, winner: Candidate) -> Offered:
    return Offered(push=facts.push, unit=facts.unit, kind=facts.kind, category=winner.product.category, at=facts.now)


def _trigger(episode: Started) -> dict[str, Any]:
    """The key and the time of the reading that completed the dwell."""
    return {
        "node": episode.series.node,
        "installation": episode.confirmed.installation,
        "boot": episode.confirmed.boot,
        "sequence": episode.confirmed.sequence,
        "quantity": episode.series.quantity,
        "measured_at": db.from_ms(episode.confirmed.at_ms).isoformat(timespec="milliseconds"),
    }


def _row(case: _Case, facts: Facts, verdict: Verdict, way: _Way | None) -> dict[str, Any]:
    winner = verdict.winner
    return {
        "episode": facts.episode,
        "household": facts.household,
        "need": facts.need,
        "at": facts.now,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "person": facts.person,
        "push": facts.push or None,
        "kind": facts.kind,
        "product": None if winner is None else winner.product.id,
        "category": None if winner is None else winner.product.category,
        "channel": None if way is None else way.channels[0],
        "arm": {SEND: assignment.TREATMENT, GHOST: assignment.HOLDOUT}.get(verdict.outcome),
        "propensity": facts.choice.propensity if facts.candidates else None,
        "scheduled_at": verdict.until,
        "expires_at": None if facts.household is None else facts.expires_at,
        "rules_version": rule_version(case.need.rule),
        "model_version": case.judged.model,
        "trace": msgspec.json.encode(_trace(case, facts, verdict, way)).decode(),  # as the column keeps it
    }


def _trace(case: _Case, facts: Facts, verdict: Verdict, way: _Way | None) -> dict[str, Any]:
    chosen = facts.choice
    return {
        "trigger": case.trigger,
        "occasion": _occasion(case.episode),
        "need": {"version": case.need.number, "content": case.need.content},
        "categories": _categories(case.need, facts),
        "gates": verdict.gates,
        "candidates": [_scored(one, chosen.propensities) for one in facts.candidates],
        "why": case.judged.why,
        "no_push_score": NO_PUSH_SCORE,
        "no_push_propensity": chosen.none,
        "lifts": case.judged.lifts,
        "channels": [] if way is None else list(way.channels),
        "channel_values": [] if way is None else [asdict(one) for one in way.valued],
        "template": None if way is None else way.template,
        "model": case.judged.model,
        "note": case.judged.note,
    }


def _categories(need: Need, facts: Facts) -> list[str]:
    """Of data besides the air's, those that the trigger followed or that a condition found something in."""
    if need.source == ROOM and not need.also:
        return []
    used = {quantities.TRIGGERED_BY[need.source](need.quantity)}
    judged = zip(need.also, facts.conditions, strict=False)  # none were judged of who does not agree
    used |= {quantities.CATEGORY.get(also.quantity) for also, met in judged if _tells_of_somebody(also, met)}
    return sorted(category for category in used if category is not None)


def _tells_of_somebody(also: Also, met: Met) -> bool:
    return also.source == PERSON and met.value is not None


def _occasion(episode: Started) -> dict[str, Any]:
    """What else it takes to decide again."""
    return {
        "site": episode.series.site,
        "value": episode.confirmed.value,
        "held_s": episode.held_s,
        "started_at": episode.started_at.isoformat(timespec="milliseconds"),
    }


class _Scored(Struct, gc=False):
    """A candidate in a trace. Made by place, since there are many: a name for each costs as much as the rest."""

    product: str
    name: str
    category: str
    affinity: float
    lift: float
    cost: float
    score: float
    propensity: float
    hindrance: str | None
    due: float | None
    log_lift: tuple[float, float]


def _scored(candidate: Candidate, propensities: Mapping[str, float]) -> _Scored:
    product = candidate.product
    return _Scored(
        product.id,
        product.name,
        product.category,
        candidate.affinity,
        candidate.lift,
        candidate.cost,
        candidate.score,
        propensities.get(product.id, 0.0),
        candidate.hindrance,
        candidate.due,
        candidate.log_lift,
    )


_TOLD = {
    DEFER: "The push for {need} {where} ({site}) waits: {reason}",
    GHOST: "No push for {need} {where} ({site}), to compare with: {reason}",
}
_NOT_SENT = "No push for {need} {where} ({site}): {reason}"


def _entry(case: _Case, verdict: Verdict) -> feed.Entry:
    series = case.episode.series
    columns = {"episode": case.episode.id, "household": case.household, "need": case.need.name}
    said = {"outcome": verdict.outcome, "reason": verdict.reason}
    place = {"site": series.site, "node": series.node}
    text = _TOLD.get(verdict.outcome, _NOT_SENT)
    text = text.format(need=case.need.name, reason=verdict.reason, site=series.site, where=nodes.told(series.node))
    return feed.Entry(kind="decision", text=text, fields={**columns, **said, **place})


# Deferred ones.


def _due(now: datetime) -> Any:
    """The last decisions about their episodes, where those were deferred until now."""
    table = tables.decisions
    later = table.alias("later")
    overtaken = exists(select(later.c.id).where(later.c.episode == table.c.episode, later.c.id > table.c.id))
    columns = (table.c.episode, table.c.need, table.c.trace)
    waiting = (table.c.outcome == DEFER, table.c.scheduled_at <= now, ~overtaken)
    return select(*columns).where(*waiting).order_by(table.c.scheduled_at, table.c.id).limit(MOST_DUE)


def _again(row: Row[Any], needs: Needs) -> Started:
    """The episode as it was when it was decided about."""
    trigger, occasion = row.trace["trigger"], row.trace["occasion"]
    at_ms = db.to_ms(datetime.fromisoformat(trigger["measured_at"]))
    key = (trigger["installation"], trigger["boot"], trigger["sequence"])
    return Started(
        id=row.episode,
        rule=needs.by_name[row.need].rule,
        series=Series(site=occasion["site"], node=trigger["node"], quantity=trigger["quantity"]),
        confirmed=Point(at_ms, *key, occasion["value"]),
        held_s=occasion["held_s"],
        started_at=datetime.fromisoformat(occasion["started_at"]),
    )
