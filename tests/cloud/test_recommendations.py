"""Recommendations through the API: by a trained model, with reasons; by popularity, and said so, without one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product
from werkzeug.test import TestResponse

from aircue_cloud import db, tables
from aircue_cloud.decision.affinity import Affinity
from aircue_cloud.recommender.serving import Recommender
from aircue_cloud.recommender.training import train

GROUPS = ("dehumidifier", "dryer", "lighting")


def agree(cloud: Cloud, household: str, category: str = "behaviour", *, granted: bool = True) -> None:
    row = {"purpose": "marketing", "data_category": category, "channel": "in-app", "granted": granted, "at": NOW}
    receipt = f"{household}-{category}-{granted}"
    cloud.add(tables.consents, {**row, "household": household, "receipt": receipt})


def click(cloud: Cloud, person: str, *products: str, days: float = 1.0, **columns: object) -> None:
    row = {"kind": "click", "weight": 1.0, "at": NOW - timedelta(days=days), "person": person, **columns}
    cloud.add(tables.interactions, *({**row, "product": one} for one in products))


@pytest.fixture
def shop(cloud: Cloud) -> Cloud:
    """Eighteen people who turn to one of three groups of products, six each; a model that is trained on them. Ada is
    known and did nothing; Eve came after the training."""
    cloud.add(tables.products, *(product(f"{group}-{n}", group) for group in GROUPS for n in range(6)))
    agree(cloud, "ada")
    random = np.random.default_rng(2)
    for number in range(18):
        home = f"h{number:02}"
        cloud.add(tables.households, {"id": home, "name": home})
        cloud.add(tables.people, {"id": f"{home}-1", "household": home, "name": home})
        agree(cloud, home)
        group = GROUPS[number % 3]
        for days in range(1, 100, 5):
            click(cloud, f"{home}-1", f"{group}-{random.integers(6)}", days=days)
    retrain(cloud)
    cloud.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Eve"})
    return cloud


def retrain(cloud: Cloud) -> None:
    with db.reading(cloud.engine) as connection:
        train(connection, cloud.folder / "models", budget_s=0, families=("popularity", "item-knn"))
    model = Recommender.load(cloud.folder / "models")
    serve(cloud, lambda: model)


def serve(cloud: Cloud, current: Callable[[], Affinity | None]) -> None:
    cloud.affinity.current = current  # type: ignore[method-assign]  # another source of models


def ask(cloud: Cloud, query: str) -> TestResponse:
    return cloud.app.test_client().get(f"/api/v1/recommendations?{query}")


def recommended(cloud: Cloud, query: str) -> dict[str, Any]:
    response = ask(cloud, query)
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def products(answer: dict[str, Any]) -> list[str]:
    return [one["product"] for one in answer["recommendations"]]


def test_a_known_person_is_answered_by_the_model_with_reasons_that_add_up(shop: Cloud) -> None:
    answer = recommended(shop, "person=h00-1&n=4&head=repeat")
    assert (answer["basis"], answer["note"], len(answer["recommendations"])) == ("history", None, 4)
    assert answer["model"].startswith("0001-")
    assert all(name.startswith("dehumidifier") for name in products(answer))
    scores = [one["score"] for one in answer["recommendations"]]
    assert scores == sorted(scores, reverse=True)
    for one in answer["recommendations"]:
        assert sum(reason["amount"] for reason in one["reasons"]) == pytest.approx(one["score"], abs=1e-4)
        assert one["name"] == one["product"].title()
        assert "Dehumidifier-" in one["text"] or "You turned to it before" in one["text"]


def test_what_is_new_leaves_out_what_the_person_met_what_the_home_has_and_what_is_sold_out(shop: Cloud) -> None:
    full = recommended(shop, "person=ada-1&n=100")
    assert {"drymax", "lamp", "dryer-0"} <= set(products(full))
    click(shop, "ada-2", "drymax", kind="purchase", weight=8.0)
    with db.writing(shop.engine) as connection:
        connection.execute(tables.products.update().where(tables.products.c.id == "dryer-0").values(stock=0))
    left = recommended(shop, "person=ada-1&n=100")
    assert set(products(full)) - set(products(left)) == {"drymax", "dryer-0"}
    met = recommended(shop, "person=h00-1&n=100")
    assert not any(name.startswith("dehumidifier") for name in products(met))


def test_somebody_new_is_answered_from_what_they_did_lately(shop: Cloud) -> None:
    assert recommended(shop, "person=ada-2")["basis"] == "popularity"
    click(shop, "ada-2", "lighting-1", "lighting-2")
    answer = recommended(shop, "person=ada-2&n=3")
    assert answer["basis"] == "recent"
    assert all(name.startswith("lighting") for name in products(answer))


@pytest.mark.parametrize("person", ["ada-2", "h00-1"])
def test_without_consent_nothing_a_person_did_is_used(shop: Cloud, person: str) -> None:
    click(shop, "ada-2", "lighting-1", "lighting-2")
    assert recommended(shop, f"person={person}&n=3")["basis"] != "popularity"
    agree(shop, person.split("-")[0], granted=False)
    assert recommended(shop, f"person={person}&n=3")["basis"] == "popularity"


def test_a_need_lifts_its_remedies(shop: Cloud) -> None:
    plain = recommended(shop, "person=ada-1&n=100")
    damp = recommended(shop, "person=ada-1&n=100&need=damp-air")
    without = {one["product"]: one["score"] for one in plain["recommendations"]}
    for one in damp["recommendations"]:
        lift = {"dehumidifier": 2.0, "dryer": 1.5, "moisture-absorber": 1.3}.get(_category(one["product"]), 1.0)
        assert one["score"] - without[one["product"]] == pytest.approx(np.log(lift), abs=1e-3)
    first = damp["recommendations"][0]
    assert "Damp air makes it more wanted" in first["text"]


def _category(name: str) -> str:
    known = {"drymax": "dehumidifier", "tumble": "dryer", "salt": "moisture-absorber", "lamp": "lighting"}
    return known.get(name) or name.rsplit("-", 1)[0]


def test_a_product_that_came_after_the_training_is_recommended_by_its_description(shop: Cloud) -> None:
    shop.add(tables.products, product("lighting-new", "lighting"))
    click(shop, "ada-2", "lighting-1", "lighting-2")
    answer = recommended(shop, "person=ada-2&n=100")
    place = products(answer).index("lighting-new")
    others = [products(answer).index(name) for name in products(answer) if _category(name) == "dryer"]
    assert place < min(others)
    assert "It is new, and described like" in answer["recommendations"][place]["text"]


def test_many_are_answered_at_once_as_one_by_one(shop: Cloud) -> None:
    people = ["h01-1", "ada-1", "h00-1"]
    said = {"people": people, "n": 3, "need": "damp-air", "head": "repeat"}
    response = shop.app.test_client().post("/api/v1/recommendations/batch", json=said)
    assert response.status_code == 200, response.text
    answers = response.get_json()["answers"]
    assert answers == [recommended(shop, f"person={one}&n=3&need=damp-air&head=repeat") for one in people]


def test_without_a_trained_model_popularity_answers_and_says_so(shop: Cloud) -> None:
    serve(shop, lambda: None)
    answer = recommended(shop, "person=h00-1&n=3&need=damp-air")
    assert (answer["model"], answer["basis"]) == ("recent-popularity-90d", "popularity")
    assert "no model is trained yet" in answer["note"]
    for one in answer["recommendations"]:
        assert sum(reason["amount"] for reason in one["reasons"]) == pytest.approx(one["score"])


def test_an_empty_shop_has_nothing_to_recommend_and_says_no_more(bare: Cloud) -> None:
    bare.add(tables.households, {"id": "ada", "name": "Ada's"})
    bare.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    serve(bare, lambda: None)
    assert recommended(bare, "person=ada-1")["recommendations"] == []


def test_who_has_everything_gets_an_empty_list(shop: Cloud) -> None:
    with db.writing(shop.engine) as connection:
        everything = connection.execute(tables.products.select()).mappings().all()
        rows = [
            {"person": "ada-1", "product": one["id"], "kind": "purchase", "weight": 8.0, "at": NOW}
            for one in everything
        ]
        connection.execute(insert(tables.interactions), rows)
    answer = recommended(shop, "person=ada-1")
    assert (answer["recommendations"], answer["basis"]) == ([], "nothing left")


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 400, "missing required field `person`"),
        ("person=nobody", 404, "person 'nobody' is not known"),
        ("person=ada-1&n=0", 400, "Expected `int` >= 1"),
        ("person=ada-1&need=fog", 400, "need 'fog' is not known; known are absorber-due, cold, damp-air"),
        ("person=ada-1&head=any", 400, "Invalid enum value"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_the_reason(
    cloud: Cloud, query: str, status: int, said: str
) -> None:
    response = ask(cloud, query)
    assert (response.status_code, response.content_type) == (status, "application/problem+json")
    assert said in response.get_json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"people": []}, 422),
        ({"people": ["ada-1"], "n": 0}, 422),
        ({"people": ["ada-1"], "head": "any"}, 422),
        ({"people": ["ada-1"], "need": "fog"}, 422),
        ({"people": ["ada-1"], "more": 1}, 422),
        ({"people": ["ada-1", "nobody"]}, 404),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(cloud: Cloud, body: dict[str, object], status: int) -> None:
    assert cloud.app.test_client().post("/api/v1/recommendations/batch", json=body).status_code == status


# The same model behind a push.


def test_a_push_tells_in_its_trace_why_the_chosen_product_has_its_affinity(shop: Cloud) -> None:
    agree(shop, "h00", "sensor")
    shop.add(tables.sites, {"id": "home-9", "household": "h00", "tz": "UTC"})
    assert shop.post(batch(humidity(DAMP, site="home-9"))).status_code == 200
    [row] = [row for row in shop.get("decisions")["rows"] if row["household"] == "h00"]
    assert (row["outcome"], row["trace"]["model"][:5]) == ("send", "0001-")
    remedies = [name for name in (f"{group}-{n}" for group in GROUPS for n in range(6)) if "lighting" not in name]
    assert {one["product"] for one in row["trace"]["candidates"]} == {*remedies, "drymax", "tumble", "salt"}
    one, why = row["trace"]["candidates"][0], row["trace"]["why"]
    assert (why["product"], why["person"], why["basis"]) == (one["product"], "h00-1", "history")
    assert why["score"] == pytest.approx(np.log(one["affinity"]), abs=1e-4)
    assert sum(reason["amount"] for reason in why["reasons"]) == pytest.approx(why["score"])
    assert one["score"] == pytest.approx(why["score"] + np.log(one["lift"]) - one["cost"], abs=1e-4)
    assert one["product"].startswith("dehumidifier")


def test_what_a_known_person_did_since_the_training_changes_their_next_answer(shop: Cloud) -> None:
    before = recommended(shop, "person=h00-1&n=100")
    assert before["basis"] == "history"
    first = products(before)[0]
    click(shop, "h00-1", first, days=0.01)
    after = recommended(shop, "person=h00-1&n=100")
    assert (after["basis"], set(products(before)) - set(products(after))) == ("history", {first})
    click(shop, "h01-1", *(f"lighting-{n}" for n in range(6)), days=0.01, weight=500.0)
    assert _category(products(recommended(shop, "person=h01-1&n=1&head=repeat"))[0]) == "lighting"


def test_a_newcomer_that_a_person_turned_to_is_not_new_to_them(shop: Cloud) -> None:
    shop.add(tables.products, product("lighting-new", "lighting"))
    for person in ("ada-2", "h00-1"):
        assert "lighting-new" in products(recommended(shop, f"person={person}&n=100"))
        click(shop, person, "lighting-new", days=0.01)
        assert "lighting-new" not in products(recommended(shop, f"person={person}&n=100"))
        assert "lighting-new" in products(recommended(shop, f"person={person}&n=100&head=repeat"))


def test_as_many_are_recommended_as_asked_for_however_many_are_sold_out(shop: Cloud) -> None:
    best = products(recommended(shop, "person=ada-1&n=15"))
    with db.writing(shop.engine) as connection:
        gone = tables.products.c.id.in_(best[:8])
        connection.execute(tables.products.update().where(gone).values(stock=0))
    assert products(recommended(shop, "person=ada-1&n=5")) == best[8:13]


def test_products_that_come_in_later_are_recommended_within_seconds_and_as_they_are_described_within_a_minute(
    shop: Cloud,
) -> None:
    """A server does not read the whole catalogue for each request."""
    shop.add(tables.products, product("lighting-new", "lighting"))
    assert "lighting-new" in products(recommended(shop, "person=ada-1&n=100"))
    shop.add(tables.products, product("lighting-newer", "lighting"))
    shop.clock.now += timedelta(seconds=6)
    assert "lighting-newer" in products(recommended(shop, "person=ada-1&n=100"))
    with db.writing(shop.engine) as connection:
        newer = tables.products.c.id == "lighting-newer"
        connection.execute(tables.products.update().where(newer).values(category="dehumidifier"))
    shop.clock.now += timedelta(seconds=61)
    answer = recommended(shop, "person=ada-1&n=100&need=damp-air")
    [found] = [one for one in answer["recommendations"] if one["product"] == "lighting-newer"]
    assert "need" in [reason["kind"] for reason in found["reasons"]]


def test_what_ratings_say_of_a_product_is_told_from_twenty_ratings_on(shop: Cloud) -> None:
    stars = {"dehumidifier-0": [5, 4] * 10, "dehumidifier-1": [1] * 19}
    for product_, given in stars.items():
        for number, rating in enumerate(given):
            said = {"person": f"h{number % 18:02}-1", "product": product_, "kind": "rating", "weight": 1.0}
            shop.add(tables.interactions, {**said, "rating": rating, "at": NOW - timedelta(days=3 + number)})
    before = shop.get("products/dehumidifier-0/reviews")
    assert (before["model"][:5], before["ratings"], before["aspects"]) == ("0001-", None, None)
    retrain(shop)
    told = shop.get("products/dehumidifier-0/reviews")
    assert (told["model"][:5], told["ratings"]) == ("0002-", 20)
    assert 3.5 < told["quality"] < 4.5
    assert shop.get("products/dehumidifier-1/reviews")["ratings"] is None
    assert shop.app.test_client().get("/api/v1/products/nothing/reviews").status_code == 404


def test_the_needs_that_hold_in_a_home_that_agrees_lift_their_remedies(shop: Cloud) -> None:
    plain = recommended(shop, "person=ada-1&n=100")
    assert recommended(shop, "person=ada-1&n=100&environment=true") == plain
    shop.post(batch(humidity(DAMP)))
    agree(shop, "ada", "sensor")
    assert recommended(shop, "person=ada-1&n=100") == plain
    home = recommended(shop, "person=ada-1&n=100&environment=true")
    assert home["recommendations"] == recommended(shop, "person=ada-1&n=100&need=damp-air")["recommendations"]
    assert "Damp air makes it more wanted" in home["recommendations"][0]["text"]
    agree(shop, "ada", "sensor", granted=False)
    assert recommended(shop, "person=ada-1&n=100&environment=true") == plain
    both = ask(shop, "person=ada-1&need=damp-air&environment=true")
    assert (both.status_code, both.get_json()["detail"]) == (400, "a need and the environment: ask for one of them")
