"""What the air of a household's homes says, as its people read it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.decision import local_time, message
from aircue_cloud.decision.message import Occasion
from aircue_cloud.needs.needs import Need, Needs
from aircue_cloud.storefront.visitor import SENSOR, Visitor, agrees

WEEK = timedelta(days=7)
_HOUR_MS = 3_600_000
_E, _S, _H = tables.episodes.c, tables.sites.c, tables.hourly.c


@dataclass(frozen=True, kw_only=True)
class NeedNow:
    """A need that holds. said: what was measured, as a sentence."""

    name: str
    title: str
    said: str
    since: datetime


def needs_now(connection: Connection, visitor: Visitor, needs: Needs, language: str, now: datetime) -> list[NeedNow]:
    """One for each need, of the room where it has held longest; none where the household does not agree to its air
    being used, or nothing may be fitted to the person."""
    if not visitor.personalised or not agrees(connection, visitor.household, SENSOR):
        return []
    found: dict[str, NeedNow] = {}
    for row in _holding(connection, visitor.household):
        need = needs.by_name.get(row.need)
        if need is not None and row.need not in found:
            found[row.need] = _now(connection, need, row, visitor, language, now)
    return list(found.values())


def _holding(connection: Connection, household: str) -> list[Any]:
    query = select(tables.episodes).join(tables.sites, _S.id == _E.site)
    holds = (_S.household == household, _E.open, ~_E.withdrawn)
    return list(connection.execute(query.where(*holds).order_by(_E.started_at, _E.id)))


def _now(connection: Connection, need: Need, row: Any, visitor: Visitor, language: str, now: datetime) -> NeedNow:
    spoken, template = need.message(language)
    today = local_time.day(now, visitor.zone)
    occasion = Occasion(
        node=row.node,
        enter=need.rule.enter,
        value=_latest(connection, row),
        held_s=(now - row.started_at).total_seconds(),
        product="",
        day_s=_today_s(connection, row, local_time.midnight(today, visitor.zone), now),
        day=today,
        today=today,
    )
    written = message.write(template, occasion, spoken)
    return NeedNow(name=need.name, title=written.title, said=written.reason, since=row.started_at)


def _latest(connection: Connection, row: Any) -> float:
    """What the room measured last; the episode's peak where that is not kept."""
    table = tables.node_state.c
    mine = (table.site == row.site, table.node == row.node, table.quantity == row.quantity)
    found = connection.execute(select(table.value, table.scale).where(*mine)).one_or_none()
    return float(row.peak if found is None else found.value / found.scale)


def _today_s(connection: Connection, row: Any, midnight: datetime, now: datetime) -> float:
    """Seconds that the need has held in this room since midnight, all its episodes together."""
    mine = (_E.need == row.need, _E.site == row.site, _E.node == row.node, ~_E.withdrawn)
    lasting = (_E.open) | (_E.ended_at > midnight)
    spans = connection.execute(select(_E.started_at, _E.ended_at, _E.open).where(*mine, lasting))
    held = [(now if one.open else one.ended_at) - max(one.started_at, midnight) for one in spans]
    return float(sum(one.total_seconds() for one in held))


# What the sensors told.


@dataclass(frozen=True, kw_only=True)
class Told:
    """A quantity of a room: the latest reading, and the last seven days. low, mean, high: None where no trusted reading
    came in them."""

    site: str
    room: str
    quantity: str
    unit: str
    value: float
    measured_at: datetime
    low: float | None = None
    mean: float | None = None
    high: float | None = None


def told(connection: Connection, household: str, now: datetime) -> list[Told]:
    """By home, room and quantity."""
    table = tables.node_state
    query = select(table).join(tables.sites, _S.id == table.c.site).where(_S.household == household)
    rows = connection.execute(query.order_by(table.c.site, table.c.node, table.c.quantity))
    spans = _spans(connection, household, now - WEEK)
    return [
        Told(
            site=row.site,
            room=row.node,
            quantity=row.quantity,
            unit=row.unit,
            value=row.value / row.scale,
            measured_at=row.measured_at,
            **spans.get((row.site, row.node, row.quantity), {}),
        )
        for row in rows
    ]


def _spans(connection: Connection, household: str, since: datetime) -> dict[tuple[str, str, str], dict[str, float]]:
    found: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for row in hours(connection, household, since):
        found[row.site, row.node, row.quantity].append(row)
    return {key: _span(rows) for key, rows in found.items()}


def _span(rows: Sequence[Any]) -> dict[str, float]:
    readings = sum(row.readings for row in rows)
    return {
        "low": min(row.low / row.scale for row in rows),
        "high": max(row.high / row.scale for row in rows),
        "mean": sum(row.total / row.scale for row in rows) / readings,
    }


def hours(connection: Connection, household: str, since: datetime | None = None) -> list[Any]:
    """Trusted readings by the hour, of all homes."""
    query = select(tables.hourly).join(tables.sites, _S.id == _H.site).where(_S.household == household)
    if since is not None:
        query = query.where(_H.hour >= db.to_ms(since) // _HOUR_MS)
    return list(connection.execute(query.order_by(_H.site, _H.node, _H.quantity, _H.hour, _H.scale)))


def hour_of(row: Any) -> datetime:
    return datetime.fromtimestamp(row.hour * 3600, UTC)
