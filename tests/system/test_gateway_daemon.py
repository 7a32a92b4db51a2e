"""The daemon as a process between a node and a cloud: kills, restarts, outages, refusals, other clients."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.processes import PATIENCE_S, Gateway, PahoNode, SmallCloud, eventually
from tests.gateway.samples import NODE, birth, live, sequences

from aircue_node import contract

pytestmark = pytest.mark.system

DAMP_AIR = {
    "version": "7",
    "rules": [
        {
            "need": "damp-air",
            "quantity": "humidity",
            "direction": "above",
            "enter": 80,
            "exit": 78,
            "dwell_s": 60,
            "keep_s": 600,
            "max_gap_s": 1800,
        }
    ],
}
LONG_MS = 60_000  # a commit window that no test waits for


@pytest.fixture
def cloud() -> Iterator[SmallCloud]:
    one = SmallCloud()
    yield one
    one.close()


@pytest.fixture
def make_gateway(tmp_path: Path, cloud: SmallCloud, free_port: int) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(**listener: int) -> Gateway:
        made.append(Gateway(tmp_path, cloud.url, free_port, **listener))
        made[-1].start()
        return made[-1]

    yield make
    for gateway in made:
        gateway.kill()


@pytest.fixture
def node(free_port: int) -> Iterator[PahoNode]:
    one = PahoNode(free_port)
    yield one
    one.close()


def publish(node: PahoNode, numbers: Iterable[int]) -> None:
    for number in numbers:
        node.publish("samples", live(number))


def test_nothing_is_lost_or_doubled_when_the_gateway_is_killed_again_and_again(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], node: PahoNode
) -> None:
    """Each kill finds some samples acked, and some in the gateway's hands that no disk has."""
    gateway = make_gateway(commit_window_ms=500)
    node.publish("birth", birth())
    for kill in range(3):
        publish(node, range(kill * 100 + 1, kill * 100 + 61))
        eventually(lambda: node.unacknowledged == 0)
        publish(node, range(kill * 100 + 61, kill * 100 + 101))
        eventually(lambda: live(kill * 100 + 100) in node.heard)  # noqa: B023 - waited for within the round
        gateway.kill()
        gateway.start()
    eventually(lambda: node.unacknowledged == 0)
    assert gateway.counters["samples_redelivered"] >= 40
    assert gateway.stop() == 0
    gateway.start()
    eventually(lambda: len(sequences(cloud.batches)) >= 300)
    assert sorted(sequences(cloud.batches)) == list(range(1, 301))


def test_a_repetition_after_a_restart_is_acked_and_not_stored_again(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], node: PahoNode
) -> None:
    gateway = make_gateway(commit_window_ms=20)
    node.publish("birth", birth())
    publish(node, (1, 2, 3))
    eventually(lambda: node.unacknowledged == 0)
    gateway.kill()
    gateway.start()
    node.acks.clear()
    publish(node, (2, 4))
    eventually(lambda: {2, 4} <= {n for first, last in node.acks for n in range(first, last + 1)})
    assert gateway.stop() == 0
    gateway.start()
    eventually(lambda: 4 in sequences(cloud.batches))
    assert sorted(sequences(cloud.batches)) == [1, 2, 3, 4]


def test_a_change_of_phase_is_on_its_way_at_once_even_when_a_restart_lies_between(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], node: PahoNode
) -> None:
    """The commit window is a minute and the batch window an hour: only the phase can have sent these."""
    cloud.rules = DAMP_AIR
    gateway = make_gateway(commit_window_ms=LONG_MS)
    eventually(lambda: "event=rules version=7" in gateway.log)
    node.publish("birth", birth())
    node.publish("samples", live(1))
    node.publish("samples", live(2, wire=[2150, 8500]))
    eventually(lambda: sequences(cloud.batches) == [1, 2])
    gateway.kill()
    gateway.start()
    node.publish("samples", live(3, wire=[2150, 8500]))
    node.publish("samples", live(4, wire=[2150, 8500]))
    eventually(lambda: sequences(cloud.batches) == [1, 2, 3, 4])
    assert gateway.log.count("change=armed") == 1
    assert gateway.log.count("change=started") == 1


def test_a_refused_batch_is_set_aside_and_the_next_one_arrives(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], node: PahoNode
) -> None:
    cloud.refusals = [422]
    gateway = make_gateway(commit_window_ms=20)
    node.publish("birth", birth())
    for sequence in (1, 2):
        node.publish("samples", live(sequence))
        eventually(lambda: node.unacknowledged == 0)
        gateway.stop()
        gateway.start()
    eventually(lambda: sequences(cloud.batches) == [2])
    assert gateway.counters["batches_refused"] == 1
    assert 'reason="422 No: not this one"' in gateway.log


