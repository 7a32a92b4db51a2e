"""Associations of a store: mined from what people bought who agree to that, kept until they are mined again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from aircue_cloud import consents, db, tables
from aircue_cloud.associations import baskets, findings
from aircue_cloud.associations.findings import Found, Rule
from aircue_cloud.associations.mining import Terms
from aircue_cloud.homes import personalisation
from aircue_cloud.outcomes import observed
from aircue_cloud.outcomes.attribution import Order
from aircue_cloud.rights.small_groups import K

DUE = timedelta(days=7)
BACK = timedelta(days=730)  # purchases before that say little of what is sold now
MOST = 20_000  # rules that are kept, the surest
_A, _R = tables.associations.c, tables.association_runs.c


@dataclass(frozen=True, kw_only=True)
class Run:
    """found: what the run counted, by name."""

    id: int
    made_at: datetime
    found: Mapping[str, Any]


def is_due(connection: Connection, now: datetime) -> bool:
    run = last(connection)
    return run is None or now - run.made_at >= DUE


def last(connection: Connection) -> Run | None:
    row = connection.execute(select(tables.association_runs).order_by(_R.id.desc()).limit(1)).one_or_none()
    return None if row is None else Run(id=row.id, made_at=row.made_at, found=row.document)


def refresh(engine: Engine, now: datetime, terms: Terms | None = None) -> Run:
    """Mines anew. Read in one transaction, stored in another: whoever looks sees one run or the next."""
    said = Terms(least=K) if terms is None else terms
    with db.reading(engine) as connection:
        bought = _bought(connection, now)
    found = mined(bought, said)
    with db.writing(engine) as connection:
        return _store(connection, found, said, now)


def _bought(connection: Connection, now: datetime) -> list[Order]:
    """What was bought and kept, by people who agree."""
    people = set(connection.execute(agreeing()).scalars())
    orders = observed.orders(connection, None, now)
    return [one for one in orders if one.amount > 0 and one.person in people and one.at > now - BACK]


def agreeing() -> Any:
    """The ids of people whose shopping may be used."""
    theirs = consents.granting(purpose="marketing", data_category="behaviour")
    return select(tables.people.c.id).where(tables.people.c.household.in_(theirs), personalisation.willing())


def mined(bought: Sequence[Order], terms: Terms) -> tuple[Found, Found]:
    """From baskets, and from what homes own."""
    when = [round(one.at.timestamp() * 1000) for one in bought]
    in_baskets = baskets.of_purchases([one.person for one in bought], [one.product for one in bought], when)
    homes, products = [one.household for one in bought], [one.product for one in bought]
    owned = findings.of_devices(homes, products, [one.category for one in bought], terms, K)
    return findings.found(in_baskets, terms, K), owned


def _store(connection: Connection, found: tuple[Found, Found], terms: Terms, now: datetime) -> Run:
    document = _document(found, terms)
    row = {"made_at": now, "document": document}
    [run] = connection.execute(insert(tables.association_runs).returning(_R.id), row).scalars()
    connection.execute(delete(tables.associations))
    rules = sorted((rule for one in found for rule in one.rules), key=lambda rule: (rule.q, rule.p, -rule.lift))
    rows = [{"run": run, **vars(rule), "consequent": list(rule.consequent)} for rule in rules[:MOST]]
    if rows:
        connection.execute(insert(tables.associations), rows)
    return Run(id=run, made_at=now, found=document)


def _document(found: tuple[Found, Found], terms: Terms) -> dict[str, Any]:
    in_baskets, owned = found
    return {
        "baskets": in_baskets.baskets,
        "left_out": in_baskets.left_out,
        "homes": owned.baskets,
        "tests": in_baskets.tests | owned.tests,
        "found": in_baskets.sure | owned.sure,
        "least": terms.least,
        "fdr": terms.fdr,
        "method": terms.method,
    }


def rules_of(connection: Connection, antecedents: Sequence[str]) -> list[Rule]:
    """That follow from any of these: products, or of devices their category."""
    query = select(tables.associations).where(_A.antecedent.in_(antecedents)).order_by(_A.id)
    return [_rule(row) for row in connection.execute(query).mappings()]


def rules(connection: Connection, most: int) -> list[Rule]:
    """The surest first."""
    query = select(tables.associations).order_by(_A.q, _A.p, _A.lift.desc(), _A.id).limit(most)
    return [_rule(row) for row in connection.execute(query).mappings()]


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tables.associations)).scalar_one()


def _rule(row: Any) -> Rule:
    known = {name: row[name] for name in row if name not in ("id", "run", "consequent")}
    return Rule(**known, consequent=tuple(row["consequent"]))
