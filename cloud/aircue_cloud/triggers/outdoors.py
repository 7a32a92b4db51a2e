"""Episodes of the weather: of each site whose area it is told of, hour by hour up to now. What was forecast for an hour
counts once the hour has come; who knows better later corrects it, and the episode with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

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
    watching = needs.of(OUTDOOR)
    areas = _areas(connection) if watching else {}
    if not areas:
        return []
    since = now - LOOKS_BACK
    told = course.between(connection, sorted(areas), since, now)
    known = _known(connection, since)
    courses: dict[Series, list[Point]] = {}
    for need in watching:
        for area, sites in areas.items():
            points = _points(told[area], need.quantity)
            holds = any(need.rule.holds(one.value) for one in points)
            for site in sites if points else ():
                if holds or (need.name, site) in known:
                    courses[Series(site=site, node=OUTDOORS, quantity=need.rule.quantity)] = points
    if not courses:
        return []
    area_of = {site: area for area, sites in areas.items() for site in sites}

    @cache
    def of_area(area: str, first_ms: int, last_ms: int) -> list[Told]:
        return course.between(connection, [area], db.from_ms(first_ms), db.from_ms(last_ms))[area]

    def read(series: Series, first_ms: int, last_ms: int) -> list[Point]:
        quantity = series.quantity.rpartition(".")[2]
        return _points(of_area(area_of[series.site], max(first_ms, 0), last_ms), quantity)

    alone = Needs({need.name: need for need in watching})
    return follow_courses(connection, alone, list(courses.items()), read, db.to_ms(now), now)


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
