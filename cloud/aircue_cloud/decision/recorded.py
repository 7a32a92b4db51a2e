"""Stored decisions as they were made, household by household, with what else it takes to decide again."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from aircue_cloud import consents, tables
from aircue_cloud.decision import preferences
from aircue_cloud.decision.candidates import MARGIN
from aircue_cloud.decision.known import OFFERED
from aircue_cloud.decision.policy import CHANNEL, DATA_CATEGORY, DEFER, PURPOSE
from aircue_cloud.decision.preferences import NOTHING_SAID, Preferences, Wishes
from aircue_cloud.decision.ticks import Made
from aircue_cloud.outcomes import assignment, enrolment

_AT_ONCE = 100  # households
_PAGE = 2000  # decisions about homes that nobody has claimed
_D = tables.decisions.c
Inputs = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One stored decision. inputs: of the gates that were reached. failed: the gate that held it, "" for none."""

    id: int
    at: datetime
    outcome: str
    episode: str
    household: str | None
    person: str | None
    need: str
    push: str
    kind: str
    product: str | None
    scheduled_at: datetime | None
    trace: Mapping[str, Any] = field(repr=False)
    inputs: Mapping[str, Inputs] = field(repr=False)
    failed: str

    @property
    def unit(self) -> str:
        return self.person or self.household or ""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """When an episode ended, None while it lasts."""

    at: datetime | None
    withdrawn: bool


@dataclass(frozen=True, kw_only=True)
class Home:
    """One household, None for all those that nobody has claimed. records: in order of their ids, each chain of one
    episode by itself: what was deferred goes on with its next record. given: offers that are not decided again. What
    holds today, for what nobody recorded: said, zone (by site), consent, shares. margins: of a sale, by product."""

    household: str | None
    chains: Sequence[Sequence[Record]]
    given: Sequence[Made] = ()
    ended: Mapping[str, Ended] = field(default_factory=dict)
    said: Mapping[tuple[str, str], Preferences] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    consent: bool | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)

    def wishes(self, person: str | None) -> Wishes:
        mine = self.said.get((preferences.PERSON, person or ""), NOTHING_SAID)
        ours = self.said.get((preferences.HOUSEHOLD, self.household or ""), NOTHING_SAID)
        return Wishes(person=mine, household=ours)


def latest(connection: Connection) -> datetime | None:
    """When the last decision was made."""
    found: datetime | None = connection.execute(select(func.max(_D.at))).scalar()
    return found


def homes(connection: Connection, since: datetime, back: timedelta) -> Iterator[Home]:
    """back: how far before since offers still count."""
    query = select(_D.household).where(_D.at >= since, _D.household.is_not(None)).distinct().order_by(_D.household)
    households = list(connection.execute(query).scalars())
    margins = _margins(connection) if households else {}
    for first in range(0, len(households), _AT_ONCE):
        yield from _of(connection, households[first : first + _AT_ONCE], since, back, margins)
    yield from _unclaimed(connection, since)


def _of(
    connection: Connection, households: Sequence[str], since: datetime, back: timedelta, margins: Mapping[str, float]
) -> Iterator[Home]:
    query = select(tables.decisions).where(_D.household.in_(households), _D.at >= since)
    records: dict[str, list[Record]] = defaultdict(list)
    for row in connection.execute(query.order_by(_D.at, _D.id)):
        records[row.household].append(_record(row))
    everything = [one for some in records.values() for one in some]
    deferred = _deferred_before(connection, everything, since)
    earlier = _offered_before(connection, households, everything, since - back, since)
    ended, zones = _ended(connection, everything), _zones(connection, everything)
    people = sorted({one.person for one in everything if one.person is not None})
    said = preferences.everybody(connection, people, households)
    shares = _shares(connection, households, everything)
    for household in households:
        chains, others = _chains(records[household], deferred)
        yield Home(
            household=household,
            chains=chains,
            given=[*earlier.get(household, ()), *others],
            ended=ended,
            said=said,
            zones=zones,
            consent=consents.granted(
                connection, household, purpose=PURPOSE, data_category=DATA_CATEGORY, channel=CHANNEL
            ),
            shares={name: share for (name, whose), share in shares.items() if whose == household},
            margins=margins,
        )


def _record(row: Any) -> Record:
    gates = row.trace["gates"]
    return Record(
        id=row.id,
        at=row.at,
        outcome=row.outcome,
        episode=row.episode,
        household=row.household,
        person=row.person,
        need=row.need,
        push=row.push or "",
        kind=row.kind,
        product=row.product,
        scheduled_at=row.scheduled_at,
        trace=row.trace,
        inputs={one["gate"]: one["inputs"] for one in gates if one["result"] != "not reached"},
        failed=next((one["gate"] for one in gates if one["result"] == "fail"), ""),
    )


