"""From batches to the inbox: one push an episode, with its reason, or none, with its reason."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product

from aircue_cloud import tables
from aircue_cloud.decision.affinity import RecentPopularity
from aircue_cloud.decision.policy import GATES

QUIET = dict.fromkeys(range(20, 40), 60.0)
DAMP_AGAIN = dict.fromkeys(range(40, 60), 85.0)


def inbox(cloud: Cloud, household: str = "ada") -> list[dict[str, Any]]:
    pushes: list[dict[str, Any]] = cloud.get(f"households/{household}/inbox")["pushes"]
    return pushes


def decisions(cloud: Cloud) -> list[tuple[str, str]]:
    return [(row["outcome"], row["reason"]) for row in cloud.get("decisions")["rows"]]


def test_a_damp_bathroom_brings_one_explained_push_with_its_trigger(cloud: Cloud) -> None:
    cloud.post(batch(humidity([60.0, 84.0] + [85.0] * 13 + [84.5] * 3)))
    [push] = inbox(cloud)
    assert push["reason"] == "Your bathroom was above 80 % humidity for 15 min today (it measured 84.5 %)."
    assert (push["need"], push["product"], push["category"]) == ("damp-air", "drymax", "dehumidifier")
    assert push["trigger"] == {
        "node": "bathroom",
        "installation": 2779096485,
        "boot": 1,
        "sequence": 17,
        "quantity": "humidity",
        "measured_at": "2026-11-21T02:16:00.000+00:00",
    }
    [episode] = cloud.get("episodes")["episodes"]
    assert (episode["id"], episode["open"], episode["peak"]) == (push["episode"], True, 85.0)


def test_the_feed_tells_the_story_in_order(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    cloud.post(batch(humidity(QUIET), sequence=2))
    rows = cloud.get("feed")["rows"]
    assert [(row["kind"], row.get("event")) for row in rows] == [
        ("node", "joined"),
        ("episode", "started"),
        ("push", None),
        ("episode", "ended"),
    ]
    assert [row["id"] for row in cloud.get(f"feed?after={rows[1]['id']}")["rows"]] == [row["id"] for row in rows[2:]]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_episode_has_exactly_one_push_however_it_is_split_and_ordered(
    cloud_factory: Any, data: st.DataObject
) -> None:
    cloud = cloud_factory()
    minutes = dict(enumerate(DAMP)) | QUIET
    order = data.draw(st.permutations(sorted(minutes)))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order) - 1), max_size=6)))
    for sequence, (first, last) in enumerate(pairwise([0, *cuts, len(order)])):
        cloud.post(
            batch(humidity({minute: minutes[minute] for minute in sorted(order[first:last])}), sequence=sequence)
        )
    assert len(inbox(cloud)) == 1
    assert len(cloud.get("episodes")["episodes"]) == 1


def test_without_consent_no_product_is_even_looked_for(cloud: Cloud) -> None:
    cloud.consent("ada", granted=False)
    cloud.post(batch(humidity(DAMP)))
    assert inbox(cloud) == []
    [row] = cloud.get("decisions")["rows"]
    assert "withdrawn its agreement" in row["reason"]
    assert (row["trace"]["candidates"], row["trace"]["model"]) == ([], None)
    assert [entry["text"] for entry in cloud.get("feed")["rows"] if entry["kind"] == "decision"] == [
        f"No push for damp-air in bathroom (home-1): {row['reason']}"
    ]


def test_consent_is_what_was_said_last(cloud: Cloud) -> None:
    cloud.consent("ada", granted=False)
    cloud.consent("ada", granted=True)
    cloud.post(batch(humidity(DAMP)))
    assert len(inbox(cloud)) == 1


def test_consent_through_the_api_holds_at_once(cloud: Cloud) -> None:
    said = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": False}
    response = cloud.app.test_client().post("/api/v1/households/ada/consents", json=said)
    assert response.status_code == 201
    cloud.post(batch(humidity(DAMP)))
    assert inbox(cloud) == []
    answer = cloud.get("households/ada/consents")
    assert [row["granted"] for row in answer["consents"]] == [False]
    assert [row["granted"] for row in answer["history"]] == [True, False]
    assert answer["history"][1]["receipt"] == response.get_json()["receipt"]


def test_a_second_episode_within_the_cooldown_brings_no_second_push(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    cloud.clock.now += timedelta(days=1)
    cloud.post(batch(humidity(QUIET | DAMP_AGAIN), sequence=2))
    assert len(inbox(cloud)) == 1
    assert len(cloud.get("episodes")["episodes"]) == 2
    assert "was offered a product of category dehumidifier" in decisions(cloud)[1][1]


def test_after_the_cooldown_there_may_be_another(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    cloud.clock.now += timedelta(days=14)
    cloud.post(batch(humidity(QUIET | DAMP_AGAIN), sequence=2))
    assert len(inbox(cloud)) == 2


def test_a_site_that_nobody_linked_is_stored_and_gets_no_push(bare: Cloud) -> None:
    assert bare.post(batch(humidity(DAMP))).status_code == 200
    assert len(bare.get("readings")["rows"]) == 20
    assert decisions(bare) == [
        ("suppress", "site home-1 is linked to no household; link it with: aircue-cloud site link home-1 HOUSEHOLD")
    ]


def bought(days: float, product: str = "drymax", kind: str = "purchase") -> dict[str, Any]:
    at = NOW - timedelta(days=days)
    return {"person": "ada-1", "product": product, "kind": kind, "weight": 4.0, "at": at}


def test_a_household_that_bought_a_remedy_last_week_is_offered_none(cloud: Cloud) -> None:
    cloud.add(tables.interactions, bought(7))
    cloud.post(batch(humidity(DAMP)))
    assert inbox(cloud) == []
    assert "household ada bought Drymax against damp-air: none before 14 Dec 2026" in decisions(cloud)[0][1]


def test_what_a_household_has_or_gave_back_is_not_offered_again(cloud: Cloud) -> None:
    cloud.add(tables.interactions, bought(40), bought(50, "tumble"), bought(45, "tumble", "return"))
    cloud.post(batch(humidity(DAMP)))
    assert [push["product"] for push in inbox(cloud)] == ["salt"]
    [row] = cloud.get("decisions")["rows"]
    hindrances = {one["product"]: one["hindrance"] for one in row["trace"]["candidates"]}
    assert hindrances == {
        "drymax": "the household has it already",
        "tumble": "the household gave it back",
        "salt": None,
    }


@pytest.mark.parametrize(("days", "product"), [(29, "tumble"), (30, "drymax")])
def test_what_was_not_for_them_is_not_offered_for_thirty_days_nor_its_like(
    cloud: Cloud, days: float, product: str
) -> None:
    cloud.add(tables.interactions, bought(days, kind="dismissal"))
    cloud.post(batch(humidity(DAMP)))
    assert [push["product"] for push in inbox(cloud)] == [product]


def test_a_shop_without_products_brings_no_push_and_no_error(bare: Cloud) -> None:
    bare.add(tables.households, {"id": "ada", "name": "Ada's"})
    bare.add(tables.sites, {"id": "home-1", "household": "ada", "tz": "UTC"})
    bare.consent("ada", granted=True)
    assert bare.post(batch(humidity(DAMP))).status_code == 200
    [(outcome, _)] = decisions(bare)
    assert outcome == "suppress"
    assert bare.get("decisions")["rows"][0]["trace"]["note"] == "the catalogue is empty"


def test_deleting_the_affinity_term_would_push_another_product(cloud: Cloud) -> None:
    """Affinity outweighs lift: a moisture absorber that this household likes ten times as much wins."""
    cloud.affinity.shares = {"salt": 0.1}
    cloud.post(batch(humidity(DAMP)))
    assert [push["product"] for push in inbox(cloud)] == ["salt"]


def test_deleting_the_lift_term_would_push_another_product(cloud: Cloud) -> None:
    """Lift outweighs a small difference in affinity: the dehumidifier wins though it is liked a little less."""
    cloud.affinity.shares = {"salt": 0.012}
    cloud.post(batch(humidity(DAMP)))
    assert [push["product"] for push in inbox(cloud)] == ["drymax"]


def test_the_trace_holds_every_gate_and_every_candidate(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    [row] = cloud.get("decisions")["rows"]
    trace = row["trace"]
    assert [gate["result"] for gate in trace["gates"]] == ["pass"] * len(GATES)
    assert trace["model"] == "fixed"
    assert [candidate["product"] for candidate in trace["candidates"]] == ["drymax", "tumble", "salt"]
    assert trace["candidates"][0].keys() >= {"affinity", "lift", "cost", "score", "hindrance"}


def test_without_a_trained_model_recent_popularity_of_consenting_households_stands_in(cloud: Cloud) -> None:
    cloud.affinity.current = lambda: None  # type: ignore[method-assign]  # a source without a model
    cloud.add(tables.products, product("dryrival", "dehumidifier"))
    cloud.add(tables.households, {"id": "silent", "name": "Silent"})
    cloud.add(tables.people, {"id": "silent-1", "household": "silent", "name": "Sil"})
    answer = {"purpose": "marketing", "data_category": "behaviour", "channel": "in-app", "at": NOW, "granted": True}
    cloud.add(tables.consents, answer | {"household": "ada", "receipt": "r1"})
    liked = {"kind": "click", "weight": 1.0, "at": NOW - timedelta(days=1)}
    cloud.add(tables.interactions, *[liked | {"person": "ada-1", "product": "dryrival"}] * 3)
    cloud.add(tables.interactions, *[liked | {"person": "silent-1", "product": "drymax"}] * 30)
    cloud.post(batch(humidity(DAMP)))
    [row] = cloud.get("decisions")["rows"]
    assert [push["product"] for push in inbox(cloud)] == ["dryrival"]
    assert row["trace"]["model"] == "recent-popularity-90d"
    assert "no model is trained yet" in row["trace"]["note"]


def test_popularity_gives_everything_a_share_and_everybody_the_same() -> None:
    shares = RecentPopularity(weights={"a": 3.0}, categories={"a": "", "b": ""}, days=90).affinity(
        ["u", "v"], ["a", "b"]
    )
    assert shares == pytest.approx(np.array([[3.5 / 4, 0.5 / 4]] * 2))


def test_a_late_reading_that_undoes_an_episode_withdraws_it_and_keeps_the_push(cloud: Cloud) -> None:
    cloud.post(batch(humidity({minute: 85.0 for minute in range(20) if minute != 8}), sequence=1))
    cloud.post(batch(humidity({8: 60.0}), sequence=2))
    assert cloud.get("episodes")["episodes"] == []
    assert [row["event"] for row in cloud.get("feed")["rows"] if row["kind"] == "episode"] == ["started", "withdrawn"]
    assert len(inbox(cloud)) == 1
