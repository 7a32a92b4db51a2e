"""Batches by way of a broker, without one: what is answered to which message."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.cloud.stage import NOW, Cloud, batch, humidity

from aircue_cloud import db
from aircue_cloud.consumer import Answerer, Consumer, Source
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
        expected = {"batch": "gw-1/3f9c21d0/1", "duplicate": duplicate, "readings": 2, "rules": rules}
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