def _chains(records: Sequence[Record], deferred: frozenset[str]) -> tuple[list[list[Record]], list[Made]]:
    """What goes on with a deferral from before the first record is not decided again; the offers of these."""
    chains: list[list[Record]] = []
    waiting: dict[str, list[Record] | None] = dict.fromkeys(deferred)
    others = []
    for one in sorted(records, key=lambda one: one.id):
        if one.episode not in waiting:
            chains.append([one])
            chain: list[Record] | None = chains[-1]
        else:
            chain = waiting.pop(one.episode)
            if chain is not None:
                chain.append(one)
            elif one.outcome in OFFERED:
                others.append(_made(one))
        if one.outcome == DEFER:
            waiting[one.episode] = chain
    return chains, others


def _made(one: Record) -> Made:
    category = next((found["category"] for found in one.trace["candidates"] if found["product"] == one.product), "")
    return Made(one.push, one.unit, one.kind, category, one.at)


def _deferred_before(connection: Connection, records: Sequence[Record], since: datetime) -> frozenset[str]:
    """Episodes whose last decision before since was to wait."""
    last: dict[str, str] = {}
    for some in _parts({one.episode for one in records}):
        query = select(_D.episode, _D.outcome).where(_D.episode.in_(some), _D.at < since)
        last |= {row.episode: row.outcome for row in connection.execute(query.order_by(_D.id))}
    return frozenset(episode for episode, outcome in last.items() if outcome == DEFER)


def _offered_before(
    connection: Connection, households: Sequence[str], records: Sequence[Record], first: datetime, since: datetime
) -> dict[str, list[Made]]:
    """Offers not older than first, and those that these decisions' pushes had however long ago."""
    columns = (_D.id, _D.household, _D.person, _D.push, _D.kind, _D.category, _D.at)
    query = select(*columns).where(_D.household.in_(households), _D.at < since, _D.outcome.in_(OFFERED))
    rows = {row.id: row for row in connection.execute(query.where(_D.at >= first))}
    for some in _parts({one.push for one in records}):
        rows |= {row.id: row for row in connection.execute(query.where(_D.push.in_(some)))}
    found: dict[str, list[Made]] = defaultdict(list)
    for _, row in sorted(rows.items()):
        made = Made(row.push, row.person or row.household, row.kind, row.category, row.at)
        found[row.household].append(made)
    return found


def _ended(connection: Connection, records: Sequence[Record]) -> dict[str, Ended]:
    table, found = tables.episodes.c, {}
    for some in _parts({one.episode for one in records}):
        query = select(table.id, table.ended_at, table.withdrawn).where(table.id.in_(some))
        found |= {row.id: Ended(at=row.ended_at, withdrawn=row.withdrawn) for row in connection.execute(query)}
    return found


def _zones(connection: Connection, records: Sequence[Record]) -> dict[str, str]:
    table, found = tables.sites.c, {}
    for some in _parts({one.trace["occasion"]["site"] for one in records}):
        found |= {row.id: row.tz for row in connection.execute(select(table.id, table.tz).where(table.id.in_(some)))}
    return found


def _shares(
    connection: Connection, households: Sequence[str], records: Sequence[Record]
) -> Mapping[tuple[str, str], float]:
    experiments = {assignment.GLOBAL, *(assignment.need_experiment(one.need) for one in records)}
    return enrolment.enrolled(connection, households, experiments)


def _margins(connection: Connection) -> dict[str, float]:
    """Minor units that a sale earns, by product."""
    table = tables.products.c
    found = {}
    for row in connection.execute(select(table.id, table.price_minor, table.attributes)):
        share = row.attributes.get("margin", MARGIN)
        found[row.id] = row.price_minor * (share if isinstance(share, int | float) else MARGIN)
    return found


def _unclaimed(connection: Connection, since: datetime) -> Iterator[Home]:
    last = 0
    while True:
        query = select(tables.decisions).where(_D.household.is_(None), _D.at >= since, _D.id > last)
        records = [_record(row) for row in connection.execute(query.order_by(_D.id).limit(_PAGE))]
        if not records:
            return
        yield Home(household=None, chains=[[one] for one in records])
        last = records[-1].id


def _parts(names: set[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for first in range(0, len(ordered), 500):
        yield ordered[first : first + 500]
