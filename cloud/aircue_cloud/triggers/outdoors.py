"""Episodes of the weather: of each site whose area it is told of, hour by hour up to now. What was forecast for an hour
counts once the hour has come; who knows better later corrects it, and the episode with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from aircue_cloud import db, tables
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs.needs import OUTDOOR, Needs
from aircue_cloud.needs.nodes import OUTDOORS
from aircue_cloud.triggers.following import follow as follow_courses
from aircue_cloud.triggers.following import point
from aircue_cloud.weather import course
from aircue_cloud.weather.course import Told
from aircue_cloud.weather.outdoor import HOUR

LOOKS_BACK = timedelta(days=3)  # for what was told, or corrected, since the last look


def follow(connection: Connection, needs: Needs, now: datetime) -> list[Started]:
    """The episodes that are new, of sites that somebody lives at."""
    watching = Needs({need.name: need for need in needs.of(OUTDOOR)})
    areas = _areas(connection) if watching.by_name else {}
    if not areas:
        return []
    weather = _Weather(connection, areas)
    courses = _courses(connection, watching, areas, now)
    courses |= _silent(connection, watching, weather, now)
    return follow_courses(connection, watching, list(courses.items()), weather, db.to_ms(now), now)


def _silent(connection: Connection, watching: Needs, weather: "_Weather", now: datetime) -> dict[Series, list[Point]]:
    """What was told of open episodes of which nothing was told lately."""
    table, found = tables.episodes.c, dict[Series, list[Point]]()
    lately_ms, now_ms = db.to_ms(now - LOOKS_BACK), db.to_ms(now)
    query = select(table.need, table.site, table.started_at).where(table.node == OUTDOORS, table.open)
    for row in connection.execute(query.order_by(table.need, table.site)):
        need = watching.by_name.get(row.need)
        if need is not None and weather.knows(row.site):
            series = Series(site=row.site, node=OUTDOORS, quantity=need.rule.quantity)
            points = weather(series, db.to_ms(row.started_at), now_ms)
            if points and points[-1].at_ms < lately_ms:
                found[series] = points
    return found


def _courses(
    connection: Connection, watching: Needs, areas: Mapping[str, Sequence[str]], now: datetime
) -> dict[Series, list[Point]]:
    """The latest hours of each site at which a need holds, or held so lately that they may change an episode of it."""
    since = now - LOOKS_BACK
    told, known = course.between(connection, sorted(areas), since, now), _known(connection, since)
    found: dict[Series, list[Point]] = {}
    for need in watching.by_name.values():
        for area, sites in areas.items():
            points = _points(told[area], need.quantity)
            holds = any(need.rule.holds(one.value) for one in points)
            for site in sites if points else ():
                if holds or (need.name, site) in known:
                    found[Series(site=site, node=OUTDOORS, quantity=need.rule.quantity)] = points
    return found


class _Weather:
    """The course of each site, which all sites of an area share."""

    def __init__(self, connection: Connection, areas: Mapping[str, Sequence[str]]) -> None:
        self._connection = connection
        self._area_of = {site: area for area, sites in areas.items() for site in sites}
        self._read: dict[tuple[str, int, int], list[Told]] = {}

    def knows(self, site: str) -> bool:
        return site in self._area_of

    def __call__(self, series: Series, first_ms: int, last_ms: int) -> list[Point]:
        area, first_ms = self._area_of[series.site], max(first_ms, 0)
        key = (area, first_ms, last_ms)
        if key not in self._read:
            span = (db.from_ms(first_ms), db.from_ms(last_ms))
            self._read[key] = course.between(self._connection, [area], *span)[area]
        return _points(self._read[key], series.quantity.rpartition(".")[2])


def _points(told: Sequence[Told], quantity: str) -> list[Point]:
    return [point(db.to_ms(hour.hour), hour.values[quantity]) for hour in told if quantity in hour.values]


def _areas(connection: Connection) -> Mapping[str, list[str]]:
    """Sites by the area they are in."""
    table, found = tables.sites.c, dict[str, list[str]]()
    query = select(table.id, table.area).where(table.area.is_not(None), table.household.is_not(None)).order_by(table.id)
    for row in connection.execute(query):
        found.setdefault(row.area, []).append(row.id)
    return found


def _known(connection: Connection, since: datetime) -> set[tuple[str, str]]:
    """Need and site of episodes that the weather since then may change."""
    table = tables.episodes.c
    recent = or_(table.ended_at.is_(None), table.ended_at > since)
    rows = connection.execute(select(table.need, table.site).where(table.node == OUTDOORS, recent))
    return {(row.need, row.site) for row in rows}


def fingerprint(connection: Connection, needs: Needs, now: datetime) -> tuple[object, ...]:
    """The same while a look would find nothing new."""
    rules = tuple(need.rule for need in needs.of(OUTDOOR))
    if not rules:
        return ()
    table, sites = tables.weather.c, tables.sites.c
    placed = connection.execute(select(sites.id, sites.area).where(sites.area.is_not(None)).order_by(sites.id)).all()
    of_places = table.area.in_(select(sites.area).where(sites.area.is_not(None)))
    looked_at = (table.hour > now - LOOKS_BACK, table.hour <= now + (course.AHEAD + 1) * HOUR)
    latest = connection.execute(select(func.max(table.told_at), func.count()).where(of_places, *looked_at)).one()
    return rules, now.replace(minute=0, second=0, microsecond=0), tuple(latest), tuple(map(tuple, placed))
