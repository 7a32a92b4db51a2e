"""The node's MQTT client against a real Mosquitto: another maker's broker between the node and whoever acks."""

import asyncio
import json
import ssl
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.node.certificates import Authority
from tests.node.fakes import FakeLastNumber, FakeReport, FakeWlan, stop

from aircue_node import contract, discovery, trust
from aircue_node.clock import Monotonic
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.sampler import Sampler
from aircue_node.uplink import Link, Uplink
from aircue_node.wifi import Wifi

pytestmark = pytest.mark.system

INSTALLATION, BOOT = 7, 3
PREFIX = "aircue/home-1/bathroom/"


CA = Authority("the house")


@pytest.fixture(params=["plain", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tls")


@pytest.fixture
def broker(need_program: Callable[[str], Path], free_port: int, tmp_path: Path, secure: bool) -> Iterator[int]:
    """The port of a Mosquitto of this test's own, with TLS or without."""
    file = tmp_path / "mosquitto.conf"
    lines = [f"listener {free_port} 127.0.0.1", "allow_anonymous true", "user root"]
    if secure:
        (tmp_path / "ca.pem").write_bytes(CA.pem)
        server = CA.server_file(tmp_path)
        lines += [f"cafile {tmp_path}/ca.pem", f"certfile {server}", f"keyfile {server}"]
    file.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([need_program("mosquitto"), "-c", file], stderr=subprocess.DEVNULL)
    try:
        yield free_port
    finally:
        process.terminate()
        process.wait(10)


class Gateway:
    """Behind the broker: collects what comes and acks samples as a gateway does."""

    def __init__(self, port: int, secure: bool, name: str = "the-gateway") -> None:
        self.seen: dict[str, list[paho.MQTTMessage]] = {}
        self.listening = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, name)
        self._client.on_message = self._received
        self._client.on_connect = lambda client, *_: client.subscribe([("aircue/#", 1), ("homeassistant/#", 1)])
        self._client.on_subscribe = lambda *_: self.listening.set()
        if secure:
            self._client.tls_set_context(ssl.create_default_context(cadata=CA.pem.decode()))
        self._client.connect_async("127.0.0.1", port)
        self._client.reconnect_delay_set(1, 1)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def sequences(self) -> list[int]:
        live = [json.loads(one.payload)["s"] for one in self.seen.get("samples", [])]
        return live + [row["s"] for one in self.seen.get("backlog", []) for row in json.loads(one.payload)["m"]]

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(10)

    def _received(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        leaf = message.topic.removeprefix(PREFIX)
        self.seen.setdefault(leaf, []).append(message)
        if leaf in ("samples", "backlog"):
            ranges = [(sequence, sequence) for sequence in self.sequences()]
            client.publish(PREFIX + "ack", contract.encode_ack(INSTALLATION, BOOT, ranges), 1)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 -- what it waits for happens in paho's thread
            await asyncio.sleep(0.02)


class Node:
    """An uplink to the broker, with its journal."""

    def __init__(self, port: int, secure: bool) -> None:
        loop = asyncio.get_running_loop()
        monotonic = Monotonic(lambda: int(loop.time() * 1000), int.__sub__)
        self.journal = Journal(BOOT, 100, 1)
        sampler = Sampler([], None, 30000, lambda _: None)  # type: ignore[arg-type]  # never run here
        commands = Commands(b"secret", INSTALLATION, {}, FakeLastNumber())
        channels = [("temperature", "Cel", 100, "sht4x")]
        self.uplink = Uplink(
            Link("127.0.0.1", port, "home-1", "bathroom", "secret", trust.context(CA.pem) if secure else None),
            Wifi(FakeWlan(), "net", "key"),
            Courier(INSTALLATION, BOOT, self.journal, commands, FakeReport(), lambda sample: sample),
            monotonic,
            lambda: None,
            10,
            announcer=discovery.Announcer("home-1", "bathroom", INSTALLATION, "esp32", channels, sampler),
        )


def play(broker: int, secure: bool, story: Callable[[Node, Gateway], Awaitable[None]]) -> None:
    async def told() -> None:
        gateway = Gateway(broker, secure)
        await until(gateway.listening.is_set)
        node = Node(broker, secure)
        running = asyncio.create_task(node.uplink.run())
        try:
            await story(node, gateway)
        finally:
            await stop(running)
        await until(lambda: any(b"offline" in one.payload for one in gateway.seen.get("status", [])))
        gateway.close()

    asyncio.run(told())


def test_samples_pass_a_real_broker_and_the_application_ack_comes_back(broker: int, secure: bool) -> None:
    async def story(node: Node, gateway: Gateway) -> None:
        for sequence in range(1, 31):
            node.journal.append((sequence, sequence, 0, [sequence]))
        node.uplink.wake()
        await until(lambda: len(gateway.sequences()) == 30 and len(node.journal) == 0)
        node.journal.append((31, 31, 0, [31]))
        node.uplink.wake()
        await until(lambda: len(node.journal) == 0)
        assert sorted(gateway.sequences()) == list(range(1, 32))

    play(broker, secure, story)


def test_a_real_broker_keeps_the_discovery_until_it_is_removed_and_home_assistant_may_ask_for_it(
    broker: int, secure: bool
) -> None:
    config = discovery.topic("bathroom")

    async def story(node: Node, gateway: Gateway) -> None:
        await until(lambda: len(gateway.seen.get(config, [])) == 1)
        gateway.publish(discovery.Announcer.asked_on, b"online")
        await until(lambda: len(gateway.seen[config]) == 2)
        late = Gateway(broker, secure, "late")
        await until(lambda: config in late.seen)
        assert late.seen[config][0].retain
        device = json.loads(late.seen[config][0].payload)
        await until(lambda: "status" in late.seen and "status" in gateway.seen)
        assert device["avty_t"] == late.seen["status"][0].topic
        node.journal.append((1, 1, 0, [2150]))
        node.uplink.wake()
        await until(lambda: "samples" in late.seen)
        assert device["stat_t"] == late.seen["samples"][0].topic
        gateway.publish(*discovery.removal("bathroom"), retain=True)
        await until(lambda: late.seen[config][-1].payload == b"")
        later = Gateway(broker, secure, "later")
        await until(lambda: "status" in later.seen)
        assert config not in later.seen
        late.close()
        later.close()

    play(broker, secure, story)
