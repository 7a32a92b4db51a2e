"""Reports about many people: none on fewer than 20, whatever one asks for and however often."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, update
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import consents, db, tables
from aircue_cloud.layers import asking
from aircue_cloud.rights import reports, small_groups

OCTOBER = datetime(2026, 10, 10, tzinfo=UTC)


def home(cloud: Cloud, name: str, area: str | None, people: int = 1, *, agrees: bool = True) -> None:
    cloud.add(tables.households, {"id": name, "name": name})
    cloud.add(tables.people, *({"id": f"{name}-{n}", "household": name, "name": name} for n in range(people)))
    cloud.add(tables.sites, {"id": f"site-{name}", "household": name, "tz": "UTC", "area": area})
    with db.writing(cloud.engine) as connection:
        how = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app"}
        consents.record(connection, name, granted=agrees, now=NOW, **how)


def damp(cloud: Cloud, name: str, at: datetime = OCTOBER, need: str = "damp-air", *, withdrawn: bool = False) -> None:
    site, reading = f"site-{name}", {"installation": 1, "boot": 1, "sequence": 1}
    row = {column.name: None for column in tables.episodes.columns if column.nullable}
    row |= {column.name: 0 for column in tables.episodes.columns if not column.nullable}
    known = {"id": f"{name}-{need}-{at}", "site": site, "node": "n", "quantity": "humidity", "need": need}
    more = {"started_at": at, "open": False, "withdrawn": withdrawn, **reading}
    texts = {c.name: "" for c in tables.episodes.columns if str(c.type) == "TEXT" and not c.nullable}
    moments = {c.name: at for c in tables.episodes.columns if "Moment" in repr(c.type) and not c.nullable}
    fields = row | texts | moments | known | more
    cloud.add(tables.episodes, {name: value for name, value in fields.items() if name in tables.episodes.c})


@pytest.fixture
def town(bare: Cloud) -> Cloud:
    """45 homes in the north with damp air in October, 25 in the south, 3 on the islands."""
    for area, count in (("north", 45), ("south", 25), ("islands", 3)):
        for number in range(count):
            home(bare, f"{area}{number}", area)
            damp(bare, f"{area}{number}")
    return bare


def asked(cloud: Cloud, month: str = "2026-10") -> dict[str, Any]:
    return dict(cloud.get(f"reports/needs-by-area?month={month}"))


def test_a_report_counts_people_and_hides_what_would_tell_of_few(town: Cloud) -> None:
    expected = {"north": 45, "south": None, "islands": None}
    assert asked(town)["groups"] == [{"name": "damp-air", "total": 73, "people": expected}]
    assert asked(town)["at_least"] == small_groups.K == 20


def test_nothing_that_is_shown_or_follows_from_it_by_subtraction_is_of_fewer_than_20(town: Cloud) -> None:
    [group] = asked(town)["groups"]
    shown = [count for count in group["people"].values() if count is not None]
    rest = group["total"] - sum(shown)
    assert min([*shown, group["total"], rest]) >= small_groups.K
    assert sum(count is None for count in group["people"].values()) >= 2, "one hidden cell is the rest itself"


def test_waiting_until_somebody_leaves_tells_nothing_of_them(town: Cloud) -> None:
    before = asked(town)
    with db.writing(town.engine) as connection:
        connection.execute(delete(tables.people).where(tables.people.c.id == "north0-0"))
        connection.execute(update(tables.sites).where(tables.sites.c.id == "site-north1").values(area="islands"))
    assert asked(town) == before


@pytest.mark.parametrize("month", ["2026-11", "2027-01", "2026-13", "2026-1x", "", "2026-10-01", "2026"])
def test_only_a_whole_month_that_is_over_can_be_asked_for(town: Cloud, month: str) -> None:
    """Spans of one's own, a day longer the second time, would tell of that day's people."""
    response = town.app.test_client().get(f"/api/v1/reports/needs-by-area?month={month}")
    assert response.status_code == 400
    assert town.rows(tables.reports) == []


def test_other_months_withdrawn_episodes_and_who_did_not_agree_are_not_counted(town: Cloud) -> None:
    for number in range(25):
        home(town, f"never{number}", "north", agrees=False)
        damp(town, f"never{number}")
        home(town, f"later{number}", "north")
        damp(town, f"later{number}", datetime(2026, 11, 1, tzinfo=UTC))
        home(town, f"undone{number}", "north")
        damp(town, f"undone{number}", withdrawn=True)
    assert asked(town)["groups"][0]["people"]["north"] == 45


def test_somebody_with_two_homes_counts_once(bare: Cloud) -> None:
    home(bare, "many", "north", people=30)
    bare.add(tables.sites, {"id": "site-second", "household": "many", "tz": "UTC", "area": "south"})
    damp(bare, "many")
    damp(bare, "second")
    assert asked(bare)["groups"] == [{"name": "damp-air", "total": 30, "people": {"north": 30}}]


def test_nineteen_people_are_in_no_report(bare: Cloud) -> None:
    home(bare, "many", None, people=19)
    damp(bare, "many")
    assert asked(bare)["groups"] == [{"name": "damp-air", "total": None, "people": {reports.NOWHERE: None}}]


def test_no_other_figure_that_is_served_counts_people_or_homes(town: Cloud) -> None:
    """The figures of the installation count what arrived and what was done; a new one has to be looked at here."""
    figures = {name for name, value in town.get("status").items() if isinstance(value, int)}
    people = re.compile(r"person|people|household|home|shopper|resident|area|region")
    assert [name for name in figures if people.search(name)] == []
    page = town.app.test_client().get("/console").text
    labels = re.findall(r"<dt>([^<]*)</dt>", page)
    assert labels
    assert [name for name in labels if people.search(name.lower())] == []


def test_a_question_to_the_lake_reaches_no_table_that_names_people() -> None:
    assert not set(asking.TABLES) & {"people", "households", "interactions", "observations", "consents", "audit"}
