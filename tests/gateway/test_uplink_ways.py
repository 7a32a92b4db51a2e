"""Which way the configuration chooses, and messages by way of a broker that only the two ends can write."""

import ssl
import sys
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.config import Config, ConfigError, UplinkConfig
from aircue_gateway.spool.spool import Sealed
from aircue_gateway.uplink import messages
from aircue_gateway.uplink.http import Cloud, TryAgain
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


class LeavingBroker(Broker):
    """Its connection drops between the look at it and the publication, so that paho tells each time `code`."""

    def __init__(self, code: paho.MQTTErrorCode) -> None:
        self.code = code
        self.published: list[bytes] = []
        super().__init__("gw-1", UplinkConfig(broker="mqtt://127.0.0.1:9", key="a-gateways-key"), answer_s=0.01)
        self._started = self._listening = True

    def _built(self, key: str, tls: ssl.SSLContext | None) -> paho.Client:
        broker = self

        class Client(paho.Client):
            def publish(self, topic: str, payload: bytes, qos: int) -> paho.MQTTMessageInfo:  # type: ignore[override]  # what is used of it
                broker.published.append(payload)
                info = paho.MQTTMessageInfo(len(broker.published))
                info.rc = broker.code
                return info

        return Client(paho.CallbackAPIVersion.VERSION2)


@pytest.mark.parametrize(
    ("code", "times"),
    [
        (paho.MQTTErrorCode.MQTT_ERR_NO_CONN, 3),
        (paho.MQTTErrorCode.MQTT_ERR_CONN_LOST, 3),
        (paho.MQTTErrorCode.MQTT_ERR_QUEUE_SIZE, 3),
        (paho.MQTTErrorCode.MQTT_ERR_SUCCESS, 1),
    ],
)
def test_a_batch_published_while_the_broker_was_leaving_goes_once_more_and_one_in_pahos_hands_does_not(
    code: paho.MQTTErrorCode, times: int
) -> None:
    broker = LeavingBroker(code)
    for _ in range(3):
        with pytest.raises(TryAgain, match="no answer of the cloud"):
            broker.send(Sealed(sequence=1, id="gw-1/e/1", body=b"a batch"))
    assert len(broker.published) == times
    assert len(set(broker.published)) == 1


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
