"""Snapshots as they may be used now: of people whose data may still be used, whatever held when they were made."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.segments import audiences, profiles, saved, snapshots
from aircue_cloud.segments.profiles import BEHAVIOUR, SENSOR, Segments

STALE = timedelta(days=7)  # after which nobody is in any audience
_AT_ONCE = 500
_S = tables.segment_snapshots.c
People = Mapping[str, Segments]


def people(connection: Connection, day: str) -> dict[str, Segments]:
    """Everybody's of a day, by person."""
    query = select(_S.person, _S.document).where(_S.day == day).order_by(_S.person)
    return _usable(connection, ((row.person, row.document) for row in connection.execute(query)))


def _usable(connection: Connection, rows: Iterable[tuple[str, Any]]) -> dict[str, Segments]:
    found = list(rows)
    persons = [person for person, _ in found]
    using = {category: snapshots.using(connection, category, persons) for category in (BEHAVIOUR, SENSOR)}
    return {person: _left(person, document["segments"], using) for person, document in found}


def _left(person: str, segments: Segments, using: Mapping[str, Collection[str]]) -> Segments:
    found = ((name, profiles.profile(name)) for name in segments)
    return {name: segments[name] for name, one in found if one is not None and person in using[one.category]}


def by_profile(found: People) -> dict[str, dict[str, frozenset[str]]]:
    """People by profile and segment."""
    groups: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for person, segments in found.items():
        for profile, names in segments.items():
            for name in names:
                groups[profile][name].add(person)
    return {
        profile: {name: frozenset(some) for name, some in sorted(cells.items())}
        for profile, cells in sorted(groups.items())
    }


def segment_of(found: People, profile: str) -> dict[str, str]:
    """Of a profile in which everybody has one segment."""
    return {person: segments[profile][0] for person, segments in found.items() if segments.get(profile)}


def members(found: People, audience: audiences.Audience) -> frozenset[str]:
    return frozenset(person for person, segments in found.items() if audiences.fits(audience, segments))


def audiences_of(connection: Connection, persons: Sequence[str], now: datetime) -> dict[str, frozenset[str]]:
    """The names of the audiences that each is in, by the last snapshot; none where that is stale."""
    day = snapshots.latest(connection)
    if day is None or now.date() - date.fromisoformat(day) > STALE:
        return {}
    held = [one.audience for one in saved.current(connection).values() if one.audience is not None]
    rows: list[tuple[str, Any]] = []
    for start in range(0, len(persons), _AT_ONCE):
        some = (_S.day == day, _S.person.in_(persons[start : start + _AT_ONCE]))
        rows += [(row.person, row.document) for row in connection.execute(select(_S.person, _S.document).where(*some))]
    found = _usable(connection, rows)
    return {
        person: frozenset(one.name for one in held if audiences.fits(one, segments))
        for person, segments in found.items()
    }
