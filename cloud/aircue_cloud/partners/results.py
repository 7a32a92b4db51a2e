"""What a partner is told of the pushes with its products: counts on 20 people and more, of a month that is over.

People are counted once, in one of three cells that do not overlap: those who bought after a push, those who clicked and
did not, and the others; cells of few are hidden together with another (rights/small_groups.py), so that their sum gives
none away. A month is kept as it was first shown, so that nobody finds somebody by asking twice. Only people are counted
whose household agrees to its air being used for marketing, as in every report.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from aircue_cloud import consents, db, tables
from aircue_cloud.rights import reports, small_groups

BOUGHT, CLICKED, SAW = "bought", "clicked", "saw"
_PU, _I, _O = tables.pushes.c, tables.interactions.c, tables.offers.c


class Results(Struct, kw_only=True, frozen=True):
    """people: whom pushes reached; each in one cell of people_by. null: too few to be told."""

    partner: str
    month: str
    at_least: int
    people: int | None
    people_by: dict[str, int | None]


def of_month(connection: Connection, partner: str, month: str, now: datetime) -> Results:
    """As it was first shown; only within db.writing. CommandError where the month is none, or not over yet."""
    start, end = reports.over(month, now)
    table, name = tables.reports, f"partner {partner}"
    found = connection.execute(select(table.c.document).where(table.c.name == name, table.c.month == month)).scalar()
    if found is None:
        cells = _cells(connection, partner, start, end)
        found = _document(cells)
        row = {"name": name, "month": month, "made_at": now, "document": found}
        connection.execute(db.insert_absent(connection, table), [row])
    return Results(partner=partner, month=month, at_least=small_groups.K, **found)


def _document(cells: Mapping[str, int]) -> dict[str, Any]:
    """Of few people nothing is told, not even that none of them did something."""
    people = small_groups.total(cells)
    by: Mapping[str, int | None] = dict.fromkeys(cells) if people is None else small_groups.shown(cells)
    return {"people": people, "people_by": by}


def _cells(connection: Connection, partner: str, start: datetime, end: datetime) -> Mapping[str, int]:
    reached = _reached(connection, partner, start, end)
    did = _did(connection, partner, start, end)
    cells = dict.fromkeys((BOUGHT, CLICKED, SAW), 0)
    for person in reached:
        kinds = did.get(person, set())
        cells[BOUGHT if "purchase" in kinds else CLICKED if "click" in kinds else SAW] += 1
    return cells


def _mine(partner: str) -> Any:
    return select(_O.product).where(_O.partner == partner)


def _reached(connection: Connection, partner: str, start: datetime, end: datetime) -> set[str]:
    agreeing = consents.granting(purpose="marketing", data_category="sensor")
    query = (
        select(_PU.person)
        .where(_PU.product.in_(_mine(partner)), _PU.created_at >= start, _PU.created_at < end)
        .where(_PU.person.is_not(None), _PU.withdrawn_at.is_(None), _PU.household.in_(agreeing))
        .distinct()
    )
    return set(connection.execute(query).scalars())


def _did(connection: Connection, partner: str, start: datetime, end: datetime) -> dict[str, set[str]]:
    """By person the kinds of what followed from such a push."""
    theirs = select(_PU.id).where(_PU.product.in_(_mine(partner)), _PU.created_at >= start, _PU.created_at < end)
    query = select(_I.person, _I.kind).where(_I.push.in_(theirs), _I.product.in_(_mine(partner))).distinct()
    found: dict[str, set[str]] = {}
    for person, kind in connection.execute(query):
        found.setdefault(person, set()).add(kind)
    return found
