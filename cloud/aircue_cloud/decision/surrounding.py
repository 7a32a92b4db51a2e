"""What a tick's decisions ask for beside their triggers, read from the database: each thing once, and only of homes
that agree to its use."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from aircue_cloud import consents, db, tables
from aircue_cloud.decision.known import Known
from aircue_cloud.decision.policy import FAULTS, PURPOSE
from aircue_cloud.decision.settings import Settings
from aircue_cloud.needs import conditions, quantities
from aircue_cloud.needs.also import FORECAST, OUTDOOR, PERSON, ROOM, Also
from aircue_cloud.needs.conditions import Fact, Met, Reader
from aircue_cloud.needs.document import MOST_WITHIN_H
from aircue_cloud.needs.needs import Need
from aircue_cloud.segments import reading
from aircue_cloud.weather import course
from aircue_cloud.weather.course import Told
from aircue_gateway.cleaning.derived import DERIVED
from aircue_gateway.cleaning.mould import SURFACES, MouldIndex

PAST = timedelta(days=2)  # how far back anything is looked for
MOULD_DAYS = 60  # of air that a mould index is reckoned from
SURFACE = "sensitive"
_HOUR = timedelta(hours=1)
_HOUR_MS = 3_600_000
Facts = dict[tuple[str, str], Sequence[Fact]]
Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and of whom an episode is."""

    household: str
    site: str
    node: str


class Surrounding:
    """Of one tick."""

    def __init__(self, connection: Connection, seen: Known, settings: Settings, now: datetime) -> None:
        self._connection, self._seen, self._settings, self._now = connection, seen, settings, now
        self._facts: dict[tuple[str, ...], Facts] = {}
        self._agreed: dict[str, frozenset[str]] = {}
        self._audiences: dict[str, dict[str, frozenset[str]]] = {}

    def audience(self, need: Need, place: Place, person: str | None) -> tuple[Met, ...]:
        if need.audience.is_everybody:
            return ()
        wishes = self._seen.wishes(place.household, person)
        where = wishes.place(self._seen.sites[place.site][1], self._settings)
        reader = Reader(
            language=wishes.language(self._settings),
            zone=where.zone.key,
            zone_known=where.known,
            area=self._areas.get(place.site),
            owned=_owned(self._seen, place.household),
            audiences=self._in(place.household, person) if need.audience.audiences else frozenset(),
        )
        return conditions.audience(need.audience, reader)

    def _in(self, household: str, person: str | None) -> frozenset[str]:
        """The audiences of a person; of nobody in particular those of anybody of the household."""
        home = tuple(self._seen.people.get(household, ()))
        if household not in self._audiences:
            self._audiences[household] = reading.audiences_of(self._connection, home, self._now)
        found = self._audiences[household]
        whose = home if person is None else (person,)
        return frozenset().union(*(found.get(one, frozenset()) for one in whose))

    def conditions(self, need: Need, place: Place, person: str | None) -> tuple[Met, ...]:
        """Each that a need asks for, as it stands for one person, or for nobody in particular."""
        if not need.also:
            return ()
        wishes = self._seen.wishes(place.household, person)
        zone = wishes.place(self._seen.sites[place.site][1], self._settings).zone
        known: Facts = {}
        for source in {also.source for also in need.also}:
            known |= self._of(source, need.also, place, person)
        return tuple(conditions.judged(also, known, self._now, zone) for also in need.also)

    def weather(self, place: Place) -> Facts:
        """What is told of the weather, now and ahead."""
        area = self._areas.get(place.site)
        return {} if area is None else self._weather(area)

    def worn(self, place: Place, person: str | None) -> Facts:
        """What somebody wears, where the household agrees to its use."""
        return {} if person is None else self._worn(place.household, person)

    def fitting(self, need: Need, place: Place) -> tuple[str, ...]:
        """Of the household's people those of whom everything holds that a need asks of a person; all of them where it
        asks nothing, or where nobody fits."""
        people = tuple(self._seen.people.get(place.household, ()))
        if len(people) < 2 or (need.audience.is_everybody and not any(also.source == PERSON for also in need.also)):
            return people
        found = tuple(
            person
            for person in people
            if all(met.passes for met in (*self.audience(need, place, person), *self.conditions(need, place, person)))
        )
        return found or people

    def _of(self, source: str, asked: Sequence[Also], place: Place, person: str | None) -> Facts:
        """room facts stand beside those of the weather: differences need them."""
        if source == ROOM:
            mould = any(also.quantity == quantities.MOULD_INDEX for also in asked)
            return self._once((ROOM, place.site, place.node, str(mould)), lambda: self._room(place, mould=mould))
        if source in (OUTDOOR, FORECAST):
            area = self._areas.get(place.site)
            minus = any(also.minus_room for also in asked)
            inside = self._of(ROOM, asked, place, person) if minus else {}
            return inside | ({} if area is None else self._once((OUTDOOR, area), lambda: self._weather(area)))
        if source == PERSON and person is not None:
            return self._once((PERSON, person), lambda: self._worn(place.household, person))
        return {}

    def _once(self, key: tuple[str, ...], read: Any) -> Facts:
        if key not in self._facts:
            self._facts[key] = read()
        return self._facts[key]

    @cached_property
    def _areas(self) -> dict[str, str | None]:
        table = tables.sites.c
        query = select(table.id, table.area).where(table.id.in_(sorted(self._seen.sites)))
        return {row.id: row.area for row in self._connection.execute(query)}

    # Of a room.

    def _room(self, place: Place, *, mould: bool) -> Facts:
        table = tables.node_state.c
        columns = (table.quantity, table.value, table.scale, table.measured_at, table.flag)
        query = select(*columns).where(table.site == place.site, table.node == place.node)
        found: Facts = {
            (ROOM, row.quantity): [Fact(value=row.value / row.scale, at=row.measured_at)]
            for row in self._connection.execute(query)
            if row.flag not in FAULTS
        }
        found |= _derived(found)
        return found | self._mould(place) if mould else found

    def _mould(self, place: Place) -> Facts:
        """Reckoned from the hours' means of the last MOULD_DAYS."""
        table, this_hour = tables.hourly.c, db.to_ms(self._now) // _HOUR_MS
        columns = (table.quantity, table.hour, table.total, table.scale, table.readings)
        mine = (table.site == place.site, table.node == place.node, table.hour > this_hour - 24 * MOULD_DAYS)
        query = select(*columns).where(*mine, table.hour <= this_hour, table.quantity.in_(("temperature", "humidity")))
        means: dict[int, dict[str, float]] = {}
        for row in self._connection.execute(query):
            means.setdefault(row.hour, {})[row.quantity] = row.total / row.scale / row.readings
        hours = [(hour, mean) for hour, mean in sorted(means.items()) if len(mean) == 2]
        if not hours:
            return {}
        mould = MouldIndex(SURFACES[SURFACE])
        for hour, mean in hours:
            index = mould.update(hour * 3600.0, mean["temperature"], mean["humidity"])
        at = min(db.from_ms((hours[-1][0] + 1) * _HOUR_MS), self._now)
        return {(ROOM, quantities.MOULD_INDEX): [Fact(value=index, at=at)]}

    # Of the weather.

    def _weather(self, area: str) -> Facts:
        until = self._now + timedelta(hours=MOST_WITHIN_H)
        hours = course.between(self._connection, [area], self._now - PAST, until)[area]
        found: dict[tuple[str, str], list[Fact]] = {}
        for hour in hours:
            for quantity, value in hour.values.items():
                if hour.hour <= self._now:
                    found[OUTDOOR, quantity] = [Fact(value=value, at=hour.hour)]
                else:
                    found.setdefault((FORECAST, quantity), []).append(_ahead(hour, value))
        return {key: facts for key, facts in found.items()}  # noqa: C416  # the type of a sequence

    # Of a person.

    def _worn(self, household: str, person: str) -> Facts:
        table = tables.observations.c
        kinds = [kind for kind in _KINDS if self._agrees(household, _KINDS[kind])]
        if not kinds:
            return {}
        mine = (table.person == person, table.kind.in_(kinds), table.at > self._now - PAST, table.at <= self._now)
        query = select(tables.observations).where(*mine).order_by(table.at, table.id)
        by_kind: dict[str, list[Any]] = {}
        for row in self._connection.execute(query):
            by_kind.setdefault(row.kind, []).append(row)
        found: Facts = {
            (PERSON, kind): [Fact(value=rows[-1].value, at=rows[-1].at)]
            for kind, rows in by_kind.items()
            if kind != "location"
        }
        found |= _steps_in_hour(by_kind.get("steps", ()), self._now)
        return found | self._away(household, by_kind.get("location", ()))

    def _agrees(self, household: str, category: str) -> bool:
        if category not in self._agreed:
            query = consents.granting(purpose=PURPOSE, data_category=category)
            homes = sorted({home for home, _ in self._seen.sites.values() if home is not None})
            mine = query.where(tables.consents.c.household.in_(homes))
            self._agreed[category] = frozenset(self._connection.execute(mine).scalars())
        return household in self._agreed[category]

    def _away(self, household: str, rows: Sequence[Any]) -> Facts:
        table = tables.sites.c
        query = select(table.area).where(table.household == household, table.area.is_not(None))
        homes = set(self._connection.execute(query).scalars()) if rows else set()
        if not homes:
            return {}
        return {(PERSON, "away"): [Fact(value=float(rows[-1].area not in homes), at=rows[-1].at)]}


