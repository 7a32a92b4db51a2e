"""MQTT to the home, against a real Mosquitto."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.cloud.delivery.stage import HOUR, notice
from tests.cloud.stage import NOW

from aircue_cloud.delivery.channel import Failed, Handed, Refused, Unknown
from aircue_cloud.delivery.mqtt import MqttChannel, MqttSettings

pytestmark = pytest.mark.system


@pytest.fixture
def broker(need_program: Callable[[str], Path], tmp_path: Path, free_port: int) -> Iterator[tuple[int, Any]]:
    (tmp_path / "mosquitto.conf").write_text(f"listener {free_port} 127.0.0.1\nallow_anonymous true\n")
    command = [need_program("mosquitto"), "-c", tmp_path / "mosquitto.conf"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "running" in line:
            break
    yield free_port, process
    process.terminate()
    process.wait(30)
    process.stderr.close()


def listening(port: int, topic: str) -> tuple[paho.Client, "Queue[paho.MQTTMessage]"]:
    heard: Queue[paho.MQTTMessage] = Queue()
    subscribed: Queue[None] = Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = lambda _, __, message: heard.put(message)
    client.on_subscribe = lambda *_: subscribed.put(None)
    client.connect("127.0.0.1", port)
    client.subscribe(topic, 1)
    client.loop_start()
    subscribed.get(timeout=30)
    return client, heard


def test_a_home_hears_its_own_offers_with_their_ids(broker: tuple[int, Any]) -> None:
    port, _ = broker
    client, heard = listening(port, "aircue/home-1/notify")
    channel = MqttChannel(MqttSettings(host="127.0.0.1", port=port))
    try:
        results = [channel.hand_over(notice(), {"site": site}, NOW) for site in ("home-2", "home-1")]
        message = heard.get(timeout=30)
    finally:
        channel.close()
        client.disconnect()
        client.loop_stop()
    assert [type(one) for one in results] == [Handed, Handed]
    document = json.loads(message.payload)
    assert (document["id"], document["reason"], message.qos) == (notice().id, notice().reason, 1)
    assert message.properties is not None
    assert message.properties.MessageExpiryInterval <= HOUR.total_seconds()
    assert heard.empty()


def test_a_broker_that_goes_away_leaves_open_what_became_of_it(broker: tuple[int, Any]) -> None:
    port, process = broker
    channel = MqttChannel(MqttSettings(host="127.0.0.1", port=port, timeout_s=0.5))
    try:
        first = channel.hand_over(notice(), {"site": "home-1"}, NOW)
        process.terminate()
        process.wait(30)
        second = channel.hand_over(notice(), {"site": "home-1"}, NOW)
    finally:
        channel.close()
    nobody = MqttChannel(MqttSettings(host="127.0.0.1", port=port))
    assert [type(one) for one in (first, second, nobody.hand_over(notice(), {"site": "x"}, NOW))] == [
        Handed,
        Unknown,
        Failed,
    ]


@pytest.mark.parametrize("site", ["home-1/#", "+", "#", "a/b", "$SYS", "", "x" * 129, 5])
def test_no_site_reaches_into_other_topics(site: Any) -> None:
    channel = MqttChannel(MqttSettings(host="127.0.0.1"))
    assert channel.amiss({"site": site}) is not None
    assert isinstance(channel.hand_over(notice(), {"site": site}, NOW), Refused)
