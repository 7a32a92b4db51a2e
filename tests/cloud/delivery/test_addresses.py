"""Where people are reached: what they say themselves, what the shop enters, and what nobody may."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from tests.cloud.delivery.servers import HOST, HttpsServer, https
from tests.cloud.delivery.stage import FakeChannel, Post
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.delivery import addresses
from aircue_cloud.delivery.webhook import WebhookChannel
from aircue_cloud.identity import sessions


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    with https(tmp_path_factory.mktemp("tls")) as started:
        yield started


@pytest.fixture
def switched_on(cloud: Cloud, server: HttpsServer) -> Cloud:
    """Three channels, of which one is real."""
    channels = cloud.services.channels
    channels["webhook"] = WebhookChannel(gate=server.gate())
    channels["apprise"] = FakeChannel("apprise")
    channels["mqtt"] = FakeChannel("mqtt")
    return cloud


def shopper(cloud: Cloud, person: str = "ada-1") -> tuple[FlaskClient, dict[str, str]]:
    """Signed in; and what a page of ours sends with a write."""
    with db.writing(cloud.engine) as connection:
        token = sessions.open_new(connection, sessions.SHOPPER, person, "", cloud.clock())
    client = cloud.app.test_client()
    client.set_cookie("aircue-shopper", token)
    return client, {"X-Form-Word": sessions.form_word(token)}


def test_a_shopper_adds_sees_and_removes_an_address(switched_on: Cloud, server: HttpsServer) -> None:
    client, word = shopper(switched_on)
    body = {"channel": "webhook", "address": {"url": server.url}}
    added = client.post("/api/v1/me/addresses", json=body, headers=word)
    assert added.status_code == 201
    assert added.json["address"]["secret"].startswith("whsec_")
    listed: Any = client.get("/api/v1/me/addresses").json
    assert [one["address"] for one in listed["addresses"]] == [{"url": server.url}]  # the secret is told once
    assert listed["channels"] == ["apprise", "mqtt", "webhook"]
    path = f"/api/v1/me/addresses/{added.json['id']}"
    other, others_word = shopper(switched_on, others(switched_on))
    assert other.delete(path, headers=others_word).status_code == 404
    assert client.delete(path, headers=word).status_code == 204
    assert client.delete(path, headers=word).status_code == 404
    assert switched_on.rows(tables.addresses) == []


def others(cloud: Cloud) -> str:
    """Somebody of another household."""
    cloud.add(tables.households, {"id": "eve", "name": "Eve"})
    cloud.add(tables.people, {"id": "eve-1", "household": "eve", "name": "Eve"})
    return "eve-1"


def test_the_same_address_again_is_one_and_in_use_again(post: Post) -> None:
    first = post.reach("email", email="ada@home.example")
    with db.writing(post.cloud.engine) as connection:
        addresses.end(connection, first, addresses.UNSUBSCRIBED, NOW)
    assert post.reach("email", email="ada@home.example") == first
    [row] = post.cloud.rows(tables.addresses)
    assert row["ended_at"] is None


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/latest/meta-data/",
        f"https://{HOST}:22/x",
        f"https://ada:word@{HOST}/x",
    ],
)
def test_a_url_that_leads_to_us_is_refused_when_it_is_saved(switched_on: Cloud, url: str) -> None:
    client, word = shopper(switched_on)
    body = {"channel": "webhook", "address": {"url": url}}
    answer = client.post("/api/v1/me/addresses", json=body, headers=word)
    assert answer.status_code == 422
    assert "webhook: url:" in answer.json["detail"]
    assert switched_on.rows(tables.addresses) == []


def test_the_operators_services_and_homes_are_not_a_shoppers_to_choose(switched_on: Cloud) -> None:
    client, word = shopper(switched_on)
    for channel in ("apprise", "mqtt", "sns"):
        body = {"channel": channel, "address": {"to": "x"}}
        answer = client.post("/api/v1/me/addresses", json=body, headers=word)
        assert (answer.status_code, "ask the shop" in answer.json["detail"]) == (422, True)


def test_the_shop_enters_an_address_of_a_channel_that_is_switched_on(switched_on: Cloud) -> None:
    client, path = switched_on.app.test_client(), "/api/v1/people/ada-1/addresses"
    assert client.post(path, json={"channel": "apprise", "address": {"to": "family"}}).status_code == 201
    assert client.post(path, json={"channel": "apprise", "address": {"wrong": 1}}).status_code == 422
    assert client.post(path, json={"channel": "email", "address": {"email": "a@b.example"}}).status_code == 422
    assert (
        client.post("/api/v1/people/nobody/addresses", json={"channel": "apprise", "address": {"to": "x"}}).status_code
        == 404
    )
    [one] = client.get(path).json["addresses"]
    assert client.delete(f"{path}/{one['id']}").status_code == 204


def test_a_display_shows_offers_of_its_own_home_alone(switched_on: Cloud) -> None:
    others(switched_on)
    switched_on.add(tables.sites, {"id": "home-2", "household": "eve", "tz": "UTC"})
    client, path = switched_on.app.test_client(), "/api/v1/people/ada-1/addresses"
    found = [
        client.post(path, json={"channel": "mqtt", "address": {"to": "x", "site": site}}).status_code
        for site in ("home-1", "home-2", "home-3")
    ]
    assert found == [201, 422, 422]


def test_nobody_is_reached_at_more_addresses_than_a_household_has(switched_on: Cloud) -> None:
    client, path = switched_on.app.test_client(), "/api/v1/people/ada-1/addresses"
    found = [
        client.post(path, json={"channel": "apprise", "address": {"to": str(number)}}).status_code
        for number in range(addresses.MOST + 1)
    ]
    assert found == [201] * addresses.MOST + [409]


def test_a_write_of_a_shopper_comes_from_a_page_of_ours(switched_on: Cloud, server: HttpsServer) -> None:
    client, _ = shopper(switched_on)
    body = {"channel": "webhook", "address": {"url": server.url}}
    assert client.post("/api/v1/me/addresses", json=body).status_code == 403


def test_without_a_session_there_is_no_inbox_no_address_and_no_key(cloud: Cloud) -> None:
    client = cloud.app.test_client()
    paths = ("/api/v1/me/inbox", "/api/v1/me/addresses", "/api/v1/me/push-key")
    assert [client.get(path).status_code for path in paths] == [401] * 3


def test_a_browser_is_given_the_stores_key_once_web_push_is_on(cloud: Cloud, tmp_path: Path) -> None:
    from aircue_cloud.delivery import web_push
    from aircue_cloud.delivery.endpoints import Gate

    client, _ = shopper(cloud)
    assert client.get("/api/v1/me/push-key").status_code == 404
    key = web_push.vapid_key(tmp_path)
    channel = web_push.WebPushChannel(gate=Gate(), key=key, contact="mailto:air@shop.example")
    cloud.services.channels["web-push"] = channel
    assert client.get("/api/v1/me/push-key").json == {"key": channel.public_key}
