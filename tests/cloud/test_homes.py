"""Households, people, sites over HTTP, and what wearables may tell of people."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cloud.stage import NOW, Cloud
from werkzeug.test import TestResponse

from aircue_cloud import consents, db, tables
from aircue_cloud.homes import observations, residents

KINDS: dict[str, dict[str, Any]] = {
    "location": {"area": "52.5,13.4"},
    "steps": {"value": 4200},
    "skin-temperature": {"value": 33.25},
    "ambient-temperature": {"value": -3.5},
}


def seen(kind: str = "steps", id_: str = "o-1", **more: Any) -> dict[str, Any]:
    said = {"id": id_, "kind": kind, "person": "ada-1", "device": "wristband", "at": "2026-11-21T11:00:00Z"}
    return said | KINDS[kind] | more


def post(cloud: Cloud, body: Any) -> TestResponse:
    return cloud.app.test_client().post("/api/v1/observations", json=body)


def agree(cloud: Cloud, category: str, *, granted: bool = True) -> None:
    said = {"purpose": "marketing", "data_category": category, "channel": "in-app", "granted": granted}
    assert cloud.app.test_client().post("/api/v1/households/ada/consents", json=said).status_code == 201


def test_a_household_with_its_people_and_sites_is_made_over_http(bare: Cloud) -> None:
    client = bare.app.test_client()
    assert client.put("/api/v1/households/kai", json={"name": "Kai's"}).status_code == 201
    assert client.put("/api/v1/people/kai-1", json={"name": "Kai", "household": "kai"}).status_code == 201
    body = {"household": "kai", "timezone": "Asia/Kathmandu", "latitude": 27.7172, "longitude": 85.324}
    site = client.put("/api/v1/sites/home-9", json=body)
    assert site.get_json() == {"id": "home-9", "household": "kai", "timezone": "Asia/Kathmandu", "area": "27.7,85.3"}
    assert bare.get("households/kai") == {"id": "kai", "name": "Kai's", "sites": ["home-9"]}
    assert bare.get("people?household=kai")["people"] == [{"id": "kai-1", "household": "kai", "name": "Kai"}]
    assert client.patch("/api/v1/households/kai", json={"name": "K"}).get_json()["name"] == "K"
    assert client.patch("/api/v1/people/kai-1", json={"name": "Kay"}).get_json()["name"] == "Kay"
    assert client.put("/api/v1/households/kai", json={"name": "K"}).status_code == 200


def test_where_exactly_a_home_stands_is_never_stored(bare: Cloud) -> None:
    bare.app.test_client().put("/api/v1/sites/s", json={"latitude": 52.51627, "longitude": 13.37770})
    (row,) = bare.rows(tables.sites)
    assert row["area"] == "52.5,13.4"
    assert "52.51" not in repr(row)


def test_a_site_is_linked_and_unlinked(cloud: Cloud) -> None:
    client = cloud.app.test_client()
    assert client.patch("/api/v1/sites/home-1", json={"household": None}).get_json()["household"] is None
    assert client.patch("/api/v1/sites/home-1", json={"household": "ada"}).get_json()["household"] == "ada"
    assert client.patch("/api/v1/sites/home-1", json={}).get_json()["timezone"] == "UTC"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("sites/home-1", {"timezone": "Europe/Berln"}, "timezone"),
        ("sites/home-1", {"timezone": "../../etc/passwd"}, "timezone"),
        ("sites/home-1", {"household": "nobody"}, "household"),
        ("sites/home-1", {"latitude": 52.5}, "longitude"),
        ("sites/home-1", {"latitude": 91, "longitude": 0}, "latitude"),
        ("people/ada-1", {"household": "nobody"}, "household"),
        ("people/ada-1", {"age": 40}, "age"),
        ("households/ada", {"name": 5}, "name"),
    ],
)
def test_what_cannot_be_is_refused(cloud: Cloud, path: str, body: dict[str, Any], field: str) -> None:
    response = cloud.app.test_client().patch(f"/api/v1/{path}", json=body)
    assert (response.status_code, response.get_json()["field"]) == (422, field)


@pytest.mark.parametrize("path", ["households/nobody", "people/nobody", "sites/nobody", "households/a%00b/inbox"])
def test_who_is_not_known_is_not_found(cloud: Cloud, path: str) -> None:
    assert cloud.app.test_client().get(f"/api/v1/{path}").status_code == 404


@given(latitude=st.floats(-90, 90), longitude=st.floats(-180, 180))
def test_every_position_has_an_area_that_the_api_accepts_and_that_is_near(latitude: float, longitude: float) -> None:
    from aircue_cloud import strict

    area = residents.area_of(latitude, longitude)
    location = seen("location", area=area)
    found = strict.convert(observations.Observation, location)
    assert found.area == area
    north, east = residents.coordinates(area)
    assert abs(north - latitude) <= 0.0501
    assert abs(east - longitude) <= 0.0501


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_observation_is_stored_only_with_the_consent_to_its_category(cloud: Cloud, kind: str) -> None:
    refused = post(cloud, seen(kind))
    assert (refused.status_code, refused.get_json()["field"]) == (422, "kind")
    category = observations.CATEGORY[kind]
    assert f"data of the category {category}" in refused.get_json()["expected"]
    for other in set(consents.DATA_CATEGORIES) - {category}:
        agree(cloud, other)
    assert post(cloud, seen(kind)).status_code == 422
    assert cloud.rows(tables.observations) == []
    agree(cloud, category)
    assert post(cloud, seen(kind)).status_code == 201
    (row,) = cloud.rows(tables.observations)
    assert (row["kind"], row["value"], row["area"]) == (kind, KINDS[kind].get("value"), KINDS[kind].get("area"))


def test_consent_that_is_taken_back_stops_the_next_observation(cloud: Cloud) -> None:
    agree(cloud, "activity")
    assert post(cloud, seen(id_="before")).status_code == 201
    agree(cloud, "activity", granted=False)
    assert post(cloud, seen(id_="after")).status_code == 422
    assert [row["id"] for row in cloud.rows(tables.observations)] == ["before"]


def test_of_many_those_of_agreeing_households_are_stored(cloud: Cloud) -> None:
    cloud.add(tables.households, {"id": "bo", "name": "Bo's"})
    cloud.add(tables.people, {"id": "bo-1", "household": "bo", "name": "Bo"})
    agree(cloud, "activity")
    outcome = post(cloud, [seen(id_="a"), seen(id_="b", person="bo-1"), seen(id_="a"), seen(id_="c", person="x")])
    told = outcome.get_json()
    assert (outcome.status_code, told["stored"], told["duplicates"]) == (207, 1, 1)
    assert [(one["id"], one["reason"]["field"]) for one in told["rejected"]] == [("b", "kind"), ("c", "person")]


@pytest.mark.parametrize("area", ["52.52,13.4", "52.5, 13.4", "52,13", "91.0,0.0", "0.0,181.0", "-0.0,1.0", "1.0,-0.0"])
def test_a_place_that_is_told_too_finely_is_refused(cloud: Cloud, area: str) -> None:
    agree(cloud, "location")
    response = post(cloud, seen("location", area=area))
    assert (response.status_code, response.get_json()["field"]) == (422, "area")
    assert "coarse on purpose" in response.get_json()["expected"]


def test_every_kind_of_observation_belongs_to_a_category_of_consent() -> None:
    assert set(observations.CATEGORY.values()) <= set(consents.DATA_CATEGORIES)
    assert set(observations.CATEGORY) == set(KINDS)


def test_a_household_that_said_nothing_of_a_category_may_not_be_stored(cloud: Cloud) -> None:
    with db.writing(cloud.engine) as connection:
        assert consents.storing(connection, "sensor") == {"ada"}
        assert consents.storing(connection, "body") == set()
        said = {"purpose": "marketing", "data_category": "body", "channel": "in-app"}
        consents.record(connection, "ada", **said, granted=True, now=NOW)
        assert consents.storing(connection, "body") == {"ada"}


def test_observations_are_read_page_by_page_of_one_person_or_home_or_of_all(cloud: Cloud) -> None:
    agree(cloud, "activity")
    agree(cloud, "location")
    assert post(cloud, [seen("location", "o-1"), seen("steps", "o-2"), seen("steps", "o-3")]).get_json()["stored"] == 3
    first = cloud.get("observations?limit=2")
    assert ([one["id"] for one in first["observations"]], first["next"]) == (["o-1", "o-2"], "o-2")
    assert [one["id"] for one in cloud.get("observations?after=o-2")["observations"]] == ["o-3"]
    assert len(cloud.get("observations?household=ada")["observations"]) == 3
    assert cloud.get("observations?person=nobody")["observations"] == []
    assert first["observations"][0]["area"] == "52.5,13.4"
    assert (first["observations"][1]["value"], first["observations"][1]["area"]) == (4200.0, None)
