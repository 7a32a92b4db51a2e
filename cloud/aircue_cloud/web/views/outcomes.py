"""The store's orders and experiments, read as the command line reads them; the span after entering is always 28 days,
since two reports on spans that differ a little would tell of the few who lie between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from aircue_cloud import tables
from aircue_cloud.outcomes import enrolment, report
from aircue_cloud.outcomes.observed import Record
from aircue_cloud.outcomes.report import Reported, Terms
from aircue_cloud.web.views.assumptions import Assumptions


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Of households that no decision has written down."""

    holdout: float
    need_holdout: float


def currencies(connection: Connection) -> list[str]:
    """Of purchases, the one of most first."""
    table, products = tables.interactions.c, tables.products.c
    said = func.coalesce(table.currency, products.currency)
    query = (
        select(said)
        .join(tables.products, products.id == table.product)
        .where(table.kind == "purchase")
        .group_by(said)
        .order_by(func.count().desc(), said)
    )
    return [str(one) for one in connection.execute(query).scalars()]


def chosen(known: Sequence[str], said: Assumptions) -> str | None:
    """The one that is asked for, where there is such a one; else the first."""
    return said.currency if said.currency in known else next(iter(known), None)


def reported(connection: Connection, found: Record, said: Assumptions, shares: Shares, now: datetime) -> list[Reported]:
    terms = Terms(
        now=now,
        holdout=shares.holdout,
        need_holdout=shares.need_holdout,
        margin=said.margin,
        per_send=said.minor(said.per_send, found.currency),
        fixed=said.minor(said.fixed, found.currency),
    )
    return report.report(found, enrolment.of_store(connection, shares.holdout, shares.need_holdout), terms)
