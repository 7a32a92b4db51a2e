"""Batches through a real Mosquitto: the gateway's client, `aircue-cloud consume` as a process, and kills of each."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from tests import ports
from tests.cloud.stage import batch, humidity
from tests.gateway import samples
from tests.gateway.processes import Gateway, PahoNode, eventually
from tests.node.certificates import Authority
from tests.system.cloud_process import command

from aircue_cloud import db
from aircue_cloud.app import open_layers, open_objects
from aircue_cloud.config import load
from aircue_gateway.alerts import decode_rules
from aircue_gateway.batch import encode
from aircue_gateway.config import UplinkConfig
from aircue_gateway.spool.spool import Sealed
from aircue_gateway.uplink import messages
from aircue_gateway.uplink.http import Delivered, TryAgain, verdict
from aircue_gateway.uplink.mqtt import Broker

pytestmark = pytest.mark.system

CA = Authority("the house")
BATCHES = 300 if os.environ.get("AIRCUE_LONG") else 20
KILL_EVERY = 4  # batches
READINGS = 5
PATIENCE_S = 60


class Mosquitto:
    """A broker of the test's own; what it holds for sessions is gone when it is killed."""

    def __init__(self, program: Path, folder: Path, port: int, secure: bool) -> None:
        lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "user root"]
        if secure:
            (folder / "ca.pem").write_bytes(CA.pem)
            server = CA.server_file(folder)
            lines += [f"cafile {folder}/ca.pem", f"certfile {server}", f"keyfile {server}"]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._line = [str(program), "-c", str(folder / "mosquitto.conf")]
        self.url = f"{'mqtts' if secure else 'mqtt'}://127.0.0.1:{port}"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._line, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


