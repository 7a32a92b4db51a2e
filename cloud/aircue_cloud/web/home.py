"""A home as data: its rooms, and the course of what is measured there over an hour to a year. Reads, never writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.layers.lake import Lake
from aircue_cloud.needs.needs import Needs
from aircue_cloud.weather import outdoor
from aircue_cloud.web import charts, courses, page, queries, wording
from aircue_cloud.web.charts import Bucket, Chart
from aircue_cloud.web.courses import Course
from aircue_cloud.web.page import Drawn, Row, Window

SPANS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
USUAL = "day"
LEAST, WIDEST = timedelta(minutes=5), timedelta(days=3660)
MOST_EPISODES, MOST_PUSHES = 400, 200
OUTDOORS = {"temperature": "Cel", "humidity": "%RH"}


@dataclass(frozen=True, kw_only=True)
class Site:
    """household: "" for none. area: None where nobody said."""

    id: str
    tz: ZoneInfo
    area: str | None
    household: str
    household_name: str


@dataclass(frozen=True, kw_only=True)
class Room:
    node: str
    heard: str
    silent: bool
    drawn: tuple[Drawn, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """outdoors: the weather around, charted alike; source: who tells of it. episodes, pushes: rows of the span."""

    window: Window
    rooms: tuple[Room, ...]
    outdoors: tuple[Drawn, ...]
    source: str
    episodes: Sequence[Row]
    pushes: Sequence[Row]
    of_hours: bool


def site(connection: Connection, id_: str) -> Site | None:
    t, households = tables.sites.c, tables.households.c
    query = select(t.id, t.tz, t.area, t.household, households.name).join(
        tables.households, households.id == t.household, isouter=True
    )
    row = connection.execute(query.where(t.id == id_)).one_or_none()
    if row is None:
        return None
    return Site(
        id=row.id, tz=page.zone(row.tz), area=row.area, household=row.household or "", household_name=row.name or ""
    )


def window(span: str, start_ms: int | None, end_ms: int | None, latest: Sequence[datetime], now: datetime) -> Window:
    """start_ms and end_ms: a window of its own; else the named span up to end_ms, or up to the latest reading."""
    newest = max((at for at in latest if at <= now + page.AHEAD), default=now)
    end = newest if end_ms is None else db.from_ms(end_ms)
    if start_ms is not None and end_ms is not None:
        width = min(max(end - db.from_ms(start_ms), LEAST), WIDEST)
        return Window(name="", start=end - width, end=end)
    name = span if span in SPANS else USUAL
    return Window(name=name, start=end - SPANS[name], end=end)


def build(
    connection: Connection,
    lake: Lake,
    needs: Needs,
    mine: Site,
    series: Sequence[queries.Series],
    shown: Window,
    now: datetime,
    *,
    raw: bool,
) -> View:
    """series: of this site. raw: with what cleaning flagged as a line of its own."""
    found = courses.of_site(connection, lake, mine.id, shown.start_ms, shown.end_ms, charts.BUCKETS)
    episodes = queries.episodes(connection, shown.start, MOST_EPISODES, mine.id, shown.end)
    pushes = queries.pushes(connection, MOST_PUSHES, mine.id, (shown.start, shown.end))
    rooms = [
        _room(node, page.in_order(ones), found, shown, episodes, pushes, needs, mine.tz, now, raw=raw)
        for node, ones in groupby(series, key=lambda one: one.node)
    ]
    outdoors, source = _outdoors(connection, mine, shown)
    return View(
        window=shown,
        rooms=tuple(rooms),
        outdoors=outdoors,
        source=source,
        episodes=episodes,
        pushes=pushes,
        of_hours=courses.of_hours(shown.start_ms, shown.end_ms),
    )


def _room(
    node: str,
    series: Sequence[queries.Series],
    found: Mapping[courses.Key, Course],
    shown: Window,
    episodes: Sequence[Row],
    pushes: Sequence[Row],
    needs: Needs,
    tz: ZoneInfo,
    now: datetime,
    *,
    raw: bool,
) -> Room:
    newest = max(series, key=lambda one: one.measured_at)
    drawn = []
    for one in series:
        course = found.get((node, one.quantity), Course())
        told = (course.trusted, course.flagged)
        behind: Sequence[Bucket] = course.raw if raw else ()
        drawn.append(page.draw(one, shown, told, episodes, needs, tz, raw=behind, pushes=pushes))
    silent = now - max(one.sender.ingested_at for one in series) > page.SILENT_AFTER
    return Room(node=node, heard=wording.day_and_time(newest.measured_at, tz), silent=silent, drawn=tuple(drawn))


def _outdoors(connection: Connection, mine: Site, shown: Window) -> tuple[tuple[Drawn, ...], str]:
    """Charts of the hours that some source told of, and who told of the newest."""
    if mine.area is None:
        return (), ""
    width = max((shown.end - shown.start) // charts.BUCKETS, outdoor.HOUR)
    rows = outdoor.slices(connection, mine.area, shown.start - outdoor.HOUR, shown.end, width)
    if not rows:
        return (), ""
    drawn = [_outdoor(name, rows, shown, mine.tz) for name in OUTDOORS]
    return tuple(one for one in drawn if one is not None), rows[-1].source


def _outdoor(quantity: str, slices: Sequence[outdoor.Slice], shown: Window, tz: ZoneInfo) -> Drawn | None:
    """An hour's weather stands for the whole hour."""
    told = [(one, found) for one in slices if (found := getattr(one, quantity)) is not None]
    if not told:
        return None
    words, unit = wording.quantity(quantity), wording.unit(OUTDOORS[quantity])
    buckets = [
        Bucket(
            db.to_ms(one.first), db.to_ms(one.last) + courses.HOUR_MS - 1, found.low, found.mean, found.high, one.hours
        )
        for one, found in told
    ]
    low, high = min(one.low for one in buckets), max(one.high for one in buckets)
    chart = Chart(
        label=f"{words.label} outdoors: {low:g} to {high:g} {unit}",
        start_ms=shown.start_ms,
        end_ms=shown.end_ms,
        zone=tz,
        least_span=words.least_span,
        buckets=buckets,
        unit=unit,
        decimals=words.decimals,
    )
    return Drawn(
        key=f"outdoors/{quantity}",
        quantity=quantity,
        label=words.label,
        value=f"{buckets[-1].mean:.{words.decimals}f}",
        unit=unit,
        flag="",
        needs=(),
        chart=charts.svg(chart),
        table=tuple(page.table(buckets, shown, words.decimals, tz)),
    )
