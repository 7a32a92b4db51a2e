"""Hours of weather in the database, by area; of several sources that tell of one hour the best holds.

An area is latitude,longitude in tenths of a degree, some ten kilometres: what a site says of where it is.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Literal, NoReturn, TypeAlias, get_args

from msgspec import Meta, Struct
from sqlalchemy import BigInteger, ColumnElement, Connection, Select, case, func, select, type_coerce

from aircue_cloud import db, tables
from aircue_cloud.fields import Area, Body, Moment, Reason
from aircue_cloud.keyed import Verdict
from aircue_cloud.shop.events import untimely
from aircue_cloud.tables.columns import EPOCH, to_ms

HOUR = timedelta(hours=1)
NEAR = timedelta(hours=3)  # how old an hour's weather may be and still be called that of now

Condition: TypeAlias = Literal["clear", "cloudy", "fog", "drizzle", "rain", "snow", "thunderstorm"]
CONDITIONS: tuple[str, ...] = get_args(Condition)

# The higher, the better it knows: what was measured on the spot, then what was worked out afterwards, then a forecast.
SOURCES = MappingProxyType({"told": 3, "file": 2, "open-meteo-archive": 1, "open-meteo-forecast": 0})

Degrees: TypeAlias = Annotated[float, Meta(ge=-95, le=65)]
Percent: TypeAlias = Annotated[float, Meta(ge=0, le=100)]

_T = tables.weather.c
_RANK = case(dict(SOURCES), value=_T.source, else_=-1)


class Hour(Struct, kw_only=True, frozen=True):
    """The weather at a full hour: degrees Celsius, %RH; None where the source does not say."""

    area: str
    hour: datetime
    temperature: float | None
    humidity: float | None
    condition: str | None


class ToldHour(Body):
    """temperature: degrees Celsius; humidity: %RH; at least one of the three is needed."""

    area: Area
    hour: Moment
    temperature: Degrees | None = None
    humidity: Percent | None = None
    condition: Condition | None = None


class Outdoor(Struct, kw_only=True, frozen=True):
    """What holds of an hour, and who says so."""

    area: str
    hour: datetime
    temperature: float | None
    humidity: float | None
    condition: str | None
    source: str


def rank() -> ColumnElement[int]:
    """Of a row's source: the higher, the better it knows."""
    return _RANK


class Extent(Struct, kw_only=True, frozen=True):
    """Of what was told in a slice of time."""

    low: float
    mean: float
    high: float


class Slice(Struct, kw_only=True, frozen=True):
    """Hours that lie together: the first and the last that were told, and how many. source: one of theirs."""

    first: datetime
    last: datetime
    hours: int
    temperature: Extent | None
    humidity: Extent | None
    source: str


def store(connection: Connection, hours: Iterable[Hour], source: str, now: datetime) -> int:
    """Replaces what the source said of these hours before; how many there were."""
    rows = [_row(hour, source, now) for hour in hours]
    if rows:
        changing = ("temperature", "humidity", "condition", "told_at")
        connection.execute(db.insert_or_update(connection, tables.weather, changing), rows)
    return len(rows)


def store_told(connection: Connection, hours: Sequence[ToldHour], now: datetime) -> list[Verdict | Reason]:
    """Those that are of a full hour, not ahead of now, and say something; of one hour told twice the last holds."""
    reasons = [untimely(hour.hour, now, "hour") or vague(hour) for hour in hours]
    fit = {
        (hour.area, hour.hour): Hour(
            area=hour.area,
            hour=hour.hour,
            temperature=hour.temperature,
            humidity=hour.humidity,
            condition=hour.condition,
        )
        for hour, reason in zip(hours, reasons, strict=True)
        if reason is None
    }
    store(connection, fit.values(), "told", now)
    return [reason or "stored" for reason in reasons]


def never(area: str) -> NoReturn:
    raise AssertionError(f"area {area}: what was told of an hour may always be replaced")


def at(connection: Connection, area: str, when: datetime) -> Outdoor | None:
    """The weather of the latest hour that is not after `when`, nor older than NEAR."""
    near = (_T.area == area, _T.hour <= when, _T.hour > when - NEAR)
    query = select(tables.weather).where(*near).order_by(_T.hour.desc(), _RANK.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _outdoor(row)


def hours(connection: Connection, area: str, since: datetime, limit: int) -> list[Outdoor]:
    """In order of time, the best source's of each."""
    mine = (_T.area == area, _T.hour >= since)
    few = select(_T.hour).where(*mine).distinct().order_by(_T.hour).limit(limit).subquery()
    query = select(tables.weather).where(*mine, _T.hour.in_(select(few.c.hour))).order_by(_T.hour, _RANK)
    return [_outdoor(row) for row in {row.hour: row for row in connection.execute(query)}.values()]


def slices(connection: Connection, area: str, start: datetime, end: datetime, width: timedelta) -> list[Slice]:
    """In order of time, the best source's of each hour, from start to end in slices of this width."""
    hours = _best(connection, (_T.area == area, _T.hour.between(start, end))).subquery()
    at_ms = type_coerce(hours.c.hour, BigInteger)
    slot = ((at_ms - to_ms(start)) // (width // timedelta(milliseconds=1))).label("slot")
    figures = [f(hours.c[name]) for name in ("temperature", "humidity") for f in (func.min, func.avg, func.max)]
    query = select(func.min(hours.c.hour), func.max(hours.c.hour), func.count(), func.max(hours.c.source), *figures)
    return [_slice(*row) for row in connection.execute(query.group_by(slot).order_by(slot))]


def _best(connection: Connection, asked: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """The best source's of each hour. Where there is but one, which is usual, no hours have to be compared."""
    columns = (_T.hour, _T.temperature, _T.humidity, _T.source)
    if len(connection.execute(select(_T.source).where(*asked).distinct().limit(2)).all()) < 2:
        return select(*columns).where(*asked)
    best = func.row_number().over(partition_by=_T.hour, order_by=_RANK.desc()).label("best")
    ranked = select(*columns, best).where(*asked).subquery()
    return select(*(ranked.c[column.name] for column in columns)).where(ranked.c.best == 1)


def _slice(first: datetime, last: datetime, hours: int, source: str, *figures: float | None) -> Slice:
    return Slice(
        first=first,
        last=last,
        hours=hours,
        source=source,
        temperature=_extent(*figures[:3]),
        humidity=_extent(*figures[3:]),
    )


def _extent(low: float | None, mean: float | None, high: float | None) -> Extent | None:
    return None if low is None or mean is None or high is None else Extent(low=low, mean=mean, high=high)


def _row(hour: Hour, source: str, now: datetime) -> dict[str, Any]:
    return {
        "area": hour.area,
        "hour": hour.hour,
        "source": source,
        "temperature": hour.temperature,
        "humidity": hour.humidity,
        "condition": hour.condition,
        "told_at": now,
    }


def vague(hour: ToldHour) -> Reason | None:
    when = hour.hour
    if (when - EPOCH) % HOUR:
        expected = "a full hour"
        return Reason(field="hour", found=when.isoformat(), expected=expected, remedy="send what holds at full hours")
    if hour.temperature is None and hour.humidity is None and hour.condition is None:
        expected = "a temperature, a humidity or a condition"
        return Reason(
            field="temperature", found="null", expected=expected, remedy="send what is known, or leave it out"
        )
    return None


def _outdoor(row: Any) -> Outdoor:
    names = ("area", "hour", "temperature", "humidity", "condition", "source")
    return Outdoor(**{name: getattr(row, name) for name in names})
