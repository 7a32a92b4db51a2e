"""Which way the configuration chooses, and messages by way of a broker that only the two ends can write."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.config import Config, ConfigError, UplinkConfig
from aircue_gateway.uplink import messages
from aircue_gateway.uplink.http import Cloud
from aircue_gateway.uplink.mqtt import Broker
from aircue_gateway.uplink.object_store import Uploads
from aircue_gateway.uplink.ways import way_to_cloud


def config(**fields: object) -> Config:
    uplink = UplinkConfig(url="http://127.0.0.1:9", broker="mqtt://127.0.0.1:9", key="a-gateways-key", **fields)  # type: ignore[arg-type]  # as a test names them
    return Config(file=Path("gateway.toml"), name="gw-1", data_dir=Path("spool"), uplink=uplink)


@pytest.mark.parametrize(("via", "kind"), [("http", Cloud), ("object-store", Uploads), ("mqtt", Broker)])
def test_each_way_has_its_name(via: str, kind: type) -> None:
    assert isinstance(way_to_cloud(config(via=via)), kind)


def test_the_way_by_broker_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "aircue_gateway.uplink.mqtt")
    monkeypatch.setitem(sys.modules, "paho", None)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    with pytest.raises(ConfigError, match="needs paho"):
        way_to_cloud(config(via="mqtt"))


@given(st.binary(), st.text(), st.text())
def test_a_message_opens_under_its_secret_and_topic_alone(content: bytes, topic: str, other: str) -> None:
    message = messages.sealed("a", topic, content)
    assert messages.opened("a", topic, message) == content
    assert messages.opened("b", topic, message) is None
    if other != topic:
        assert messages.opened("a", other, message) is None


@given(st.binary(max_size=80))
def test_bytes_made_up_open_under_no_secret(message: bytes) -> None:
    assert messages.opened("a", "t", message) is None


@given(st.integers(0), st.integers(1, 255))
def test_one_changed_byte_closes_a_message(where: int, change: int) -> None:
    message = bytearray(messages.sealed("a", "t", b"content"))
    message[where % len(message)] ^= change
    assert messages.opened("a", "t", bytes(message)) is None
