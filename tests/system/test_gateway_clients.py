"""The daemon's listener and other people's MQTT clients: with TLS, as Home Assistant's broker, and under fire."""

import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from awscrt import io as aws_io
from awscrt import mqtt as aws_mqtt
from tests import ports
from tests.gateway.processes import PATIENCE_S, Gateway, PahoNode, SmallCloud, eventually
from tests.gateway.samples import NODE, birth, live, sequences
from tests.node.certificates import Authority

from aircue_node import contract, mqtt

pytestmark = pytest.mark.system

TOPIC = contract.topic(NODE.site, NODE.id, "")
WATCHER = """
[[watchers]]
name = "home-assistant"
key = "a staple or two"
"""
HOUSE = Authority("the house")
LONG = os.environ.get("AIRCUE_LONG") == "1"


@pytest.fixture
def cloud() -> Iterator[SmallCloud]:
    one = SmallCloud()
    yield one
    one.close()


@pytest.fixture
def make_gateway(tmp_path: Path, cloud: SmallCloud, free_port: int) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(more: str = "", **listener: int) -> Gateway:
        made.append(Gateway(tmp_path, cloud.url, free_port, more, commit_window_ms=20, **listener))
        made[-1].start()
        return made[-1]

    yield make
    for gateway in made:
        gateway.kill()


def test_the_client_of_aws_iot_publishes_and_is_acked(
    make_gateway: Callable[..., Gateway], cloud: SmallCloud, free_port: int
) -> None:
    """A client that shares no code with paho-mqtt or Mosquitto."""
    gateway = make_gateway()
    acked: queue.Queue[tuple[int, int]] = queue.Queue()

    def told(topic: str, payload: bytes, **_: object) -> None:
        for row in contract.decode_ack(payload)[2]:
            acked.put(row)

    line = aws_mqtt.Connection(
        aws_mqtt.Client(aws_io.ClientBootstrap.get_or_create_static_default()),
        "127.0.0.1", free_port, "aws", username=NODE.id, password=NODE.key, keep_alive_secs=30, disable_metrics=True,
    )  # fmt: skip
    line.connect().result(PATIENCE_S)
    line.subscribe(TOPIC + "ack", aws_mqtt.QoS.AT_LEAST_ONCE, told)[0].result(PATIENCE_S)
    line.publish(TOPIC + "birth", birth(), aws_mqtt.QoS.AT_LEAST_ONCE, retain=True)[0].result(PATIENCE_S)
    for number in range(1, 21):
        line.publish(TOPIC + "samples", live(number), aws_mqtt.QoS(number % 2))
    numbers: set[int] = set()
    while len(numbers) < 20:
        first, last = acked.get(timeout=PATIENCE_S)
        numbers.update(range(first, last + 1))
    line.disconnect().result(PATIENCE_S)
    assert numbers == set(range(1, 21))
    assert gateway.counters["malformed_packets"] == 0


