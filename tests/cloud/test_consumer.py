"""Batches by way of a broker, without one: what is answered to which message."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from tests.cloud.stage import NOW, Cloud, batch, humidity

from aircue_cloud import db, stores, tables
from aircue_cloud.app import open_intake, open_objects
from aircue_cloud.config import Config
from aircue_cloud.consumer import Answerer, Consumer, EveryStore, Source
from aircue_cloud.errors import SettingsError
from aircue_cloud.identity import gateway_keys, keys
from aircue_gateway.batch import encode
from aircue_gateway.uplink import messages

CONTENT = encode(batch(humidity([60.0, 61.0])))
TOPIC = messages.topic("gw-1", messages.BATCH)


def answerer(cloud: Cloud, most_bytes: int = 10_000) -> Answerer:
    return Answerer(cloud.services.intake, most_bytes)


def asked(cloud: Cloud, content: bytes, leaf: str = messages.BATCH, **limits: int) -> dict[str, Any]:
    """The answer to a message of gw-1, as gw-1 reads it."""
    secret, topic = messages.secret(cloud.key), messages.topic("gw-1", leaf)
    answer = answerer(cloud, **limits).answer(topic, messages.sealed(secret, topic, content))
    assert answer is not None
    assert answer[0] == "aircue/up/gw-1/ack"
    opened = messages.opened(secret, *answer)
    assert opened is not None
    found: dict[str, Any] = json.loads(opened)
    assert found.pop("of") == messages.name_of(content)
    return found


def test_a_batch_is_stored_and_answered_as_over_http(cloud: Cloud) -> None:
    rules = cloud.services.needs.document["version"]
    for duplicate in (False, True):
        expected = {"batch": "gw-1/3f9c21d0/1", "duplicate": duplicate, "readings": 2, "number": 1, "rules": rules}
        assert asked(cloud, CONTENT) == {"status": 200, **expected}
    assert cloud.get("status")["readings"] == 2
    assert cloud.post(CONTENT).get_json()["duplicate"] is True


def test_a_batch_that_cannot_be_taken_is_refused_in_words_and_kept_aside(cloud: Cloud) -> None:
    said = asked(cloud, CONTENT[:-1])
    assert said["status"] == 422
    assert "hash does not fit" in said["detail"]
    assert cloud.get("status")["refused_batches"] == 1
    assert asked(cloud, CONTENT, most_bytes=50)["status"] == 413
    assert cloud.get("status")["oversized_batches"] == 1


def test_the_rules_come_whole(cloud: Cloud) -> None:
    said = asked(cloud, b"random", messages.RULES)
    assert json.loads(said["document"]) == cloud.services.needs.document


def test_a_failure_of_ours_is_answered_as_one_and_leaves_the_batch_with_its_gateway(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("simulated: the disk is full")

    monkeypatch.setattr(type(cloud.services.intake), "take", fail)
    assert asked(cloud, CONTENT)["status"] == 500


@pytest.mark.parametrize(
    ("topic", "secret", "content"),
    [
        (TOPIC, messages.secret("a-key-of-nobody"), CONTENT),
        (TOPIC, None, b""),
        (messages.topic("gw-2", messages.BATCH), None, CONTENT),
        (messages.topic("gw-9", messages.BATCH), None, CONTENT),
        (messages.topic("gw-1", messages.RULES), TOPIC, CONTENT),
    ],
)
def test_what_is_not_under_the_key_of_its_gateway_is_counted_and_gets_no_answer(
    cloud: Cloud, topic: str, secret: str | None, content: bytes
) -> None:
    """Also another gateway's key, and a message moved to another topic."""
    with db.writing(cloud.engine) as connection:
        gateway_keys.add(connection, "gw-2", NOW)
    own = messages.secret(cloud.key)
    message = messages.sealed(own if secret in (None, TOPIC) else secret, TOPIC, content) if content else b""
    assert answerer(cloud).answer(topic, message) is None
    assert (cloud.get("status")["unknown_keys"], cloud.get("status")["readings"]) == (1, 0)


