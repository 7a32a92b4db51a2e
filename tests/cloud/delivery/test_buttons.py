"""Buttons of a push: a link shows, a form acts, once for a push, a person and an action, and for nobody else."""

import base64
import string
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection
from tests.cloud.delivery.stage import Post
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.delivery import buttons
from aircue_cloud.delivery.buttons import ACTIONS, LIFE, SNOOZE, UNSUBSCRIBE, Links


def path(cloud: Cloud, action: str, push: str, person: str = "ada-1") -> str:
    url = cloud.services.links.of_push(push, person, cloud.clock())[action]
    return url.removeprefix("http://127.0.0.1:8400")


@pytest.fixture
def client(cloud: Cloud) -> FlaskClient:
    return cloud.app.test_client()


def interactions(cloud: Cloud) -> list[tuple[str, str, str, bool, str | None]]:
    names = ("person", "product", "kind", "pushed", "push")
    return [tuple(row[name] for name in names) for row in cloud.rows(tables.interactions)]  # type: ignore[misc]  # five


def said(cloud: Cloud) -> list[dict[str, Any]]:
    return cloud.rows(tables.preferences)


def forms(page: str) -> int:
    """Of what a page is about; around it there are others."""
    return page.partition("<main")[2].partition("</main>")[0].count("<form")


def test_opening_a_link_changes_nothing_however_often(post: Post, client: FlaskClient) -> None:
    push = post.push()
    for action in ACTIONS:
        for _ in range(3):
            answer = client.get(path(post.cloud, action, push.id))
            assert (answer.status_code, forms(answer.text)) == (200, 1)
            assert answer.headers["Referrer-Policy"] == "strict-origin"
    assert (interactions(post.cloud), said(post.cloud), post.cloud.rows(tables.answers)) == ([], [], [])


@pytest.mark.parametrize(("action", "kind"), [("buy", "click"), ("not-for-me", "dismissal")])
def test_buy_and_not_for_me_are_interactions_that_followed_from_the_push(
    post: Post, client: FlaskClient, action: str, kind: str
) -> None:
    push = post.push()
    assert client.post(path(post.cloud, action, push.id)).status_code == 200
    assert interactions(post.cloud) == [("ada-1", "drymax", kind, True, push.id)]


def test_remind_me_later_leaves_the_need_alone_until_tomorrow(post: Post, client: FlaskClient) -> None:
    push = post.push()
    assert client.post(path(post.cloud, "later", push.id)).status_code == 200
    [row] = said(post.cloud)
    assert (row["kind"], row["subject"]) == ("person", "ada-1")
    assert {need: datetime.fromisoformat(at) for need, at in row["snoozed"].items()} == {"damp-air": NOW + SNOOZE}


def test_stop_this_need_stops_it_for_the_person_alone(post: Post, client: FlaskClient) -> None:
    push = post.push()
    client.post(path(post.cloud, "stop", push.id))
    [row] = said(post.cloud)
    assert (row["kind"], row["subject"], row["stopped"]) == ("person", "ada-1", ["damp-air"])


@pytest.mark.parametrize("action", ACTIONS)
def test_a_second_press_says_so_and_changes_nothing_also_by_another_link(
    post: Post, client: FlaskClient, action: str
) -> None:
    push = post.push()
    first, other = path(post.cloud, action, push.id), path(post.cloud, action, push.id)
    assert first != other
    assert client.post(first).status_code == 200
    before = (interactions(post.cloud), said(post.cloud))
    for link in (first, other):
        again = client.post(link)
        assert (again.status_code, "was used before" in again.text) == (409, True)
        assert forms(client.get(link).text) == 0
    assert (interactions(post.cloud), said(post.cloud)) == before


def test_links_of_two_people_of_a_household_each_work_once(post: Post, client: FlaskClient) -> None:
    post.cloud.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Grace"})
    push = post.push()
    assert [client.post(path(post.cloud, "buy", push.id, one)).status_code for one in ("ada-1", "ada-2")] == [200, 200]
    assert [row[0] for row in interactions(post.cloud)] == ["ada-1", "ada-2"]


def test_a_link_for_somebody_of_another_household_does_nothing(post: Post, client: FlaskClient) -> None:
    post.cloud.add(tables.households, {"id": "eve", "name": "Eve"})
    post.cloud.add(tables.people, {"id": "eve-1", "household": "eve", "name": "Eve"})
    assert client.post(path(post.cloud, "buy", post.push().id, "eve-1")).status_code == 404
    assert interactions(post.cloud) == []


