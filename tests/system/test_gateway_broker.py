"""The daemon behind a real Mosquitto: other makers' devices and our own nodes, through kills and restarts of both."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.gateway.processes import Gateway, PahoNode, SmallCloud, eventually
from tests.gateway.samples import NODE, birth, live, sequences
from tests.node.certificates import Authority

from aircue_gateway import control
from aircue_gateway.spool.spool import Spool, SpoolError
from aircue_gateway.window import DeadLetter, Window
from aircue_node import contract

pytestmark = pytest.mark.system

ROUNDS = 20 if os.environ.get("AIRCUE_LONG") else 3
A_ROUND = 60
LONG_MS = 60_000  # a commit window that no test waits for
KITCHEN = """
[[devices]]
format = "zigbee2mqtt"
id = "kitchen"
node = "kitchen"
site = "home-1"
"""


class Mosquitto:
    """One of this test's own, which keeps its sessions over restarts."""

    def __init__(self, program: Path, folder: Path, port: int, *lines: str) -> None:
        self.port = port
        self._program = program
        self._file = folder / "mosquitto.conf"
        kept = [
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_on_changes true",
            "autosave_interval 1",
        ]
        listening = [f"listener {port} 127.0.0.1", "user root", "log_dest stderr"]
        self._file.write_text("\n".join([*listening, *kept, *(lines or ["allow_anonymous true"])]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", self._file], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Device:
    """Publishes with QoS 1 and waits until the broker has it: what comes twice does so behind it."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "device")
        self._taken: set[int] = set()
        self._client.on_publish = lambda _client, _data, number, *_: self._taken.add(number)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        eventually(self._client.is_connected)

    def say(self, topic: str, payload: Any, retain: bool = False) -> None:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        # A broker that has just died: paho keeps the message for the next one, and refuses to wait for it.
        number = self._client.publish(topic, text, 1, retain).mid
        eventually(lambda: number in self._taken)

    def say_numbers(self, numbers: Iterable[int], device: str = "kitchen") -> None:
        eventually(self._client.is_connected)
        for number in numbers:
            self.say(f"zigbee2mqtt/{device}", {"co2": 400 + number})

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def cloud() -> Iterator[SmallCloud]:
    one = SmallCloud()
    yield one
    one.close()


@pytest.fixture
def broker(need_program: Callable[[str], Path], tmp_path: Path, free_port: int) -> Iterator[Mosquitto]:
    one = Mosquitto(need_program("mosquitto"), tmp_path, free_port)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def make_gateway(tmp_path: Path, cloud: SmallCloud, broker: Mosquitto) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(more: str = KITCHEN, name: str = "one", window_ms: int = 200, settings: str = "") -> Gateway:
        folder = tmp_path / name
        folder.mkdir()
        gateway = Gateway(folder, cloud.url, 0, commit_window_ms=window_ms)
        table = f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\nclient_id = "{name}"\n{settings}\n'
        gateway.config.write_text(gateway.config.read_text() + table + more)
        made.append(gateway)
        gateway.start()
        eventually(lambda: "event=broker_connected" in gateway.log)
        return gateway

    yield make
    for gateway in made:
        gateway.kill()


@pytest.fixture
def device(broker: Mosquitto) -> Iterator[Device]:
    one = Device(broker.port)
    yield one
    one.close()


def measured(cloud: SmallCloud, node: str = "kitchen") -> Counter[int]:
    """How often each CO2 value reached the cloud."""
    rows = (
        sample.values[0]
        for sent in cloud.batches
        for group in sent.groups
        if group.node == node
        for sample in group.samples
    )
    return Counter(value - 400 for value in rows if value is not None)


def stored(gateway: Gateway) -> int:
    """Samples; a gateway that has written nothing yet has no spool to look at."""
    try:
        return gateway.counters["samples_stored"]
    except SpoolError:
        return 0


def heard_itself(node: PahoNode) -> bool:
    """Whether its subscription stands: paho sends what waits before it subscribes."""
    node.publish("samples", live(1))
    return bool(node.heard)


def seal(gateway: Gateway) -> None:
    """All that came in leaves with a stop; the gateway is up again afterwards."""
    assert gateway.stop() == 0, gateway.log
    gateway.start()


def test_nothing_is_lost_or_doubled_while_gateway_and_broker_die_in_turn(
    cloud: SmallCloud, broker: Mosquitto, make_gateway: Callable[..., Gateway], device: Device
) -> None:
    """The gateway is killed while messages wait for their commit, and while they wait in the broker; the broker is
    restarted while messages are in flight."""
    gateway = make_gateway()
    for each in range(ROUNDS):
        first = each * A_ROUND
        device.say_numbers(range(first, first + A_ROUND // 3))
        gateway.kill()
        device.say_numbers(range(first + A_ROUND // 3, first + A_ROUND // 2))
        gateway.start()
        device.say_numbers(range(first + A_ROUND // 2, first + A_ROUND * 2 // 3))
        broker.stop()
        broker.start()
        device.say_numbers(range(first + A_ROUND * 2 // 3, first + A_ROUND))
    total = ROUNDS * A_ROUND
    eventually(lambda: stored(gateway) >= total)
    seal(gateway)
    eventually(lambda: len(measured(cloud)) == total)
    assert measured(cloud) == Counter(range(total))


def test_a_message_that_was_stored_and_not_acknowledged_comes_again_and_counts_once(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], device: Device
) -> None:
    """Kills without regard to commits, again and again, find some between the commit and the acknowledgement."""
    gateway = make_gateway(window_ms=1)
    for each in range(ROUNDS * 2):
        device.say_numbers(range(each * A_ROUND, (each + 1) * A_ROUND))
        gateway.kill()
        gateway.start()
    total = ROUNDS * 2 * A_ROUND
    eventually(lambda: stored(gateway) >= total)
    seal(gateway)
    eventually(lambda: len(measured(cloud)) == total)
    assert measured(cloud) == Counter(range(total))


def test_a_broker_that_sends_no_more_until_it_is_acknowledged_needs_no_wait_for_the_window(
    make_gateway: Callable[..., Gateway], device: Device
) -> None:
    """Mosquitto has 20 in flight; the window is a minute, and the last few wait for it."""
    gateway = make_gateway(window_ms=LONG_MS)
    device.say_numbers(range(200))
    eventually(lambda: stored(gateway) > 180)


def test_retained_values_are_not_taken_as_new_at_every_reconnection(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], device: Device
) -> None:
    device.say("zigbee2mqtt/kitchen", {"co2": 400}, retain=True)
    gateway = make_gateway()
    eventually(lambda: stored(gateway) == 1)
    device.say("zigbee2mqtt/kitchen", {"co2": 401}, retain=True)
    eventually(lambda: stored(gateway) == 2)
    for _ in range(2):
        gateway.kill()
        gateway.start()
    device.say("zigbee2mqtt/kitchen", {"co2": 402})
    eventually(lambda: stored(gateway) == 3)
    seal(gateway)
    eventually(lambda: len(measured(cloud)) == 3)
    assert measured(cloud) == Counter(range(3))


def test_devices_of_every_brand_arrive_and_unknown_ones_are_listed(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], device: Device
) -> None:
    mac = "A4:C1:38:8D:18:B2"
    change = {"method": "NotifyStatus", "params": {"humidity:0": {"rh": 57}}}
    advertised = {"id": mac, "servicedata": "4012bc02", "servicedatauuid": "fcd2"}
    brands: dict[str, tuple[str, str, Any]] = {
        "tasmota": ("attic", "tele/attic/SENSOR", {"SCD40": {"CarbonDioxide": 700}}),
        "shelly": ("shellyhtg3-1", "shellyhtg3-1/events/rpc", change),
        "state": ("esp/co2", "esp/sensor/co2/state", "700"),
        "bthome": (mac, "home/omg/BTtoMQTT/A4C1388D18B2", advertised),
        "senml": ("dev1", "any/senml", [{"n": "dev1/co2", "u": "ppm", "v": 700}]),
    }
    rows = "".join(
        f'[[devices]]\nformat = "{name}"\nid = "{ident}"\nnode = "n-{name}"\nsite = "home-1"\n'
        for name, (ident, _, _) in brands.items()
    )
    gateway = make_gateway(KITCHEN + rows, settings='topics = { senml = ["any/senml"] }')
    for _, topic, payload in brands.values():
        device.say(topic, payload)
    device.say("zigbee2mqtt/cellar", {"humidity": 71})
    eventually(lambda: stored(gateway) == len(brands))
    live_part = control.ask(gateway.data_dir, "intakes")["intakes"]
    assert live_part["broker"]["connected"] is True
    assert [(one["id"], one["quantities"]) for one in live_part["devices_seen"]] == [("cellar", ["humidity"])]
    seal(gateway)
    nodes = {f"n-{name}" for name in brands}
    eventually(lambda: nodes == {group.node for sent in cloud.batches for group in sent.groups})


def test_our_own_node_behind_a_broker_gets_acks_and_commands(
    cloud: SmallCloud, broker: Mosquitto, make_gateway: Callable[..., Gateway]
) -> None:
    gateway = make_gateway()
    node = PahoNode(broker.port)
    try:
        node.obey(lambda fields: contract.encode_reply(fields["id"]))
        node.publish("birth", birth())
        eventually(lambda: heard_itself(node))
        for number in range(2, 51):
            node.publish("samples", live(number))
        eventually(lambda: {*range(1, 51)} <= {n for first, last in node.acks for n in range(first, last + 1)})
        done = subprocess.run(
            [sys.executable, "-m", "aircue_gateway", "command", "--config", gateway.config, NODE.id, "identify"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, f"{NODE.id}: identify done\n"), done.stderr
        gateway.kill()
        for number in range(51, 81):
            node.publish("samples", live(number))
        gateway.start()
        eventually(lambda: {*range(51, 81)} <= {n for first, last in node.acks for n in range(first, last + 1)})
    finally:
        node.close()
    seal(gateway)
    eventually(lambda: len(sequences(cloud.batches)) >= 80)
    assert sorted(sequences(cloud.batches)) == list(range(1, 81))


def test_gateways_of_one_group_share_the_messages(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], device: Device
) -> None:
    both = [make_gateway(name=name, settings='group = "house"') for name in ("one", "two")]
    device.say_numbers(range(100))
    eventually(lambda: sum(stored(one) for one in both) >= 100)
    assert all(stored(one) > 0 for one in both)
    for one in both:
        one.stop()
    assert sum(stored(one) for one in both) == 100


def test_a_broker_with_tls_and_a_password(
    need_program: Callable[[str], Path], tmp_path: Path, free_port: int, cloud: SmallCloud
) -> None:
    authority = Authority("the house")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    server = authority.server_file(tmp_path)
    subprocess.run([need_program("mosquitto_passwd"), "-b", "-c", tmp_path / "passwords", "gw", "secret"], check=True)
    lines = ["allow_anonymous false", f"password_file {tmp_path}/passwords"]
    tls = [f"cafile {tmp_path}/ca.pem", f"certfile {server}", f"keyfile {server}"]
    broker = Mosquitto(need_program("mosquitto"), tmp_path, free_port, *tls, *lines)
    broker.start()
    gateway = Gateway(tmp_path, cloud.url, 0)
    plain = gateway.config.read_text()
    table = f'[broker]\nhost = "127.0.0.1"\nport = {free_port}\nusername = "gw"\npassword = "%s"\ntls = true\n'
    try:
        gateway.config.write_text(plain + table % "wrong" + 'ca = "ca.pem"\n')
        gateway.start()
        eventually(lambda: "event=broker_unavailable" in gateway.log)
        assert "check username and password under [broker]" in gateway.log
        assert gateway.stop() == 0
        gateway.config.write_text(plain + table % "secret")  # the system's certificates do not know this authority
        gateway.start()
        eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in gateway.log)
        assert gateway.stop() == 0
        gateway.config.write_text(plain + table % "secret" + 'ca = "ca.pem"\n')
        gateway.start()
        eventually(lambda: "event=broker_connected" in gateway.log)
    finally:
        gateway.kill()
        broker.stop()


def test_the_gateway_starts_without_its_broker_and_finds_it_later(
    cloud: SmallCloud, broker: Mosquitto, make_gateway: Callable[..., Gateway], device: Device
) -> None:
    gateway = make_gateway()
    gateway.kill()
    broker.stop()
    gateway.start()
    eventually(lambda: "event=broker_unavailable" in gateway.log)
    assert "Connection refused" in gateway.log
    broker.start()
    device.say_numbers(range(5))
    eventually(lambda: stored(gateway) == 5)


def test_a_dead_letter_of_an_older_gateway_is_replayed_and_marked(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway]
) -> None:
    gateway = make_gateway()
    gateway.kill()
    spool = Spool.open(gateway.data_dir, "gw-1", 1)
    window = Window()
    for payload in (b'{"co2": 444}', b"{"):
        letter = DeadLetter(received_at_ms=1_763_700_000_000, topic="zigbee2mqtt/kitchen", reason="?", payload=payload)
        window.dead_letters.append(letter)
    spool.commit(window)
    spool.close()
    gateway.start()

    def deadletter(*more: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "aircue_gateway", "deadletter", *more, "--config", str(gateway.config)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    good, bad = deadletter("replay")
    assert (good["replayed"], good["refusal"]) == (True, None)
    assert bad["replayed"] is False
    assert "expected JSON" in bad["refusal"]
    assert [letter["replayed"] for letter in deadletter()] == [True, False]
    assert [one["id"] for one in deadletter("replay")] == [bad["id"]]
    assert deadletter("replay", "--id", str(good["id"]))[0]["refusal"] == "it was replayed before"
    eventually(lambda: stored(gateway) == 1)
    seal(gateway)
    eventually(lambda: measured(cloud) == Counter([44]))


def test_status_shows_what_the_running_gateway_alone_knows(make_gateway: Callable[..., Gateway]) -> None:
    wired = '[[attached]]\nsensor = "sht4x"\nbus = "/dev/i2c-99"\nnode = "cellar"\nsite = "home-1"\n'
    gateway = make_gateway(wired)
    eventually(lambda: "event=attached_sensor" in gateway.log)
    command = [sys.executable, "-m", "aircue_gateway", "status", "--config", str(gateway.config)]
    running = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["running"]
    assert running["broker"]["connected"] is True
    assert "/dev/i2c-99 does not exist: switch I2C on" in running["attached"][0]["state"]
    assert gateway.stop() == 0
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["running"] is None