def test_batches_wait_out_a_cloud_that_is_down(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], node: PahoNode
) -> None:
    gateway = make_gateway(commit_window_ms=20)
    cloud.refusals = [503, 429, 401]
    node.publish("birth", birth())
    node.publish("samples", live(1))
    eventually(lambda: node.unacknowledged == 0)
    gateway.stop()
    gateway.start()
    eventually(lambda: sequences(cloud.batches) == [1])
    assert gateway.counters["batches_refused"] == 0


def test_a_malformed_message_costs_only_itself(
    cloud: SmallCloud, make_gateway: Callable[..., Gateway], node: PahoNode
) -> None:
    gateway = make_gateway(commit_window_ms=20)
    node.publish("birth", birth())
    for payload in (live(1), b'{"i":', live(2)):
        node.publish("samples", payload)
    eventually(lambda: node.unacknowledged == 0)
    gateway.stop()
    gateway.start()
    eventually(lambda: sequences(cloud.batches) == [1, 2])
    assert gateway.counters["dead_letters"] == 1
    assert "event=dead_letter topic=aircue/home-1/bathroom/samples" in gateway.log


def test_two_gateways_do_not_share_a_spool(make_gateway: Callable[..., Gateway]) -> None:
    make_gateway()
    with pytest.raises(AssertionError, match="used by another gateway"):
        make_gateway()


def mosquitto(program: Path, port: int, *arguments: str, key: str = NODE.key) -> subprocess.CompletedProcess[str]:
    command = [
        str(program),
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-i",
        "mosquitto",
        "-u",
        NODE.id,
        "-P",
        key,
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def test_mosquittos_clients_publish_and_subscribe(
    make_gateway: Callable[..., Gateway], need_program: Callable[[str], Path], free_port: int
) -> None:
    publish, subscribe = need_program("mosquitto_pub"), need_program("mosquitto_sub")
    gateway = make_gateway(commit_window_ms=20)
    topic = contract.topic(NODE.site, NODE.id, "birth")
    done = mosquitto(publish, free_port, "-q", "1", "-r", "-t", topic, "-m", birth().decode())
    assert (done.returncode, done.stderr) == (0, "")
    got = mosquitto(subscribe, free_port, "-C", "1", "-t", f"aircue/{NODE.site}/{NODE.id}/#")
    assert got.stdout.strip() == birth().decode()
    refused = mosquitto(publish, free_port, "-t", topic, "-m", "x", key="a wrong key")
    assert refused.returncode != 0
    eventually(lambda: "event=connection_refused node=bathroom" in gateway.log)


def test_an_ack_reaches_a_subscriber_of_mosquittos(
    make_gateway: Callable[..., Gateway], need_program: Callable[[str], Path], free_port: int, node: PahoNode
) -> None:
    subscribe = need_program("mosquitto_sub")
    gateway = make_gateway(commit_window_ms=20)
    got: list[Any] = []
    ack = contract.topic(NODE.site, NODE.id, contract.ACK)
    listening = threading.Thread(target=lambda: got.append(mosquitto(subscribe, free_port, "-C", "1", "-t", ack)))
    listening.start()
    node.publish("birth", birth())
    sequence = 0
    while listening.is_alive():
        sequence += 1
        node.publish("samples", live(sequence))
        eventually(lambda: node.unacknowledged == 0)
    listening.join()
    assert contract.decode_ack(got[0].stdout.encode())[2][0][1] <= sequence
    assert gateway.stop() == 0


def command(gateway: Gateway, *words: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "aircue_gateway", "command", "--config", str(gateway.config), *words]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_a_command_reaches_the_node_and_its_answer_comes_back(
    make_gateway: Callable[..., Gateway], node: PahoNode
) -> None:
    gateway = make_gateway(commit_window_ms=20)
    node.publish("birth", birth())

    def judge(fields: dict[str, Any]) -> bytes:
        return contract.encode_reply(fields["id"], None if fields["args"]["ms"] > 999 else "too often")

    node.obey(judge)
    done = command(gateway, NODE.id, "interval", "ms=5000")
    assert (done.returncode, done.stdout) == (0, f"{NODE.id}: interval done\n")
    refused = command(gateway, NODE.id, "interval", "ms=5")
    assert (refused.returncode, refused.stderr) == (1, "aircue-gateway: too often\n")


def test_a_command_without_a_running_gateway_says_so(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway()
    gateway.stop()
    done = command(gateway, NODE.id, "identify")
    assert done.returncode == 1
    assert "start it with aircue-gateway run" in done.stderr
