"""The inbox of whoever is signed in, as it is and as it changes; waiting costs so much and no more."""

from threading import Event, Thread
from typing import Any

import pytest
from tests.cloud.delivery.stage import Post
from tests.cloud.delivery.test_addresses import others, shopper
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.delivery import live, outbox
from aircue_cloud.delivery.live import Waiting


def inbox(client: Any, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/v1/me/inbox{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_the_inbox_holds_what_is_for_the_household_or_for_whoever_asks(post: Post) -> None:
    post.cloud.add(tables.people, {"id": "ada-2", "household": "ada", "name": "Grace"})
    to_all, to_one = post.push(number=1), post.push(number=2, person="ada-1")
    mine = {one["id"] for one in inbox(shopper(post.cloud)[0])["pushes"]}
    theirs = {one["id"] for one in inbox(shopper(post.cloud, "ada-2")[0])["pushes"]}
    elsewhere = inbox(shopper(post.cloud, others(post.cloud))[0])["pushes"]
    assert (mine, theirs, elsewhere) == ({to_all.id, to_one.id}, {to_all.id}, [])


def test_its_buttons_work(post: Post) -> None:
    post.push()
    client, _ = shopper(post.cloud)
    [one] = inbox(client)["pushes"]
    urls = {action["action"]: action["url"] for action in one["actions"]}
    assert list(urls) == ["buy", "later", "not-for-me", "stop"]
    assert post.cloud.app.test_client().post(urls["buy"].removeprefix("http://127.0.0.1:8400")).status_code == 200


def test_the_version_changes_with_every_push_and_with_agreement_that_is_taken_back(post: Post) -> None:
    client, _ = shopper(post.cloud)
    seen = [inbox(client)["version"]]
    post.push(number=1)
    seen.append(inbox(client)["version"])
    post.push(number=2)
    seen.append(inbox(client)["version"])
    assert inbox(client)["version"] == seen[-1]
    post.cloud.consent("ada", granted=False)
    last = inbox(client)
    assert (len({*seen, last["version"]}), last["pushes"]) == (4, [])


def test_whoever_waits_gets_a_push_as_soon_as_it_is_there(post: Post) -> None:
    """It is stored while the other looks, between two looks."""
    seen = "0-0-0"
    push = post.decided()

    def store(_: float) -> None:
        with db.writing(post.cloud.engine) as connection:
            outbox.enqueue(connection, push, (), NOW)

    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        store(seconds)

    live.changed(post.cloud.engine, "ada", seen, 60.0, sleep)
    assert len(looks) == 1


def test_an_old_version_is_answered_at_once(post: Post) -> None:
    post.push()
    live.changed(post.cloud.engine, "ada", "0-0-0", 60.0, pytest.fail)


def test_waiting_ends_with_its_time(post: Post) -> None:
    live.changed(post.cloud.engine, "ada", "0-0-0", 0.01)


def test_so_many_wait_and_no_more_and_places_come_free_again() -> None:
    waiting, leave, here = Waiting(2), Event(), [Event(), Event()]

    def wait(number: int) -> None:
        with waiting.place() as taken:
            assert taken
            here[number].set()
            leave.wait()

    threads = [Thread(target=wait, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for event in here:
        event.wait()
    with waiting.place() as taken:
        assert not taken
    leave.set()
    for thread in threads:
        thread.join()
    with waiting.place() as taken:
        assert taken


def test_a_place_comes_free_when_whoever_has_it_fails() -> None:
    waiting = Waiting(1)
    with pytest.raises(RuntimeError), waiting.place():
        raise RuntimeError
    with waiting.place() as taken:
        assert taken


def test_who_finds_no_place_is_answered_at_once(post: Post) -> None:
    client, _ = shopper(post.cloud)
    places = [post.cloud.services.waiting.place() for _ in range(2)]
    for place in places:
        assert place.__enter__()
    try:
        found = inbox(client, f"?version={inbox(client)['version']}&wait=25")
    finally:
        for place in places:
            place.__exit__(None, None, None)
    assert found["pushes"] == []


@pytest.mark.parametrize("query", ["?wait=26", "?wait=-1", "?wait=x"])
def test_nobody_waits_longer_than_that(cloud: Cloud, query: str) -> None:
    assert shopper(cloud)[0].get(f"/api/v1/me/inbox{query}").status_code == 400
