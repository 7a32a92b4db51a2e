"""The parcels of an order as its page shows them: {% include "shop/parcels.html" %} with `parcels` = shown(...)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from aircue_cloud.logistics import course, parcels, reading
from aircue_cloud.logistics.carriers import sandbox
from aircue_cloud.logistics.reading import Parcel

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Step:
    at: datetime
    state: str


@dataclass(frozen=True, kw_only=True)
class Shown:
    """days_late: whole days begun after the promised one, 0 for in time. steps: the latest first."""

    carrier: str
    number: str
    simulated: bool
    state: str
    promised_at: datetime | None
    expected_at: datetime | None
    delivered_at: datetime | None
    days_late: int
    steps: tuple[Step, ...]


def shown(connection: Connection, order: str, now: datetime) -> list[Shown]:
    """Of whose order it is sees to it that only they ask."""
    return [_shown(one, parcels.events(connection, one.id), now) for one in reading.of_order(connection, order)]


def _shown(one: Parcel, events: Sequence[course.Event], now: datetime) -> Shown:
    delay = one.delay(now)
    return Shown(
        carrier=one.carrier,
        number=one.tracking_number,
        simulated=one.carrier == sandbox.NAME,
        state=one.standing(now),
        promised_at=one.promised_at,
        expected_at=one.expected_at,
        delivered_at=one.delivered_at,
        days_late=0 if delay is None else math.ceil(delay / _DAY),
        steps=tuple(Step(at=event.at, state=event.state) for event in reversed(events)),
    )