def mosquitto(program: Path, port: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(program), "-h", "127.0.0.1", "-p", str(port), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


@pytest.fixture
def tls_port() -> int:
    return ports.free_port()


def test_mosquittos_clients_speak_tls_and_a_certificate_logs_a_node_in(
    make_gateway: Callable[..., Gateway], need_program: Callable[[str], Path], tmp_path: Path, tls_port: int
) -> None:
    publish = need_program("mosquitto_pub")
    authority, server, client = tmp_path / "ca.pem", HOUSE.server_file(tmp_path), HOUSE.client_file(tmp_path, NODE.id)
    authority.write_bytes(HOUSE.pem)
    gateway = make_gateway(
        f'[listener.tls]\nport = {tls_port}\ncertificate = "{server}"\nkey = "{server}"\nclient_ca = "{authority}"\n'
    )
    message = ["-q", "1", "-r", "-t", TOPIC + "birth", "-m", birth().decode(), "--cafile", str(authority)]
    key = ["-u", NODE.id, "-P", NODE.key]
    certificate = ["--cert", str(client), "--key", str(client)]
    for login in (key, certificate):
        done = mosquitto(publish, tls_port, *message, *login)
        assert (done.returncode, done.stderr) == (0, "")
    assert mosquitto(publish, tls_port, *message).returncode != 0
    eventually(lambda: gateway.log.count("event=node_joined") == 2)
    strangers = tmp_path / "strangers.pem"
    strangers.write_bytes(Authority("strangers").pem)
    server.write_bytes(HOUSE.server_file(tmp_path).read_bytes())
    gateway.tell(signal.SIGHUP)
    eventually(lambda: "event=certificate_reloaded" in gateway.log)
    assert mosquitto(publish, tls_port, *message, *key).returncode == 0
    distrusting = [*message[:-1], str(strangers), *key]
    assert mosquitto(publish, tls_port, *distrusting).returncode != 0


def test_a_watcher_sees_births_and_discovery_after_a_restart(
    make_gateway: Callable[..., Gateway], need_program: Callable[[str], Path], free_port: int
) -> None:
    subscribe = need_program("mosquitto_sub")
    gateway = make_gateway(WATCHER)
    node = PahoNode(free_port)
    node.publish("birth", birth())
    eventually(lambda: node.unacknowledged == 0)
    config = "homeassistant/device/bathroom/config"
    node._client.publish(config, b'{"dev":{}}', 1, True).wait_for_publish(PATIENCE_S)
    node.close()
    gateway.kill()
    gateway.start()
    login = ["-u", "home-assistant", "-P", "a staple or two"]
    topics = ["-t", "aircue/#", "-t", "homeassistant/#"]
    got = mosquitto(subscribe, free_port, *login, *topics, "-C", "2", "-F", "%r %t")
    assert sorted(got.stdout.splitlines()) == [f"1 {TOPIC}birth", f"1 {config}"]


def mutated(rng: random.Random, packets: list[bytes]) -> bytes:
    """A stream of valid packets of which some bytes were changed, left out or doubled."""
    stream = bytearray(b"".join(rng.choice(packets) for _ in range(rng.randint(1, 12))))
    for _ in range(rng.randint(0, 4)):
        at = rng.randrange(len(stream))
        stream[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    return bytes(stream)


HELLO = mqtt.connect("fuzz", NODE.id, NODE.key, 0, TOPIC + "status", b"gone")
PACKETS = [
    mqtt.publish(TOPIC + "samples", live(9001), 1, 7),
    mqtt.publish(TOPIC + "backlog", b"[" * 5000, 1, 8),
    mqtt.publish(TOPIC + "/" * 500, b"", 0),
    mqtt.publish(TOPIC + "birth", birth(boot=99), 1, 9, retain=True),
    mqtt.subscribe(1, [(TOPIC + "#", 1), ("#", 0)]),
    mqtt.PINGREQ_PACKET,
    mqtt.puback(3),
]


def fuzz(port: int, seed: int, streams: int) -> None:
    """Some logged in and some not, most leaving without a word, some not reading what they are sent."""
    rng = random.Random(seed)
    for _ in range(streams):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.settimeout(0.2)
            try:
                sock.sendall((HELLO if rng.random() < 0.8 else b"") + mutated(rng, PACKETS))
                if rng.random() < 0.5:
                    sock.recv(1000)
            except OSError:
                pass  # the gateway closed it, or had nothing to say


def test_a_node_goes_on_while_broken_and_hostile_clients_come_and_go(
    make_gateway: Callable[..., Gateway], cloud: SmallCloud, free_port: int
) -> None:
    """AIRCUE_LONG=1: a hundred times as long."""
    streams = 20_000 if LONG else 200
    gateway = make_gateway()
    node = PahoNode(free_port)
    node.publish("birth", birth())
    loris = [socket.create_connection(("127.0.0.1", free_port)) for _ in range(30)]
    for one in loris:
        one.sendall(HELLO[:5])
    before = gateway.rss_mb
    seeds = random.Random(sys.maxsize).sample(range(10_000), 3)
    attackers = [threading.Thread(target=fuzz, args=(free_port, seed, streams)) for seed in seeds]
    for one in attackers:
        one.start()
    sent = 0
    while any(one.is_alive() for one in attackers):
        sent += 1
        node.publish("samples", live(sent))
        eventually(lambda: node.unacknowledged < 50)
    for one in attackers:
        one.join()
    eventually(lambda: node.unacknowledged == 0)
    node.close()
    for one in loris:
        one.close()
    assert gateway.rss_mb < before + 40
    assert "Traceback" not in gateway.log
    assert gateway.counters["malformed_packets"] > streams // 2
    assert gateway.stop() == 0
    gateway.start()
    eventually(lambda: set(range(1, sent + 1)) <= set(sequences(cloud.batches)))
