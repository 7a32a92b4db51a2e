"""Decisions from their record: which, and by what gate they were held back. Reads, never writes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Text, select, type_coerce

from aircue_cloud import tables
from aircue_cloud.decision.policy import SEND

MOST_COUNTED = 2000  # decisions whose record is read for the count by gates
_D, _P, _H = tables.decisions.c, tables.products.c, tables.households.c


@dataclass(frozen=True, kw_only=True)
class Asked:
    """ "" for what is not asked. person, household: an id. push: a push's id."""

    person: str = ""
    household: str = ""
    push: str = ""
    outcome: str = ""

    def conditions(self, connection: Connection) -> list[ColumnElement[bool]]:
        """Decisions about a person are those about the household that came to nobody in particular as well."""
        found: list[ColumnElement[bool]] = []
        if self.person:
            home = connection.execute(
                select(tables.people.c.household).where(tables.people.c.id == self.person)
            ).scalar()
            found.append((_D.household == home) & ((_D.person == self.person) | _D.person.is_(None)))
        if self.household:
            found.append(_D.household == self.household)
        if self.push:
            found.append(_D.push == self.push)
        if self.outcome:
            found.append(_D.outcome == self.outcome)
        return found


class _Gate(Struct):
    gate: str
    result: str


class _Trace(Struct):
    """As much of a record as says which gate failed; the rest is not read."""

    gates: list[_Gate]


@dataclass(frozen=True, kw_only=True)
class Held:
    """counted: decisions that were looked at, the newest. by_gate: of these, how many each gate held back."""

    counted: int
    by_gate: Mapping[tuple[str, str], int]


def listed(
    connection: Connection, asked: Asked, span: tuple[datetime, datetime], before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Newest first, without their records. before: the id of the last that was shown."""
    columns = (_D.id, _D.at, _D.household, _D.person, _D.need, _D.outcome, _D.reason, _D.product, _D.channel, _D.push)
    names = (_P.name.label("product_name"), _H.name.label("household_name"))
    query = (
        select(*columns, *names)
        .join(tables.products, _P.id == _D.product, isouter=True)
        .join(tables.households, _H.id == _D.household, isouter=True)
        .where(_D.at.between(*span), *asked.conditions(connection))
    )
    if before is not None:
        query = query.where(_D.id < before)
    return [dict(row) for row in connection.execute(query.order_by(_D.id.desc()).limit(limit)).mappings()]


def held(connection: Connection, asked: Asked, span: tuple[datetime, datetime]) -> Held:
    """Which gates held decisions back, by gate and outcome."""
    query = select(_D.outcome, type_coerce(_D.trace, Text)).where(
        _D.at.between(*span), _D.outcome != SEND, *asked.conditions(connection)
    )
    found: Counter[tuple[str, str]] = Counter()
    for outcome, trace in connection.execute(query.order_by(_D.id.desc()).limit(MOST_COUNTED)):
        gates = msgspec.json.decode(trace, type=_Trace).gates
        found[next((one.gate for one in gates if one.result == "fail"), "none"), outcome] += 1
    return Held(counted=found.total(), by_gate=found)


def one(connection: Connection, decision: int) -> dict[str, Any] | None:
    """With its record."""
    row = connection.execute(select(tables.decisions).where(_D.id == decision)).mappings().one_or_none()
    return None if row is None else dict(row)
