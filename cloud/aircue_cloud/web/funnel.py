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
    """Of the episodes that began since then: each step counts those of the step before that went on, so none counts
    more. An order counts where it names its push; what is associated otherwise does not."""
    before, of = 0, ""
    found = []
    for label, about, query in _queries(since):
        count = connection.execute(query).scalar_one()
        share = count / before if before else None
        found.append(Step(label=label, count=count, share=share, of=of, about=about))
        before, of = count, label.lower()
    return found


def _queries(since: datetime) -> Iterator[tuple[str, str, Select[int]]]:
    began = select(func.count()).where(_E.started_at >= since, ~_E.withdrawn)
    decided, sent = _E.id.in_(select(_D.episode).where(_D.push.is_not(None))), _E.id.in_(select(_P.episode))
    yield "Episodes", "began", began
    yield (
        "Candidates",
        "in a claimed home",
        began.where(decided | sent),
    )
    yield "Sent", "led to a push", began.where(sent)
    yield "Clicked", "by somebody at home", began.where(_E.id.in_(_followed("click", "purchase")))
    yield "Bought", "in an order that names the push", began.where(_E.id.in_(_followed("purchase")))


def _followed(*kinds: str) -> Select[str]:
    """Episodes whose push somebody it went to followed like this. An order that names a push came by way of it."""
    people = tables.people.c
    return (
        select(_P.episode)
        .join(tables.interactions, (_I.push == _P.id) & _I.kind.in_(kinds))
        .join(tables.people, (people.id == _I.person) & (people.household == _P.household))
    )
