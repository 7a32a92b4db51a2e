"""The weather of areas hour by hour, with what follows from it, as needs watch it; of several sources the best."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.weather.outdoor import HOUR, rank
from aircue_gateway.cleaning.derived import DERIVED

AHEAD = 3  # hours that rain_ahead looks at
WET = ("drizzle", "rain", "thunderstorm")
_T = tables.weather.c
_AT_ONCE = 500


class Told(Struct, frozen=True, kw_only=True):
    """values: by quantity, of those that the hour's best source says or that follow from it. told_at: when it did; of a
    file, the hour."""

    hour: datetime
    told_at: datetime
    values: Mapping[str, float]


def between(connection: Connection, areas: Sequence[str], since: datetime, until: datetime) -> dict[str, list[Told]]:
    """By area, the hours from since to until, both included, in order. What is told of the hours behind until is looked
    at for rain_ahead alone."""
    best: dict[tuple[str, datetime], Any] = {}
    for first in range(0, len(areas), _AT_ONCE):
        some = (_T.area.in_(areas[first : first + _AT_ONCE]), _T.hour >= since, _T.hour <= until + AHEAD * HOUR)
        query = select(tables.weather).where(*some).order_by(_T.area, _T.hour, rank())
        best |= {(row.area, row.hour): row for row in connection.execute(query)}
    return told(best, areas, until)


def told(best: Mapping[tuple[str, datetime], Any], areas: Sequence[str], until: datetime) -> dict[str, list[Told]]:
    """best: by area and hour, what is told of it. Pure."""
    found: dict[str, list[Told]] = {area: [] for area in areas}
    for (area, hour), row in sorted(best.items(), key=lambda one: one[0]):
        values = dict(_values(row))
        ahead = [best.get((area, hour + n * HOUR)) for n in range(1, AHEAD + 1)]
        wet = [row.condition in WET for row in ahead if row is not None and row.condition is not None]
        if wet:
            values["rain_ahead"] = float(any(wet))
        if hour <= until:
            found[area].append(Told(hour=hour, told_at=getattr(row, "told_at", hour), values=values))
    return found


def _values(row: Any) -> Iterator[tuple[str, float]]:
    if row.temperature is not None:
        yield "temperature", row.temperature
    if row.humidity is not None:
        yield "humidity", row.humidity
    if row.temperature is not None and row.humidity is not None:
        for name, (_, derived) in DERIVED.items():
            yield name, derived(row.temperature, row.humidity)
    if row.condition is not None:
        yield "rain", float(row.condition in WET)
        yield "snow", float(row.condition == "snow")
