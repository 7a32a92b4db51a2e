"""The node's MQTT client against a real Mosquitto: another maker's broker between the node and whoever acks."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.node.fakes import FakeReport, FakeWlan, stop

from aircue_node import contract
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


@pytest.fixture
def broker(need_program: Callable[[str], Path], free_port: int, tmp_path: Path) -> Iterator[int]:
    """The port of a Mosquitto of this test's own."""
    file = tmp_path / "mosquitto.conf"
    file.write_text(f"listener {free_port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([need_program("mosquitto"), "-c", file], stderr=subprocess.DEVNULL)
    try:
        yield free_port
    finally:
        process.terminate()
        process.wait(10)


class Gateway:
    """Behind the broker: collects what comes and acks samples as a gateway does."""

    def __init__(self, port: int) -> None:
        self.seen: dict[str, list[paho.MQTTMessage]] = {}
        self.listening = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "the-gateway")
        self._client.on_message = self._received
        self._client.on_connect = lambda client, *_: client.subscribe("aircue/#", 1)
        self._client.on_subscribe = lambda *_: self.listening.set()
        self._client.connect_async("127.0.0.1", port)
        self._client.reconnect_delay_set(1, 1)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def sequences(self) -> list[int]:
        live = [json.loads(one.payload)["s"] for one in self.seen.get("samples", [])]
        return live + [row["s"] for one in self.seen.get("backlog", []) for row in json.loads(one.payload)["m"]]

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


def test_samples_pass_a_real_broker_and_the_application_ack_comes_back(broker: int) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        monotonic = Monotonic(lambda: int(loop.time() * 1000), int.__sub__)
        journal = Journal(BOOT, 100)
        sampler = Sampler([], None, 30000, lambda _: None)  # type: ignore[arg-type]  # never run here
        commands = Commands(b"secret", INSTALLATION, sampler)
        uplink = Uplink(
            Link("127.0.0.1", broker, "home-1", "bathroom", "secret"),
            Wifi(FakeWlan(), "net", "key"),
            Courier(INSTALLATION, BOOT, journal, commands, FakeReport(), lambda sample: sample),
            monotonic,
            lambda: None,
            10,
        )
        gateway = Gateway(broker)
        await until(gateway.listening.is_set)
        for sequence in range(1, 31):
            journal.append((sequence, sequence, 0, [sequence]))
        running = asyncio.create_task(uplink.run())
        try:
            await until(lambda: len(gateway.sequences()) == 30 and len(journal) == 0)
            journal.append((31, 31, 0, [31]))
            uplink.wake()
            await until(lambda: len(journal) == 0)
            assert sorted(gateway.sequences()) == list(range(1, 32))
        finally:
            await stop(running)
        await until(lambda: any(b"offline" in one.payload for one in gateway.seen.get("status", [])))
        gateway.close()

    asyncio.run(story())
