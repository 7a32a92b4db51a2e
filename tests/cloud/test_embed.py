"""The snippet for another shop's page: passes, who may read what they allow, and what its documentation says."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cloud.shopper import furnish, say
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity
from werkzeug.test import TestResponse

from aircue_cloud import db
from aircue_cloud.identity import keys
from aircue_cloud.storefront import embed

ORIGIN = "https://shop.example"
PAGE = Path(__file__).parents[2] / "docs" / "shop-snippet.md"


@pytest.fixture
def shop(cloud: Cloud) -> Cloud:
    furnish(cloud)
    assert cloud.post(batch(humidity(DAMP))).status_code == 200
    return cloud


def drawn(cloud: Cloud, **said: Any) -> str:
    response = cloud.app.test_client().post("/api/v1/passes", json={"origin": ORIGIN, **said})
    assert response.status_code == 201, response.text
    return str(response.get_json()["token"])


def asked(cloud: Cloud, token: str, origin: str | None = ORIGIN, query: str = "?n=3") -> TestResponse:
    headers = {"Authorization": f"Bearer {token}"} | ({} if origin is None else {"Origin": origin})
    return cloud.app.test_client().get(f"/api/v1/passes/recommendations{query}", headers=headers)


def test_a_pass_shows_one_persons_recommendations_with_reasons(shop: Cloud) -> None:
    answer = asked(shop, drawn(shop, person="ada-1"))
    found = answer.get_json()
    assert found["personalised"]
    assert len(found["products"]) == 3
    [drymax] = [one for one in found["products"] if one["product"] == "drymax"]
    assert drymax["price"] == "€99.00"
    assert "Your bathroom was above 80 % humidity" in drymax["reasons"][0]
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers
    chinese = asked(shop, drawn(shop, person="ada-1"), query="?language=zh").get_json()
    assert chinese["title"] == "为您推荐"


def test_without_a_person_it_is_what_is_popular(shop: Cloud) -> None:
    found = asked(shop, drawn(shop)).get_json()
    assert not found["personalised"]
    assert found["products"][0]["product"] == "fan"
    assert "bathroom" not in str(found)


def test_consent_that_is_taken_back_holds_for_a_pass_that_is_out(shop: Cloud) -> None:
    token = drawn(shop, person="ada-1")
    say(shop, "ada", "sensor", granted=False)
    assert "bathroom" not in asked(shop, token).text
    shop.app.test_client().put("/api/v1/people/ada-1/personalisation", json={"personalised": False})
    assert not asked(shop, token).get_json()["personalised"]


@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "http://shop.example", "https://shop.example:444", "null"]
)
def test_a_pass_is_for_one_origin(shop: Cloud, origin: str | None) -> None:
    answer = asked(shop, drawn(shop, person="ada-1"), origin)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_pass_ends_and_none_can_be_made_up(shop: Cloud) -> None:
    token = drawn(shop, person="ada-1")
    head, _, sealed = token.partition(".")
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for wrong in ("", "x", head, f"{head}.", f"{head}.{changed}", f"{head}.{sealed}A", f"other.{sealed}", sealed):
        assert asked(shop, wrong).status_code == 401, wrong
    shop.clock.now = NOW + timedelta(minutes=15)
    assert asked(shop, token).status_code == 401


def test_a_pass_of_somebody_who_is_gone_shows_nothing(shop: Cloud) -> None:
    token = drawn(shop, person="ada-1")
    assert shop.app.test_client().delete("/api/v1/people/ada-1").status_code == 200
    assert asked(shop, token).status_code == 404


def test_a_pass_is_given_to_the_shops_server_alone_and_says_nobodys_name(shop: Cloud) -> None:
    with db.writing(shop.engine) as connection:
        key = keys.add(connection, "partner", "reader", {"catalogue:read"}, NOW)
    client, said = shop.app.test_client(), {"origin": ORIGIN, "person": "ada-1"}
    assert client.post("/api/v1/passes", json=said, headers={"Authorization": f"Bearer {key}"}).status_code == 403
    assert "ada" not in drawn(shop, person="ada-1").partition(".")[2]
    assert client.post("/api/v1/passes", json=said | {"person": "nobody"}).status_code == 404
    for origin in ("shop.example", "https://shop.example/", "javascript:x", "*"):
        assert client.post("/api/v1/passes", json=said | {"origin": origin}).status_code == 422, origin


def test_a_pass_is_not_used_without_end(shop: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "OFTEN", embed.Limit(what="pass", most=2, window=timedelta(minutes=1)))
    token = drawn(shop)
    assert [asked(shop, token).status_code for _ in range(3)] == [200, 200, 429]
    assert asked(shop, drawn(shop, person="ada-1")).status_code == 200


def test_a_browser_that_asks_before_is_told_what_it_may_send_and_nothing_else(shop: Cloud) -> None:
    answer = shop.app.test_client().options("/api/v1/passes/recommendations", headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization"
    assert answer.data == b""
    assert "Access-Control-Allow-Origin" not in shop.app.test_client().options("/api/v1/people").headers


def test_the_script_is_for_pages_of_other_origins_and_makes_no_markup(shop: Cloud) -> None:
    script = shop.app.test_client().get("/embed.js")
    assert script.mimetype == "text/javascript"
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(", script.text)


def test_the_example_of_the_documentation_is_what_the_script_reads(shop: Cloud) -> None:
    page = PAGE.read_text()
    script = shop.app.test_client().get("/embed.js").text
    named = {re.sub(r"-(\w)", lambda found: found[1].upper(), one) for one in re.findall(r"data-([a-z-]+)=", page)}
    assert "aircuePass" in named
    assert [name for name in named if f"dataset.{name}" not in script] == []
