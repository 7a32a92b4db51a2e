"""Reports about many people: the one way by which figures on groups of them leave the store.

A report is of a whole month that is over, by fixed groups, and is kept as it was first shown: so nobody can ask twice
about groups that differ by somebody, neither by other limits nor by waiting until somebody moves or is erased. Cells go
through small_groups. Only people are counted whose household agrees to its air being used for marketing: a report is
such a use.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, select

from aircue_cloud import consents, db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.rights import small_groups

NOWHERE = "unknown"  # the area of a site that nobody placed


class Group(Struct, kw_only=True, frozen=True):
    """A row of a report. total: of all cells. people: by cell. null: too few to be shown."""

    name: str
    total: int | None
    people: dict[str, int | None]


class Report(Struct, kw_only=True, frozen=True):
    """cells: what people are counted by; groups: each counted by itself, so that one person may be in several."""

    name: str
    month: str
    at_least: int
    groups: list[Group]


def report(connection: Connection, name: str, month: str, now: datetime) -> Report:
    """As it was first shown; only within db.writing. CommandError where the month is none, or not over yet."""
    start, end = over(month, now)
    table = tables.reports
    found = connection.execute(select(table.c.document).where(table.c.name == name, table.c.month == month)).scalar()
    if found is None:
        found = _document(_COUNTED[name](connection, start, end))
        row = {"name": name, "month": month, "made_at": now, "document": found}
        connection.execute(db.insert_absent(connection, table), [row])
    groups = [Group(**group) for group in found]
    return Report(name=name, month=month, at_least=small_groups.K, groups=groups)


def over(month: str, now: datetime) -> tuple[datetime, datetime]:
    """Its first moment, and the next month's, in UTC; CommandError where it is none, or not over yet."""
    start, end = _month(month)
    if end > now:
        raise CommandError(f"month {month} is not over: reports are of whole months")
    return start, end


def _month(text: str) -> tuple[datetime, datetime]:
    """Its first moment, and the next month's, in UTC."""
    try:
        start = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"month {text!r:.20}: expected one such as 2026-10") from None
    year, month = divmod(start.year * 12 + start.month, 12)
    return start, start.replace(year=year, month=month + 1)


def _document(counted: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Groups that nobody may be seen of are there as well, so that their number says nothing."""
    return [
        {"name": name, "total": small_groups.total(cells), "people": small_groups.shown(cells)}
        for name, cells in sorted(counted.items())
    ]


def _needs_by_area(connection: Connection, start: datetime, end: datetime) -> dict[str, dict[str, int]]:
    """People at whose home a need began, by need and area."""
    episodes, sites, people = tables.episodes.c, tables.sites.c, tables.people.c
    agreeing = consents.granting(purpose="marketing", data_category="sensor")
    query = (
        select(episodes.need, sites.area, people.id)
        .join(tables.sites, sites.id == episodes.site)
        .join(tables.people, people.household == sites.household)
        .where(episodes.started_at >= start, episodes.started_at < end, ~episodes.withdrawn)
        .where(sites.household.in_(agreeing))
        .distinct()
    )
    return _counted((row.need, row.area or NOWHERE, row.id) for row in connection.execute(query))


def _consents(connection: Connection, _: datetime, end: datetime) -> dict[str, dict[str, int]]:
    """People whose household agreed, as of the month's end, to a use of some data through some channel. A group that
    differs from another by fewer than 20 people, and so would tell of them, is counted as nobody."""
    table, people = tables.consents.c, tables.people.c
    said = (table.household, table.purpose, table.data_category, table.channel)
    last = select(func.max(table.id)).where(table.at < end).group_by(*said)
    query = (
        select(table.purpose, table.data_category, table.channel, people.id)
        .join(tables.people, people.household == table.household)
        .where(table.id.in_(last), table.granted)
    )
    found: dict[str, set[str]] = {}
    for purpose, category, channel, person in connection.execute(query):
        found.setdefault(f"{purpose}: {category}, {channel}", set()).add(person)
    return _apart({name: frozenset(ids) for name, ids in found.items()})


def _apart(groups: Mapping[str, frozenset[str]]) -> dict[str, dict[str, int]]:
    told: list[frozenset[str]] = []
    counted: dict[str, dict[str, int]] = {}
    for name in sorted(groups):
        is_near = small_groups.overlapping(told, groups[name])
        counted[name] = {"agreed": 0 if is_near else len(groups[name])}
        if not is_near and len(groups[name]) >= small_groups.K:
            told.append(groups[name])
    return counted


def _counted(rows: Iterable[tuple[str, str, str]]) -> dict[str, dict[str, int]]:
    """(group, cell, person). A person of several cells of a group, a home in each, counts in the first alone: cells
    that overlap could be told apart by their sum."""
    cell_of: dict[tuple[str, str], str] = {}
    for group, cell, person in sorted(rows):
        cell_of.setdefault((group, person), cell)
    found: dict[str, dict[str, int]] = {}
    for (group, _), cell in cell_of.items():
        cells = found.setdefault(group, {})
        cells[cell] = cells.get(cell, 0) + 1
    return found


_COUNTED: Mapping[str, Callable[[Connection, datetime, datetime], dict[str, dict[str, int]]]] = MappingProxyType(
    {"needs-by-area": _needs_by_area, "consents": _consents}
)
NAMES = tuple(_COUNTED)
