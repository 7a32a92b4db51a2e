"""Events over HTTP: each is stored once, and one that cannot be stored is told with its reason."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cloud.stage import Cloud
from werkzeug.test import TestResponse

from aircue_cloud import tables
from aircue_cloud.recommender.weights import WEIGHTS
from aircue_cloud.shop.events import KINDS

PURCHASE = {"quantity": 2, "price_minor": 1990, "currency": "EUR"}
NEEDED: dict[str, dict[str, Any]] = {"purchase": PURCHASE, "rating": {"stars": 4}}


def event(id_: str = "e-1", kind: str = "click", **more: Any) -> dict[str, Any]:
    said = {"id": id_, "kind": kind, "person": "ada-1", "product": "drymax", "at": "2026-11-21T11:00:00Z"}
    return said | NEEDED.get(kind, {}) | more


def post(cloud: Cloud, body: Any) -> TestResponse:
    return cloud.app.test_client().post("/api/v1/events", json=body)


def ndjson(cloud: Cloud, lines: Sequence[str]) -> TestResponse:
    data = "\n".join(lines).encode()
    return cloud.app.test_client().post("/api/v1/events", data=data, content_type="application/x-ndjson")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_stored_with_the_weight_of_the_one_table(cloud: Cloud, kind: str) -> None:
    response = post(cloud, event(kind=kind))
    assert (response.status_code, response.get_json()) == (201, {"id": "e-1", "duplicate": False})
    (row,) = cloud.rows(tables.interactions)
    assert (row["kind"], row["weight"], row["event"]) == (kind, WEIGHTS[kind], "e-1")


def test_the_kinds_of_the_api_are_those_that_have_a_weight() -> None:
    assert KINDS.keys() == WEIGHTS.keys()


def test_what_an_event_says_is_what_is_stored(cloud: Cloud) -> None:
    seen = {"referrer": "https://search.example/?q=damp", "path": "/p/drymax", "dwell_s": 12.5}
    bodies = [
        event("v", "view", **seen),
        event("p", "purchase"),
        event("r", "rating", stars=0, text="broke\non day two"),
    ]
    assert post(cloud, bodies).get_json()["stored"] == 3
    stored = {row["event"]: row for row in cloud.rows(tables.interactions)}
    assert {name: stored["v"][name] for name in seen} == seen
    assert {name: stored["p"][name] for name in PURCHASE} == PURCHASE
    assert (stored["r"]["rating"], stored["r"]["text"]) == (0, "broke\non day two")
    assert stored["v"]["at"].isoformat() == "2026-11-21T11:00:00+00:00"


def test_the_same_event_again_is_a_duplicate(cloud: Cloud) -> None:
    post(cloud, event(at="2026-11-21T11:00:00.123456Z"))
    again = post(cloud, event(at="2026-11-21T12:00:00.123456+01:00"))
    assert (again.status_code, again.get_json()) == (200, {"id": "e-1", "duplicate": True})
    assert len(cloud.rows(tables.interactions)) == 1


def test_other_content_under_an_id_is_a_conflict_and_changes_nothing(cloud: Cloud) -> None:
    post(cloud, event(kind="rating", stars=4))
    response = post(cloud, event(kind="rating", stars=5))
    assert (response.status_code, response.content_type) == (409, "application/problem+json")
    assert response.get_json()["field"] == "id"
    assert [row["rating"] for row in cloud.rows(tables.interactions)] == [4]


@pytest.mark.parametrize(
    ("body", "field", "found", "expected"),
    [
        (event(person="nobody"), "person", "nobody", "a person that is known"),
        (event(product="nothing"), "product", "nothing", "a product that is known"),
        (event(at="2026-11-21T12:05:01Z"), "at", "2026-11-21T12:05:01+00:00", "to 2026-11-21T12:05:00+00:00"),
        (event(at="1969-12-31T23:59:59Z"), "at", "1969", "a time from 1970"),
        (event(at="2026-11-21T11:00:00"), "at", '"2026-11-21T11:00:00"', "timezone"),
        (event(kind="glance"), "kind", '"glance"', "one of cart, click"),
        (event(kind="rating", stars=6), "stars", "6", "<= 5"),
        (event(kind="rating", stars="5"), "stars", '"5"', "int"),
        (event(kind="purchase", currency="EURO"), "currency", '"EURO"', "one of AED"),
        (event(kind="purchase", price_minor=19.9), "price_minor", "19.9", "int"),
        (event(kind="purchase", quantity=0), "quantity", "0", ">= 1"),
        (event(kind="view", dwell_s=-1), "dwell_s", "-1", ">= 0"),
        (event(kind="click", dwell_s=1), "dwell_s", "an unknown field", "one of "),
        (event(id_="a/b"), "id", '"a/b"', "no slash"),
        (event(id_="a\n"), "id", '"a\\n"', "no slash"),
        (event(kind="rating", text="a\0b"), "text", '"a\\u0000b"', "str"),
        ({"id": "x", "kind": "click"}, "person", "missing", "no slash"),
    ],
)
def test_what_is_no_event_is_refused_with_field_and_remedy(
    cloud: Cloud, body: dict[str, Any], field: str, found: str, expected: str
) -> None:
    response = post(cloud, body)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
    problem = response.get_json()
    assert problem["field"] == field
    assert found in problem["found"]
    assert expected in problem["expected"]
    assert problem["remedy"]
    assert cloud.rows(tables.interactions) == []


def test_an_event_of_a_clock_five_minutes_ahead_is_stored(cloud: Cloud) -> None:
    assert post(cloud, event(at="2026-11-21T12:05:00Z")).status_code == 201


def test_what_people_do_with_a_retired_product_is_still_stored(cloud: Cloud) -> None:
    assert cloud.app.test_client().delete("/api/v1/products/drymax").status_code == 204
    assert post(cloud, event(kind="return")).status_code == 201


@pytest.mark.parametrize(
    ("data", "kind", "status", "said"),
    [
        (b'{"id":', "application/json", 400, "expected JSON"),
        (b"[" * 100_000, "application/json", 400, "expected JSON"),
        (b'{"id":"\xff"}', "application/json", 400, "expected JSON"),
        (b"id=1", "application/x-www-form-urlencoded", 415, "application/x-ndjson"),
        (b"[" + b",".join([b"{}"] * 10_001) + b"]", "application/json", 413, "expected up to 10000"),
    ],
)
def test_a_body_that_is_none_is_refused_as_a_whole(
    cloud: Cloud, data: bytes, kind: str, status: int, said: str
) -> None:
    response = cloud.app.test_client().post("/api/v1/events", data=data, content_type=kind)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert said in response.get_json()["detail"]


def test_of_many_the_valid_ones_are_stored_and_the_others_listed(cloud: Cloud) -> None:
    post(cloud, event("old"))
    lines = [
        json.dumps(event("new")),
        "{broken",
        json.dumps(event("old")),
        json.dumps(event("old", "favourite")),
        json.dumps(event("new")),
        json.dumps(event("odd", person="nobody")),
        json.dumps(event("new", "cart")),
    ]
    response = ndjson(cloud, lines)
    assert response.status_code == 207
    outcome = response.get_json()
    assert (outcome["received"], outcome["stored"], outcome["duplicates"]) == (7, 1, 2)
    told = [(one["index"], one["id"], one["reason"]["field"]) for one in outcome["rejected"]]
    assert told == [(1, None, ""), (3, "old", "id"), (5, "odd", "person"), (6, "new", "id")]
    assert sorted(row["event"] for row in cloud.rows(tables.interactions)) == ["new", "old"]


def test_many_without_a_fault_are_answered_with_200(cloud: Cloud) -> None:
    response = post(cloud, [event(f"e-{number}") for number in range(2500)])
    assert (response.status_code, response.get_json()["stored"]) == (200, 2500)
    assert ndjson(cloud, []).get_json() == {"received": 0, "stored": 0, "duplicates": 0, "rejected": []}


def at_once(count: int, act: Callable[[int], TestResponse]) -> list[TestResponse]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


def test_events_sent_many_times_at_once_are_stored_once(cloud: Cloud) -> None:
    bodies = [event(f"e-{number}") for number in range(200)]

    def send(turn: int) -> TestResponse:
        return post(cloud, bodies[turn * 20 :] + bodies[: turn * 20])

    outcomes = [response.get_json() for response in at_once(8, send)]
    assert sum(outcome["stored"] for outcome in outcomes) == 200
    assert sum(outcome["duplicates"] for outcome in outcomes) == 7 * 200
    assert len(cloud.rows(tables.interactions)) == 200


def test_of_two_contents_sent_at_once_under_one_id_one_is_stored(cloud: Cloud) -> None:
    responses = at_once(8, lambda turn: post(cloud, event(kind="rating", stars=turn % 2)))
    assert [response.status_code for response in responses].count(201) == 1
    (row,) = cloud.rows(tables.interactions)
    taken = {f"{response.status_code}" for turn, response in enumerate(responses) if turn % 2 == row["rating"]}
    assert taken <= {"200", "201"}
    assert {response.status_code for turn, response in enumerate(responses) if turn % 2 != row["rating"]} == {409}


IDS = st.sampled_from(["a", "b", "c", "d"])
SENT = st.lists(st.tuples(IDS, st.sampled_from(["click", "cart"])), max_size=6)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(requests=st.lists(SENT, max_size=4))
def test_whatever_is_sent_in_whatever_portions_the_first_content_of_an_id_holds(
    cloud: Cloud, requests: list[list[tuple[str, str]]]
) -> None:
    """Against a dictionary that only ever takes a key once. Ids are of this example alone."""
    example = f"{len(cloud.rows(tables.interactions))}-{id(requests)}"
    known: dict[str, str] = {}
    for sent in requests:
        outcome = post(cloud, [event(f"{example}-{id_}", kind) for id_, kind in sent]).get_json()
        expected = {"stored": 0, "duplicates": 0, "rejected": 0}
        for id_, kind in sent:
            fate = "stored" if id_ not in known else "duplicates" if known[id_] == kind else "rejected"
            known.setdefault(id_, kind)
            expected[fate] += 1
        assert {**outcome, "rejected": len(outcome["rejected"])} == {"received": len(sent), **expected}
    stored = {row["event"]: row["kind"] for row in cloud.rows(tables.interactions)}
    assert {f"{example}-{id_}": kind for id_, kind in known.items()}.items() <= stored.items()


def test_what_is_stored_is_read_page_by_page_of_one_person_or_home_or_of_all(cloud: Cloud) -> None:
    cloud.add(tables.households, {"id": "bob", "name": "Bob's"})
    cloud.add(tables.people, {"id": "bob-1", "household": "bob", "name": "Bob"})
    sent = [event(f"e-{n}", person="bob-1" if n % 2 else "ada-1") for n in range(5)]
    assert post(cloud, [*sent, event("r", "rating", stars=0, text="meh")]).get_json()["stored"] == 6
    pages, after = [], 0
    while found := cloud.get(f"events?limit=2&after={after}")["events"]:
        pages.append([one["id"] for one in found])
        after = cloud.get(f"events?limit=2&after={after}")["next"]
    assert pages == [["e-0", "e-1"], ["e-2", "e-3"], ["e-4", "r"]]
    assert [one["id"] for one in cloud.get("events?household=bob")["events"]] == ["e-1", "e-3"]
    assert [one["id"] for one in cloud.get("events?person=ada-1")["events"]] == ["e-0", "e-2", "e-4", "r"]
    assert cloud.get("events?person=nobody") == {"events": [], "next": 0}
    rated = cloud.get("events")["events"][-1]
    assert (rated["stars"], rated["text"], rated["kind"], rated["quantity"]) == (0, "meh", "rating", None)
    assert rated["at"] == "2026-11-21T11:00:00Z"
