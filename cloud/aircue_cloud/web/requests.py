"""What people asked of their data, and how long there is left to do it. Reads, never writes.

An export, a withdrawal or an objection to personalisation is done as it is asked; an erasure is too, unless something
was left behind: then its clock runs. GDPR article 12(3) gives a month from the day it was asked for; counted here are
28 days, the shortest month there is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from aircue_cloud import tables

TIME = timedelta(days=28)
_EXPORT, _ERASE = "rights export", "rights erase"
_PERSONALISATION = "personalisation"
_A, _C, _E = tables.audit.c, tables.consents.c, tables.erasures.c


@dataclass(frozen=True, kw_only=True)
class Asked:
    """left: where something was left behind. due: until when it has to be done; None once it is."""

    at: datetime
    what: str
    whom: str
    by: str
    left: tuple[str, ...] = ()
    due: datetime | None = None


def requests(connection: Connection, limit: int) -> list[Asked]:
    """Newest first, so many at most."""
    found = [*_erasures(connection, limit), *_acts(connection, limit), *_withdrawals(connection, limit)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:limit]


def _erasures(connection: Connection, limit: int) -> Iterator[Asked]:
    """One that was done again until nothing was left is told by each of its proofs."""
    for row in connection.execute(select(tables.erasures).order_by(_E.at.desc()).limit(limit)):
        left = tuple(row.proof["left"])
        due = row.at + TIME if left else None
        yield Asked(at=row.at, what="erasure", whom=row.proof["pseudonym"], by=row.asked_by, left=left, due=due)


def _acts(connection: Connection, limit: int) -> Iterator[Asked]:
    of_interest = (_A.action == _EXPORT) | _A.action.startswith(_PERSONALISATION)
    query = select(_A.at, _A.action, _A.target, _A.actor).where(of_interest).order_by(_A.id.desc()).limit(limit)
    for row in connection.execute(query):
        yield Asked(at=row.at, what="export" if row.action == _EXPORT else row.action, whom=row.target, by=row.actor)


def _withdrawals(connection: Connection, limit: int) -> Iterator[Asked]:
    query = select(tables.consents).where(_C.granted.is_(False)).order_by(_C.id.desc()).limit(limit)
    for row in connection.execute(query):
        what = f"withdrawal: {row.data_category} for {row.purpose} ({row.channel})"
        yield Asked(at=row.at, what=what, whom=row.household, by="the household")