class Consumers:
    """`aircue-cloud consume`, any number of them."""

    def __init__(self, config: Path, url: str, *options: str) -> None:
        self._line = [
            sys.executable,
            "-m",
            "aircue_cloud",
            "consume",
            "--config",
            str(config),
            "--broker",
            url,
            *options,
        ]
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str) -> None:
        process = subprocess.Popen(
            [*self._line, "--name", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._running[name] = process

    def ready(self, name: str) -> None:
        stdout = self._running[name].stdout
        assert stdout is not None
        assert "takes batches from" in stdout.readline()

    def kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()

    def close(self) -> None:
        for name in list(self._running):
            self.kill(name)


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def mosquitto(
    request: pytest.FixtureRequest, need_program: Callable[[str], Path], free_port: int, tmp_path: Path
) -> Iterator[Mosquitto]:
    made = Mosquitto(need_program("mosquitto"), tmp_path, free_port, request.param)
    yield made
    made.kill()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "cloud.toml"
    file.write_text('data_dir = "cloud"\n')
    return file


@pytest.fixture
def key(config: Path) -> str:
    return command(config, "gateway", "add", "gw-1")


@pytest.fixture
def consumers(config: Path, mosquitto: Mosquitto, key: str) -> Iterator[Consumers]:
    secure = mosquitto.url.startswith("mqtts")
    made = Consumers(config, mosquitto.url, *(["--ca", str(config.with_name("ca.pem"))] if secure else []))
    yield made
    made.close()


def gateway(mosquitto: Mosquitto, config: Path, key: str, answer_s: float = 5.0) -> Broker:
    ca = config.with_name("ca.pem") if mosquitto.url.startswith("mqtts") else None
    return Broker("gw-1", UplinkConfig(key=key, via="mqtt", broker=mosquitto.url, ca=ca), answer_s)


def sealed(number: int) -> Sealed:
    minutes = range(number * READINGS, (number + 1) * READINGS)
    body = encode(batch(humidity(dict.fromkeys(minutes, 60.0 + number % 9)), sequence=number))
    return Sealed(sequence=number, id=f"gw-1/3f9c21d0/{number}", body=body)


def delivered(broker: Broker, one: Sealed) -> int:
    """Sends a batch until the cloud has it, as the uplink does; how often."""
    end = time.monotonic() + PATIENCE_S
    for attempt in range(1, 1000):
        try:
            assert isinstance(verdict(broker.send(one), one.id), Delivered)
        except TryAgain:
            assert time.monotonic() < end
        else:
            return attempt
    raise AssertionError


def stored(config: Path) -> list[int]:
    """Sequences of all readings there are; the layers take up what the consumers have acknowledged."""
    known = load(config)
    where = known.place("main")
    layers = open_layers(known, where, open_objects(known, where))
    layers.work()
    with db.reading(layers.engine) as connection, layers.lake.open(connection) as opened:
        found = opened.execute("SELECT sequence FROM lake ORDER BY sequence").fetchall()
    layers.engine.dispose()
    return [row[0] for row in found]


def test_a_batch_counts_once_the_cloud_itself_has_answered_and_rules_come_the_same_way(
    mosquitto: Mosquitto, consumers: Consumers, config: Path, key: str
) -> None:
    broker = gateway(mosquitto, config, key, answer_s=0.5)
    with pytest.raises(TryAgain, match="no answer of the cloud"):
        broker.send(sealed(0))
    consumers.start("one")
    consumers.ready("one")
    patient = gateway(mosquitto, config, key)
    broker.close()
    delivered(patient, sealed(0))
    assert decode_rules(patient.get_rules().body).rules
    patient.close()
    assert stored(config) == [1, 2, 3, 4, 5]


def test_another_key_gets_no_answer(mosquitto: Mosquitto, consumers: Consumers, config: Path, key: str) -> None:
    consumers.start("one")
    consumers.ready("one")
    stranger = gateway(mosquitto, config, "a-key-of-nobody", answer_s=1.0)
    with pytest.raises(TryAgain, match="no answer"):
        stranger.send(sealed(0))
    stranger.close()
    assert stored(config) == []


def test_samples_go_from_a_node_through_the_daemon_and_the_broker_to_the_cloud(
    mosquitto: Mosquitto, consumers: Consumers, config: Path, key: str, tmp_path: Path, other_port: int
) -> None:
    consumers.start("one")
    consumers.ready("one")
    daemon = Gateway(tmp_path, "unused", other_port)
    uplink = f'via = "mqtt"\nbroker = "{mosquitto.url}"'
    if mosquitto.url.startswith("mqtts"):
        uplink += '\nca = "ca.pem"'
    written = daemon.config.read_text().replace('url = "unused"', uplink).replace('"gateway-key"', f'"{key}"')
    daemon.config.write_text(written.replace("batch_window_s = 3600", "batch_window_s = 0.2"))
    daemon.start()
    node = PahoNode(other_port)
    try:
        node.publish("birth", samples.birth())
        for sequence in range(1, 21):
            node.publish("samples", samples.live(sequence))
        eventually(lambda: stored(config) == sorted([*range(1, 21), *range(1, 21)]))
        eventually(lambda: "event=rules" in daemon.log)
    finally:
        node.close()
        assert daemon.stop() == 0, daemon.log


@pytest.fixture
def other_port() -> int:
    return ports.free_port()


def test_an_ack_of_a_stranger_at_the_broker_is_not_believed(mosquitto: Mosquitto, config: Path, key: str) -> None:
    """It is published again and again while the batch waits for its answer; no consumer runs."""
    one, topic = sealed(0), messages.topic("gw-1", messages.ACK)
    ack = messages.encode_ack(one.body, 200, {"batch": one.id, "duplicate": False, "rules": "1"})
    publish = ["mosquitto_pub", "-h", "127.0.0.1", "-p", mosquitto.url.rsplit(":", 1)[1], "-q", "1", "-s", "-t", topic]
    if mosquitto.url.startswith("mqtts"):
        publish += ["--cafile", str(config.with_name("ca.pem"))]
    stop = threading.Event()

    def forge() -> None:
        while not stop.wait(0.05):
            subprocess.run(publish, input=messages.sealed("a-guess", topic, ack), check=True)

    stranger = threading.Thread(target=forge)
    stranger.start()
    broker = gateway(mosquitto, config, key, answer_s=1.0)
    try:
        with pytest.raises(TryAgain, match="no answer"):
            broker.send(one)
    finally:
        stop.set()
        stranger.join()
        broker.close()


def test_nothing_is_lost_and_nothing_counts_twice_when_broker_and_consumers_are_killed(
    mosquitto: Mosquitto, consumers: Consumers, config: Path, key: str
) -> None:
    """Two consumers share the work; every few batches one of them or the broker dies while a batch is on its way."""
    rng = Random(1)
    for name in ("one", "two"):
        consumers.start(name)
        consumers.ready(name)
    broker = gateway(mosquitto, config, key, answer_s=1.0)
    for number in range(BATCHES):
        victim = ("one", "broker", "two", "broker")[number // KILL_EVERY % 4] if number % KILL_EVERY == 1 else ""
        wrecker = threading.Timer(rng.uniform(0, 0.03), kill, (victim, mosquitto, consumers))
        wrecker.start()
        delivered(broker, sealed(number))
        wrecker.join()
    broker.close()
    assert stored(config) == list(range(1, BATCHES * READINGS + 1))


def kill(victim: str, mosquitto: Mosquitto, consumers: Consumers) -> None:
    if victim == "broker":
        mosquitto.kill()
        mosquitto.start()
    elif victim:
        consumers.kill(victim)
        consumers.start(victim)


def test_an_answer_that_came_while_the_gateway_was_away_is_not_asked_for_again(
    mosquitto: Mosquitto, consumers: Consumers, config: Path, key: str
) -> None:
    broker = gateway(mosquitto, config, key, answer_s=0.2)
    with pytest.raises(TryAgain):
        broker.send(sealed(0))  # nobody consumes yet; Mosquitto keeps nothing for nobody
    consumers.start("one")
    consumers.ready("one")
    delivered(broker, sealed(0))
    broker.close()
    consumers.close()
    again = gateway(mosquitto, config, key, answer_s=1.0)
    with pytest.raises(TryAgain, match="no answer"):
        again.send(sealed(1))  # it waits at the broker for the consumer's session
    again.close()
    consumers.start("one")
    consumers.ready("one")
    last = gateway(mosquitto, config, key)
    delivered(last, sealed(1))
    last.close()
    assert stored(config) == list(range(1, 2 * READINGS + 1))
