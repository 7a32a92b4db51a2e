"""Segments as figures that may be shown: none on fewer than 20 people, and all in tens.

What one figure hides two may tell. So of a profile's segments more than one is hidden where one alone would follow from
the total (rights/small_groups.py); an audience is told of only where it differs from everything told of the same day,
older versions of audiences too, by nobody or by 20 people and more; and figures are rounded to tens, so that a figure
of one day less that of the next says nothing of the few who moved.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection

from aircue_cloud.errors import CommandError
from aircue_cloud.rights import small_groups
from aircue_cloud.rights.small_groups import K
from aircue_cloud.segments import drift as drifts
from aircue_cloud.segments import profiles, reading, saved, snapshots
from aircue_cloud.segments.reading import People
from aircue_cloud.segments.saved import Version


class SegmentShown(Struct, kw_only=True, frozen=True):
    """people: in tens; null: too few to be shown."""

    name: str
    people: int | None


class ProfileShown(Struct, kw_only=True, frozen=True):
    """parts: whether everybody is in one of its segments at most."""

    name: str
    title: str
    parts: bool
    people: int | None
    segments: list[SegmentShown]


class AudienceShown(Struct, kw_only=True, frozen=True):
    name: str
    title: str
    people: int | None
    number: int
    document: dict[str, Any]


class Shown(Struct, kw_only=True, frozen=True):
    """day: null while there is no snapshot."""

    day: str | None
    at_least: int
    people: int | None
    profiles: list[ProfileShown]
    audiences: list[AudienceShown]


class Moved(Struct, kw_only=True, frozen=True):
    """origin, goal: segments; "" is outside of the profile."""

    origin: str
    goal: str
    people: int | None


class SegmentDrift(Struct, kw_only=True, frozen=True):
    name: str
    before: int | None
    after: int | None


class DriftShown(Struct, kw_only=True, frozen=True):
    """psi: the population stability index; null where a day has too few people, or one may be in several segments."""

    profile: str
    title: str
    begin: str
    end: str
    psi: float | None
    verdict: str
    segments: list[SegmentDrift]
    flows: list[Moved]


def about(count: int | None) -> int | None:
    """In tens, the half upwards; None where too few.

    >>> about(0), about(44), about(45), about(None)
    (0, 40, 50, None)
    """
    return None if count is None else (count + 5) // 10 * 10


def shown(connection: Connection) -> Shown:
    """Of the last snapshot."""
    day = snapshots.latest(connection)
    if day is None:
        held = [_audience(one, None) for one in saved.current(connection).values()]
        return Shown(day=None, at_least=K, people=None, profiles=[], audiences=held)
    found = reading.people(connection, day)
    told: list[frozenset[str]] = [frozenset(found)]
    of_profiles = [_profile(name, cells, told) for name, cells in reading.by_profile(found).items()]
    total = small_groups.total({"": len(found)})
    return Shown(
        day=day,
        at_least=K,
        people=about(total),
        profiles=of_profiles,
        audiences=list(_audiences(connection, found, told)),
    )


def _profile(name: str, cells: Mapping[str, frozenset[str]], told: list[frozenset[str]]) -> ProfileShown:
    """Adds to told what may be concluded from what is shown."""
    known = profiles.profile(name)
    assert known is not None
    everybody: frozenset[str] = frozenset().union(*cells.values())
    if len(everybody) < K:  # the very names would tell of them
        return ProfileShown(name=name, title=known.title, parts=known.parts, people=None, segments=[])
    counts = _parts(cells) if known.parts else _several(cells, everybody)
    told += [cells[one] for one, count in counts.items() if count is not None]
    return ProfileShown(
        name=name,
        title=known.title,
        parts=known.parts,
        people=about(len(everybody)),
        segments=[SegmentShown(name=one, people=about(count)) for one, count in counts.items()],
    )


def _parts(cells: Mapping[str, frozenset[str]]) -> dict[str, int | None]:
    return small_groups.shown({name: len(some) for name, some in cells.items()})


def _several(cells: Mapping[str, frozenset[str]], everybody: frozenset[str]) -> dict[str, int | None]:
    """Each beside all who are in none of it."""
    return {
        name: None if small_groups.overlapping([frozenset(), everybody], some) else len(some)
        for name, some in cells.items()
    }


def _audiences(connection: Connection, found: People, told: list[frozenset[str]]) -> Iterator[AudienceShown]:
    """In the order of their names; told in the order in which they were saved, of all versions."""
    counts: dict[tuple[str, int], int | None] = {}
    versions = saved.versions(connection)
    for one in versions:
        counts[one.name, one.number] = _counted(one, found, told)
    for name, held in saved.current(connection).items():
        yield _audience(held, counts[name, held.number])


def _counted(one: Version, found: People, told: list[frozenset[str]]) -> int | None:
    if one.audience is None:
        return None
    inside = reading.members(found, one.audience)
    if len(inside) < K or small_groups.overlapping(told, inside):
        return None
    told.append(inside)
    return len(inside)


def _audience(one: Version, count: int | None) -> AudienceShown:
    assert one.audience is not None
    return AudienceShown(
        name=one.name, title=one.audience.title, people=about(count), number=one.number, document=dict(one.document)
    )


def drift(connection: Connection, begin: str, end: str) -> list[DriftShown]:
    """Between two snapshots, of the people whose data may be used now."""
    old, new = reading.people(connection, begin), reading.people(connection, end)
    before, after = reading.by_profile(old), reading.by_profile(new)
    return [_drift(name, old, new, begin, end) for name in sorted(before.keys() | after.keys())]


def _drift(name: str, old: People, new: People, begin: str, end: str) -> DriftShown:
    known = profiles.profile(name)
    assert known is not None
    sizes = [len([1 for segments in people.values() if name in segments]) for people in (old, new)]
    enough = known.parts and min(sizes) >= K
    moved = drifts.drift(reading.segment_of(old, name), reading.segment_of(new, name)) if enough else None
    return DriftShown(
        profile=name,
        title=known.title,
        begin=begin,
        end=end,
        psi=None if moved is None else round(moved.psi, 4),
        verdict="not told" if moved is None else drifts.verdict(moved.psi),
        segments=_before_after(name, old, new, parts=known.parts) if max(sizes) >= K else [],
        flows=[] if moved is None else list(_flows(moved.flows)),
    )


def _before_after(name: str, old: People, new: People, *, parts: bool) -> list[SegmentDrift]:
    columns = []
    for people in (old, new):
        cells = reading.by_profile(people).get(name, {})
        everybody: frozenset[str] = frozenset().union(*cells.values())
        columns.append(_parts(cells) if parts else _several(cells, everybody))
    names = sorted({*columns[0], *columns[1]})
    return [
        SegmentDrift(name=one, before=about(columns[0].get(one, 0)), after=about(columns[1].get(one, 0)))
        for one in names
    ]


def _flows(flows: Mapping[tuple[str, str], int]) -> Iterator[Moved]:
    """Row by row; a hidden one does not follow from its row's total."""
    for origin in sorted({one for one, _ in flows}):
        row = {goal: count for (start, goal), count in flows.items() if start == origin}
        for goal, count in sorted(small_groups.shown(row).items()):
            yield Moved(origin=origin, goal=goal, people=about(count))


def refusal(count: int) -> str | None:
    """Why an audience is not exported; None where it may be."""
    return None if count >= K else f"the audience has fewer than {K} people: a list of so few is not given out"


def chosen(days: Sequence[str], begin: str | None, end: str | None) -> tuple[str, str]:
    """Two days to compare, the earlier first. days: with a snapshot, the latest first. CommandError for others."""
    for said in (begin, end):
        if said is not None and said not in days:
            raise CommandError(f"{said!r:.40}: there is no snapshot of this day; there are {', '.join(days) or 'none'}")
    last = end or next(iter(days), None)
    first = begin or next((one for one in days if last is not None and one < last), None)
    if last is None or first is None:
        raise CommandError("two snapshots are needed to compare; the server makes one a day")
    return min(first, last), max(first, last)
