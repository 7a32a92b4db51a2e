"""What the air of a home is about to do: the chance of each need, by the home's own norm and its recent hours.

Only the rooms of a household that agrees to its air being used are looked at, and only those that have told of it
lately. A home of less than two days has no norm, and so no outlook.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, select

from aircue_cloud import consents, db, tables
from aircue_cloud.needs.needs import Need
from aircue_cloud.recommender.context import Forecaster, Hourly, Outlook, forecaster, outlook_of
from aircue_cloud.recommender.errors import DatasetError

PURPOSE, DATA_CATEGORY = "marketing", "sensor"
PAST = timedelta(days=28)  # that a norm is learnt from here
FRESH_H = 2  # a room that has been silent for longer has no outlook
LEAST_CHANCE = 0.2  # what is less likely changes no answer
_HOUR_MS = 3_600_000

_Room = tuple[str, str, str]  # site, node, quantity


def expected(connection: Connection, household: str, needs: Sequence[Need], now: datetime) -> dict[str, Outlook]:
    """By need, of the room where it is likeliest; those below LEAST_CHANCE are left out."""
    agreed = consents.granting(purpose=PURPOSE, data_category=DATA_CATEGORY)
    if connection.execute(agreed.where(tables.consents.c.household == household)).first() is None:
        return {}
    rooms = _rooms(connection, household, sorted({need.rule.quantity for need in needs}), now)
    found: dict[str, Outlook] = {}
    for (_, _, quantity), past in rooms.items():
        known = _forecaster(past)
        if known is None:
            continue
        for need in (one for one in needs if one.rule.quantity == quantity):
            seen = _outlook(past, known, need)
            if seen.chance >= LEAST_CHANCE and _likelier(seen, found.get(need.name)):
                found[need.name] = seen
    return found


def _likelier(one: Outlook, other: Outlook | None) -> bool:
    return other is None or one.chance > other.chance


def _forecaster(past: Hourly) -> Forecaster | None:
    try:
        return forecaster(past)
    except DatasetError:
        return None


def _outlook(past: Hourly, known: Forecaster, need: Need) -> Outlook:
    return outlook_of(past, known, need.rule.enter, need.rule.direction == "above")


def _rooms(connection: Connection, household: str, quantities: Sequence[str], now: datetime) -> dict[_Room, Hourly]:
    """Hourly means of the last PAST, of rooms that are not silent."""
    hours, sites, this_hour = tables.hourly.c, tables.sites.c, db.to_ms(now) // _HOUR_MS
    query = (
        select(hours.site, hours.node, hours.quantity, sites.tz, hours.hour, hours.total, hours.scale, hours.readings)
        .join(tables.sites, sites.id == hours.site)
        .where(sites.household == household, hours.quantity.in_(quantities))
        .where(hours.hour > this_hour - PAST // timedelta(hours=1), hours.hour <= this_hour)
        .order_by(hours.hour)
    )
    sums: dict[_Room, dict[int, tuple[float, int]]] = defaultdict(dict)
    zones: dict[_Room, str] = {}
    for row in connection.execute(query):
        room = (row.site, row.node, row.quantity)
        total, readings = sums[room].get(row.hour, (0.0, 0))
        sums[room][row.hour] = (total + row.total / row.scale, readings + row.readings)
        zones[room] = row.tz
    fresh = {room: of for room, of in sums.items() if this_hour - max(of) < FRESH_H}
    return {room: _hourly(of, zones[room], now) for room, of in fresh.items()}


def _hourly(sums: dict[int, tuple[float, int]], zone: str, now: datetime) -> Hourly:
    offset = now.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)
    return Hourly(
        hour=np.array(list(sums), dtype=np.int64),
        value=np.array([total / readings for total, readings in sums.values()]),
        local_offset_h=round(offset / timedelta(hours=1)),
    )
