"""What a comparison of two arms counts: whose purchases, of what, and when; each edge on both of its sides."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.cloud.conftest import new_database

from aircue_cloud import db, tables
from aircue_cloud.needs import needs
from aircue_cloud.outcomes import lifts
from aircue_cloud.outcomes.assignment import HOLDOUT, TREATMENT, Arm, Assigned
from aircue_cloud.outcomes.attribution import Order
from aircue_cloud.outcomes.learned_lift import Comparing
from aircue_cloud.outcomes.observed import Entry
from aircue_cloud.outcomes.rate_ratio import Comparison
from aircue_cloud.outcomes.report import Terms
from aircue_cloud.outcomes.simulation import live

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TERMS = Terms(now=NOW)
BEGAN = NOW - 2 * TERMS.window


def entry(household: str, at: datetime = BEGAN, category: str | None = "dryer", product: str | None = "spin") -> Entry:
    return Entry(household=household, need="damp-air", at=at, sent=True, category=category, product=product)


def order(household: str, at: datetime, category: str = "dryer", amount: int = 9900) -> Order:
    return Order(household=household, person="p", product="other", category=category, at=at, amount=amount)


def of(entries: list[Entry], orders: list[Order], arm: Arm = TREATMENT) -> dict[tuple[str, str], Comparison]:
    comparing = Comparing()
    given = {one.household: Assigned(arm=arm, holdout=0.5) for one in entries}
    comparing.add({one.household: one for one in entries}, given, orders, TERMS)
    return dict(comparing.compared())


def bought(at: datetime, category: str = "dryer", amount: int = 9900) -> int:
    [found] = of([entry("ada")], [order("ada", at, category, amount)]).values()
    return found.bought


@pytest.mark.parametrize(
    ("at", "counted"),
    [(BEGAN - SECOND, 0), (BEGAN, 1), (BEGAN + TERMS.window - SECOND, 1), (BEGAN + TERMS.window, 0)],
)
def test_purchases_count_from_the_entry_to_before_the_end_of_the_span(at: datetime, counted: int) -> None:
    assert bought(at) == counted


@pytest.mark.parametrize(("category", "amount", "counted"), [("dryer", 1, 1), ("dryer", 0, 0), ("fan", 9900, 0)])
def test_purchases_of_the_category_that_did_not_come_back(category: str, amount: int, counted: int) -> None:
    assert bought(BEGAN, category, amount) == counted


def test_a_household_counts_once_its_span_is_over() -> None:
    over, under_way = entry("ada", NOW - TERMS.window), entry("ben", NOW - TERMS.window + SECOND)
    [found] = of([over, under_way], []).values()
    assert found == Comparison(bought=0, households=1, bought_held=0, households_held=0)


def test_one_that_would_have_been_offered_nothing_is_compared_with_nobody() -> None:
    assert of([entry("ada", product=None), entry("ben", category=None)], []) == {}


def test_those_held_out_are_counted_apart() -> None:
    [found] = of([entry("ada")], [order("ada", BEGAN)] * 2, HOLDOUT).values()
    assert found == Comparison(bought=0, households=0, bought_held=2, households_held=1)


def test_a_home_held_out_of_everything_says_nothing_of_one_needs_pushes(tmp_path: Path) -> None:
    """On a database, of simulated homes: three of them, held out of everything, are in neither arm."""
    need = needs.load().by_name["damp-air"]
    engine = db.open_database(new_database() or db.sqlite_url(str(tmp_path / "store.db")))
    lifts_ = {"dehumidifier": 1.0, "dryer": 3.0, "moisture-absorber": 1.3}
    played = live.Terms(need=need, lifts=lifts_, homes=60, waves=1)
    live.run(engine, played)
    terms = Terms(now=live.BEGIN + 4 * live.WAVE, holdout=0.0, need_holdout=played.need_holdout)

    def counted() -> int:
        with db.reading(engine) as connection:
            found = lifts.compared(connection, live.decided_about(need), terms)
        return sum(one.households + one.households_held for one in found.values())

    before, table = counted(), tables.decisions.c
    with db.writing(engine) as connection:
        entered = table.outcome.in_(("send", "ghost"))
        homes = sorted(set(connection.execute(select(table.household).where(entered)).scalars()))[:3]
        connection.execute(
            tables.assignments.update()
            .where(tables.assignments.c.experiment == "global", tables.assignments.c.household.in_(homes))
            .values(arm=HOLDOUT)
        )
    assert len(homes) == 3
    assert counted() == before - 3
    engine.dispose()