def test_a_link_is_over_after_its_time(post: Post, client: FlaskClient) -> None:
    link = path(post.cloud, "buy", post.push().id)
    post.cloud.clock.now += LIFE - timedelta(seconds=1)
    assert client.get(link).status_code == 200
    post.cloud.clock.now += timedelta(seconds=1)
    assert [client.get(link).status_code, client.post(link).status_code] == [404, 404]


def test_no_sign_of_a_link_can_be_changed(post: Post, client: FlaskClient) -> None:
    link = path(post.cloud, "buy", post.push().id)
    for place in range(len("/offers/main."), len(link)):
        sign = "A" if link[place] != "A" else "B"
        assert client.post(link[:place] + sign + link[place + 1 :]).status_code == 404, place
    end = len(link.rstrip("=")) - 1
    for sign in set(string.ascii_letters + string.digits + "-_") - {link[end]}:  # its low bits are in no byte
        assert client.post(link[:end] + sign + link[end + 1 :]).status_code == 404, sign
    assert client.post(link.replace("main.", "other.")).status_code == 404
    assert interactions(post.cloud) == []


def test_a_link_of_another_store_is_worth_nothing_here(post: Post, client: FlaskClient) -> None:
    elsewhere = Links("main", post.cloud.folder / "elsewhere", "http://127.0.0.1:8400")
    token = elsewhere.draw("buy", post.push().id, "ada-1", NOW)
    assert client.post(f"/offers/{token}").status_code == 404


def test_a_link_says_nobodys_name(post: Post) -> None:
    link = path(post.cloud, "buy", post.push().id)
    token = link.rpartition("/")[2]
    assert "ada-1" not in link
    assert b"ada-1" not in base64.urlsafe_b64decode(token)


def test_a_form_of_another_site_presses_no_button(post: Post, client: FlaskClient) -> None:
    link = path(post.cloud, "buy", post.push().id)
    assert client.post(link, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post(link, headers={"Origin": "https://evil.example"}).status_code == 403
    assert interactions(post.cloud) == []


def test_a_push_that_is_gone_has_no_buttons(post: Post, client: FlaskClient) -> None:
    assert client.get(path(post.cloud, "buy", "no-such-push")).status_code == 404


def test_one_click_ends_an_address_without_cookie_or_page_and_looking_at_it_does_not(
    post: Post, client: FlaskClient
) -> None:
    id_ = post.reach("email", email="ada@home.example")
    link = post.cloud.services.links.unsubscribing(id_, "ada-1", NOW).removeprefix("http://127.0.0.1:8400")
    assert client.get(link).status_code == 200
    assert post.cloud.rows(tables.addresses)[0]["ended_at"] is None
    for _ in range(2):  # a mail program may send it again
        answer = client.post(link, data={"List-Unsubscribe": "One-Click"}, headers={"Origin": "https://mail.example"})
        assert answer.status_code == 200
    [row] = post.cloud.rows(tables.addresses)
    assert (row["ended_at"], row["ended_by"]) == (NOW, "unsubscribed")
    post.push("email")
    assert post.rows("email") == []


def test_a_link_works_on_its_own_page_alone(post: Post, client: FlaskClient) -> None:
    id_, links = post.reach("email", email="ada@home.example"), post.cloud.services.links
    way_out = links.draw(UNSUBSCRIBE, id_, "ada-1", NOW)
    buy = links.draw("buy", post.push().id, "ada-1", NOW)
    assert client.post(f"/offers/{way_out}").status_code == 404
    assert client.post(f"/unsubscribe/{buy}").status_code == 404


def test_buttons_write_through_whoever_keeps_preferences(post: Post) -> None:
    """The interface that the policy keeps: another keeper gets the same words."""
    heard: list[tuple[Any, ...]] = []

    class Keeper:
        def snooze(self, _: Connection, *words: Any) -> None:
            heard.append(("snooze", *words))

        def stop(self, _: Connection, *words: Any) -> None:
            heard.append(("stop", *words))

    push = post.push()
    with db.writing(post.cloud.engine) as connection:
        for action in ("later", "stop"):
            told = buttons.Said(action, push.id, "ada-1", 0)
            assert buttons.press(connection, told, Keeper(), NOW) is not None
    assert heard == [
        ("snooze", "person", "ada-1", "damp-air", NOW + SNOOZE, NOW),
        ("stop", "person", "ada-1", "damp-air", NOW),
    ]