_KINDS = {"ambient-temperature": "ambient", "skin-temperature": "body", "steps": "activity", "location": "location"}


def _derived(found: Facts) -> Facts:
    both = found.get((ROOM, "temperature")), found.get((ROOM, "humidity"))
    if both[0] is None or both[1] is None:
        return {}
    temperature, humidity = both[0][0], both[1][0]
    at = min(temperature.at, humidity.at)
    return {
        (ROOM, name): [Fact(value=derived(temperature.value, humidity.value), at=at)]
        for name, (_, derived) in DERIVED.items()
    }


def _ahead(hour: Told, value: float) -> Fact:
    return Fact(value=value, at=hour.told_at, of=hour.hour)


def _steps_in_hour(rows: Sequence[Any], now: datetime) -> Facts:
    """Of the device that counted most. Counters begin anew at midnight."""
    by_device: dict[str, list[Any]] = {}
    for row in rows:
        by_device.setdefault(row.device, []).append(row)
    made = [sum(_made(of, now)) for of in by_device.values() if len(of) > 1 and of[-1].at > now - _HOUR]
    return {(PERSON, "steps-in-hour"): [Fact(value=max(made), at=rows[-1].at)]} if made else {}


def _made(rows: Sequence[Any], now: datetime) -> Iterator[float]:
    for before, row in pairwise(rows):
        if row.at > now - _HOUR and before.at > now - 2 * _HOUR:
            yield row.value - before.value if row.value >= before.value else row.value


def _owned(seen: Known, household: str) -> frozenset[str]:
    """Categories of what the household bought and kept."""
    kept: dict[str, int] = {}
    for one in seen.shopped.get(household, ()):
        kept[one.category] = kept.get(one.category, 0) + _KEPT.get(one.kind, 0)
    return frozenset(category for category, times in kept.items() if times > 0)


_KEPT = {"purchase": 1, "return": -1}
