"""From episodes to orders, as the record has them. Reads, never writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, func, select

from aircue_cloud import tables

_E, _D, _P, _I = tables.episodes.c, tables.decisions.c, tables.pushes.c, tables.interactions.c


@dataclass(frozen=True, kw_only=True)
class Step:
    """share: of the step before, which `of` names; None for the first, and after none."""

    label: str
    count: int
    share: float | None
    of: str
    about: str


def steps(connection: Connection, since: datetime) -> list[Step]:
    """Of everything since then. An order counts where it names its push; what is associated otherwise does not."""
    before, of = 0, ""
    found = []
    for label, about, query in _queries(since):
        count = connection.execute(query).scalar_one()
        share = count / before if before else None
        found.append(Step(label=label, count=count, share=share, of=of, about=about))
        before, of = count, label.lower()
    return found


def _queries(since: datetime) -> Iterator[tuple[str, str, Select[int]]]:
    yield "Episodes", "began", select(func.count()).where(_E.started_at >= since, ~_E.withdrawn)
    yield "Candidates", "in a claimed home", select(func.count(_D.push.distinct())).where(_D.at >= since)
    yield "Sent", "pushes", select(func.count()).where(_P.created_at >= since)
    yield "Clicked", "pushes", _followed(since, "click")
    yield "Bought", "pushes that an order names", _followed(since, "purchase")


def _followed(since: datetime, kind: str) -> Select[int]:
    """How many pushes somebody they went to followed like this."""
    people = tables.people.c
    return (
        select(func.count(_P.id.distinct()))
        .join(tables.people, people.household == _P.household)
        .join(tables.interactions, (_I.person == people.id) & (_I.kind == kind) & (_I.push == _P.id))
        .where(_P.created_at >= since)
    )
