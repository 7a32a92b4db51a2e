"""A decision writes down the arms it was made under, and later ones keep to them."""

from sqlalchemy import insert
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity

from aircue_cloud import db, tables
from aircue_cloud.outcomes.assignment import GLOBAL, HOLDOUT, arm, need_experiment


def test_the_first_decision_writes_the_arms_down(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    rows = {row["experiment"]: row for row in cloud.rows(tables.assignments)}
    assert set(rows) == {GLOBAL, need_experiment("damp-air")}
    for name, row in rows.items():
        assert row["household"] == "ada"
        assert row["arm"] == arm("ada", name, row["holdout"])


def test_a_household_stays_in_the_arm_it_came_into(cloud: Cloud) -> None:
    """It came in when everybody was held out; the share has changed since."""
    row = {"household": "ada", "arm": HOLDOUT, "holdout": 1.0, "at": NOW}
    with db.writing(cloud.engine) as connection:
        connection.execute(insert(tables.assignments), {"experiment": GLOBAL, **row})
    cloud.post(batch(humidity(DAMP)))
    assert [row["outcome"] for row in cloud.rows(tables.decisions)] == ["ghost"]
    assert cloud.rows(tables.pushes) == []


def test_who_has_not_agreed_is_in_no_experiment(cloud: Cloud) -> None:
    cloud.consent("ada", granted=False)
    cloud.post(batch(humidity(DAMP)))
    assert cloud.rows(tables.assignments) == []
