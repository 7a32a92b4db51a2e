"""Whether showing what goes well with a product sells more: half of it hangs on who does not see it.

A household comes into the experiment when one of its people, who let their shopping be used, first looks at a product
that others go with. By a hash of its name it is shown them from then on, or never; both arms are written down at that
moment. Who is held out of everything is shown none, and is in no arm. Prices are the same in both.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from aircue_cloud import db, tables
from aircue_cloud.outcomes import enrolment, observed, report
from aircue_cloud.outcomes.assignment import GLOBAL, TREATMENT, Assigned, arm, need_experiment
from aircue_cloud.outcomes.observed import Entry, Record
from aircue_cloud.outcomes.report import Reported, Terms

EXPERIMENT = "bundles"
_E = tables.bundle_exposures.c


@dataclass(frozen=True, kw_only=True)
class Seen:
    """known: whether that the household came by this product is written down already."""

    shown: bool
    known: bool


def seen(connection: Connection, household: str, product: str, holdout: float, share: float) -> Seen:
    """holdout: of everything; share: of this experiment; both hold for who is not in them yet. Changes nothing."""
    given = enrolment.arms(connection, GLOBAL, [household], holdout)[household]
    if given.arm != TREATMENT:
        return Seen(shown=False, known=True)
    mine = enrolment.arms(connection, EXPERIMENT, [household], share)[household]
    row = select(_E.at).where(_E.household == household, _E.product == product)
    return Seen(shown=mine.arm == TREATMENT, known=connection.execute(row).first() is not None)


def note(
    connection: Connection, household: str, product: str, goes_with: Sequence[str], share: float, now: datetime
) -> bool:
    """Writes down that the household came by the product, once; whether it is shown what goes with it. Only within
    db.writing."""
    shares = enrolment.shares(connection, [household], {EXPERIMENT: share}, now)
    shown = arm(household, EXPERIMENT, shares[EXPERIMENT, household]) == TREATMENT
    row = {"household": household, "product": product, "goes_with": list(goes_with), "at": now, "shown": shown}
    connection.execute(db.insert_absent(connection, tables.bundle_exposures), [row])
    return shown


def reported(connection: Connection, currency: str, terms: Terms) -> Reported:
    """As every experiment of the store: nothing of fewer than 20 households in an arm."""
    orders = observed.orders(connection, currency, terms.now)
    entries = _entries(connection, terms.now)
    record = Record(entries=entries, orders=orders, pushes=[], sent={}, currency=currency)

    def arms(experiment: str, households: Collection[str]) -> Mapping[str, Assigned]:
        if experiment == GLOBAL:  # nobody who is held out of everything is in it
            return {one: Assigned(arm=TREATMENT, holdout=0.0) for one in households}
        return enrolment.arms(connection, EXPERIMENT, households, terms.need_holdout)

    found = report.report(record, arms, terms)
    of_bundles = [one for one in found if one.experiment == need_experiment(EXPERIMENT)]
    nobody = Reported(experiment=EXPERIMENT, hidden="no household has come by a product that others go with")
    return of_bundles[0] if of_bundles else nobody


def _entries(connection: Connection, now: datetime) -> list[Entry]:
    shown = func.max(case((_E.shown, 1), else_=0)).label("shown")
    query = select(_E.household, func.min(_E.at).label("at"), shown).where(_E.at <= now).group_by(_E.household)
    rows = connection.execute(query.order_by(_E.household))
    return [Entry(household=row.household, need=EXPERIMENT, at=row.at, sent=bool(row.shown)) for row in rows]