@pytest.mark.parametrize("topic", ["aircue/up/gw-1/ack", "aircue/up/gw-1", "aircue/up/gw-1/batch/x", "x/y/gw-1/batch"])
def test_other_topics_say_nothing(cloud: Cloud, topic: str) -> None:
    assert answerer(cloud).answer(topic, b"") is None


@pytest.mark.parametrize("broker", ["broker.example", "http://broker.example", "mqtt://"])
def test_a_broker_that_is_no_address_is_named(cloud: Cloud, broker: str) -> None:
    with pytest.raises(SettingsError, match="expected mqtt://HOST:PORT"):
        Consumer(Source(broker=broker), answerer(cloud), print)


def test_while_a_key_is_rotated_messages_under_either_are_answered_under_their_own(cloud: Cloud) -> None:
    with db.writing(cloud.engine) as connection:
        new = gateway_keys.rotate(connection, "gw-1", NOW)
    assert asked(cloud, CONTENT)["duplicate"] is False
    assert asked(replace(cloud, key=new), CONTENT)["duplicate"] is True
    cloud.clock.now += keys.OVERLAP
    topic = messages.topic("gw-1", messages.BATCH)
    old = messages.sealed(messages.secret(cloud.key), topic, CONTENT)
    assert answerer(cloud).answer(topic, old) is None
    assert asked(replace(cloud, key=new), CONTENT)["duplicate"] is True


def config(cloud: Cloud) -> Config:
    return Config(data_dir=str(cloud.folder.parents[1]), database_url=cloud.database_url)


def everybody(cloud: Cloud, opened: list[str]) -> EveryStore:
    """Of every store that is there when a message comes; opened: those that were."""

    def open_store(name: str) -> Answerer:
        opened.append(name)
        place = config(cloud).place(name)
        return Answerer(open_intake(place, open_objects(config(cloud), place), cloud.clock), 10_000)

    return EveryStore(lambda: stores.names(config(cloud)), open_store)


def new_key(cloud: Cloud, store: str, gateway: str) -> str:
    engine = stores.open_database(stores.add(config(cloud), store))
    with db.writing(engine) as connection:
        key = gateway_keys.add(connection, gateway, NOW)
    engine.dispose()
    return key


def batches(cloud: Cloud, store: str) -> list[str]:
    engine = stores.open_database(config(cloud).place(store))
    with db.reading(engine) as connection:
        found = list(connection.execute(select(tables.batches.c.id)).scalars())
    engine.dispose()
    return found


def test_one_consumer_serves_every_store_also_gateways_of_one_name_and_stores_that_come_later(cloud: Cloud) -> None:
    opened: list[str] = []
    one = everybody(cloud, opened)
    keys_of = {"main": cloud.key, "second": new_key(cloud, "second", "gw-1")}

    def told(store: str, content: bytes) -> dict[str, Any]:
        """As the gateway of that store reads the answer; the other one cannot."""
        secrets = {name: messages.secret(key) for name, key in keys_of.items()}
        answer = one.answer(TOPIC, messages.sealed(secrets[store], TOPIC, content))
        assert answer is not None
        assert [name for name, secret in secrets.items() if messages.opened(secret, *answer)] == [store]
        found: dict[str, Any] = json.loads(messages.opened(secrets[store], *answer) or b"")
        return found

    assert told("second", CONTENT)["duplicate"] is False
    assert told("main", CONTENT)["duplicate"] is False
    keys_of["third"] = new_key(cloud, "third", "gw-1")
    assert told("third", CONTENT)["duplicate"] is False
    assert told("second", CONTENT)["duplicate"] is True
    assert sorted(opened) == ["main", "second", "third"]
    assert [batches(cloud, name) for name in opened] == [["gw-1/3f9c21d0/1"]] * 3


def test_what_is_under_no_stores_key_is_counted_once_and_gets_no_answer(cloud: Cloud) -> None:
    new_key(cloud, "second", "gw-1")
    one = everybody(cloud, [])
    assert one.answer(TOPIC, messages.sealed(messages.secret("nobody's"), TOPIC, CONTENT)) is None
    assert one.answer("aircue/up/gw-1", b"") is None
    assert cloud.get("status")["unknown_keys"] == 1
    assert batches(cloud, "second") == []
