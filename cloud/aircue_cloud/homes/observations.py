"""Observations: what wearables and phones tell of their wearer. Each is stored only where the household agreed to it.

A location is an area of a tenth of a degree; anything finer is refused before it is stored anywhere.
"""

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

from msgspec import Meta
from sqlalchemy import Connection, select

from aircue_cloud import consents, keyed, tables
from aircue_cloud.fields import Area, Body, Id, Moment, Name, Reason
from aircue_cloud.keyed import Verdict
from aircue_cloud.shop.events import untimely
from aircue_cloud.tables.columns import from_ms, to_ms


class Seen(Body, tag_field="kind"):
    """What every observation says. device: what made it, such as a wristband."""

    id: Id
    person: Id
    device: Name
    at: Moment

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)


class Location(Seen, tag="location"):
    area: Area


class Steps(Seen, tag="steps"):
    """Steps since midnight where the person is."""

    value: Annotated[int, Meta(ge=0, le=500_000)]


class SkinTemperature(Seen, tag="skin-temperature"):
    """Degrees Celsius."""

    value: Annotated[float, Meta(ge=0, le=60)]


class AmbientTemperature(Seen, tag="ambient-temperature"):
    """Degrees Celsius."""

    value: Annotated[float, Meta(ge=-60, le=100)]


Observation: TypeAlias = Location | Steps | SkinTemperature | AmbientTemperature

# The category of data that the household must have agreed to, by kind.
CATEGORY = MappingProxyType(
    {
        "location": "location",
        "steps": "activity",
        "skin-temperature": "body",
        "ambient-temperature": "ambient",
    }
)


def row(seen: Seen) -> dict[str, Any]:
    value = getattr(seen, "value", None)
    return {
        "id": seen.id,
        "person": seen.person,
        "kind": seen.kind,
        "device": seen.device,
        "at": from_ms(to_ms(seen.at)),
        "value": None if value is None else float(value),
        "area": getattr(seen, "area", None),
    }


def store(connection: Connection, seen: Sequence[Seen], now: datetime) -> list[Verdict | Reason]:
    """What became of each, in order; only within db.writing, so that no consent ends in between."""
    rows = [row(one) for one in seen]
    reasons = _hindrances(connection, rows, now)
    fit = [one for one, reason in zip(rows, reasons, strict=True) if reason is None]
    verdicts = iter(keyed.put(connection, tables.observations.c.id, fit))
    return [next(verdicts) if reason is None else reason for reason in reasons]


def page(
    connection: Connection, *, after: str, limit: int, person: str | None, household: str | None
) -> list[dict[str, Any]]:
    """What is stored, by id; of one person, of one household, or of all."""
    table, people = tables.observations.c, tables.people.c
    query = select(tables.observations).where(table.id > after).order_by(table.id).limit(limit)
    if person is not None:
        query = query.where(table.person == person)
    if household is not None:
        query = query.where(table.person.in_(select(people.id).where(people.household == household)))
    return [dict(row) for row in connection.execute(query).mappings()]


def _hindrances(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> list[Reason | None]:
    homes = _households(connection, [one["person"] for one in rows])
    categories = {CATEGORY[one["kind"]] for one in rows}
    agreed = {name: consents.storing(connection, name) for name in categories}
    return [untimely(one["at"], now) or _refusal(one, homes, agreed) for one in rows]


def _refusal(one: dict[str, Any], homes: dict[str, str], agreed: dict[str, set[str]]) -> Reason | None:
    person, category = one["person"], CATEGORY[one["kind"]]
    if person not in homes:
        remedy = "PUT it to /api/v1/people/ID first"
        return Reason(field="person", found=person, expected="a person that is known", remedy=remedy)
    if homes[person] in agreed[category]:
        return None
    what = f"{category} ({consents.CATEGORIES[category]})"
    return Reason(
        field="kind",
        found=one["kind"],
        expected=f"a consent of household {homes[person]} to data of the category {what}",
        remedy=f"ask for it, and POST it to /api/v1/households/{homes[person]}/consents; nothing was stored",
    )


def _households(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    people = sorted(keyed.present(connection, tables.people.c.id, ids))
    found: dict[str, str] = {}
    for start in range(0, len(people), 1000):
        mine = tables.people.c.id.in_(people[start : start + 1000])
        rows = connection.execute(select(tables.people.c.id, tables.people.c.household).where(mine))
        found.update((row.id, row.household) for row in rows)
    return found
