"""Nodes that publish as fast as they are acked, or at a pace: the load of the gateway's benchmarks, in its own process.

    python -m tests.bench.publishers '{"port": 1883, "nodes": 50, ...}'

It prints `ready` once every node is connected and every packet is encoded, publishes after a line on its input, and
ends with one line of JSON (see Result). The air is that of simulated homes; sensors add noise and round as real ones.
"""

import contextlib
import json
import random
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice

from aircue_gateway.intervals import Intervals
from aircue_hil.air import Air
from aircue_hil.homes import ROOMS, Home
from aircue_node import contract, mqtt

SITE = "home-1"
BOOT = 1
INTERVAL_S = 30
# Quantity, unit, scale, sensor; and the noise of the sensor, in its unit, as its data sheet gives the repeatability.
CHANNELS = (
    ("temperature", "Cel", 100, "sht4x"),
    ("humidity", "%RH", 100, "sht4x"),
    ("co2", "ppm", 1, "scd4x"),
    ("pm25", "ug/m3", 10, "pms5003"),
)
_NOISE = (0.04, 0.08, 10.0, 0.5)
_AIR = ("temperature_c", "humidity_pct", "co2_ppm", "pm25_ugm3")
_HOMES = 3  # so many are simulated; several nodes share a room
_READ = 1 << 18
_PUBACK, _PUBLISH = mqtt.PUBACK << 4, mqtt.PUBLISH << 4
_BIRTH_ID = 65535


@dataclass(frozen=True, kw_only=True)
class Plan:
    """in_flight: unacked messages a node may have. per_s: each node's pace; 0 = as fast as they are acked. began_s:
    epoch second of the first sample."""

    port: int
    nodes: int
    samples: int
    in_flight: int
    began_s: int
    per_s: float = 0.0
    seed: int = 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """acked: by node, ranges of sequences. cpu_s: this process's own, from the start signal to the last ack."""

    acked: dict[str, list[tuple[int, int]]]
    payload_bytes: float
    wall_s: float
    cpu_s: float
    p50_ms: float
    p99_ms: float


def name_of(number: int) -> str:
    return f"node-{number}"


def key_of(node: str) -> str:
    return f"bench-key-of-{node}"


def installation_of(number: int) -> int:
    return 2_779_096_000 + number  # as long as the ones nodes draw


def rooms(plan: Plan) -> Iterator[list[Air]]:
    """The air of every room at each sample's time."""
    began_us = plan.began_s * 1_000_000
    homes = [Home(seed=f"bench-{plan.seed}-{number}", start=began_us) for number in range(_HOMES)]
    for index in range(plan.samples):
        at = began_us + index * INTERVAL_S * 1_000_000
        yield [home.air(room, at) for home in homes for room in ROOMS]


def packets(plan: Plan) -> list[list[bytes]]:
    """Every node's samples as PUBLISH packets, in order."""
    found: list[list[bytes]] = [[] for _ in range(plan.nodes)]
    rng = random.Random(plan.seed)
    for index, airs in enumerate(rooms(plan)):
        for number, mine in enumerate(found):
            mine.append(_packet(plan, number, index, _values(airs[number % len(airs)], rng)))
    return found


def _values(air: Air, rng: random.Random) -> list[int]:
    true = [getattr(air, name) for name in _AIR]
    noisy = [rng.gauss(value, noise) for value, noise in zip(true, _NOISE, strict=True)]
    noisy[1] = min(noisy[1], 100.0)
    return [max(0, round(value * channel[2])) for value, channel in zip(noisy, CHANNELS, strict=True)]


def _packet(plan: Plan, number: int, index: int, values: list[int]) -> bytes:
    sample = (index + 1, (index + 1) * INTERVAL_S * 1000, plan.began_s + (index + 1) * INTERVAL_S, values)
    payload = contract.encode_sample(installation_of(number), BOOT, sample)
    topic = contract.topic(SITE, name_of(number), contract.SAMPLES)
    return mqtt.publish(topic, payload, 1, packet_id(index))


def packet_id(index: int) -> int:
    """Of a node's index-th sample: 1 to 65534, round and round; the last one is the birth's."""
    return index % (_BIRTH_ID - 1) + 1


class Node:
    """One connection. acked: indices whose PUBACK came; latencies in seconds."""

    def __init__(self, plan: Plan, number: int, stream: list[bytes]) -> None:
        self._plan = plan
        self._stream = stream
        self._unsent = b""
        self._rest = b""
        self._next = 0
        self._in_flight: deque[tuple[int, float]] = deque()
        self.latencies: list[float] = []
        self.acked = Intervals()
        self.sock = socket.create_connection(("127.0.0.1", plan.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._join(number)
        self.sock.setblocking(False)

    def _join(self, number: int) -> None:
        name = name_of(number)
        birth = contract.encode_birth(
            "bench", "simulated", installation_of(number), BOOT, INTERVAL_S * 1000, "power-on", list(CHANNELS), [], []
        )
        topics = [(contract.topic(SITE, name, leaf), 1) for leaf in (contract.ACK, contract.COMMAND)]
        self.sock.sendall(mqtt.connect(name, name, key_of(name), 0))
        self.sock.sendall(mqtt.subscribe(1, topics))
        self.sock.sendall(mqtt.publish(contract.topic(SITE, name, contract.BIRTH), birth, 1, _BIRTH_ID, retain=True))
        parser, due = mqtt.Parser(), {mqtt.CONNACK, mqtt.SUBACK, mqtt.PUBACK}
        while due:
            parser.feed(self.sock.recv(4096))
            while (packet := parser.next_packet()) is not None:
                if packet[0] == mqtt.CONNACK:
                    assert packet[2] == b"\0\0", "the gateway refused the benchmark's node"
                due.discard(packet[0])

    @property
    def done(self) -> bool:
        return self._next == len(self._stream) and not self._in_flight and not self._unsent

    def send(self, now: float, began: float) -> None:
        """What may go now: as many as there is room for, at a pace as many as are due."""
        due = min(len(self._stream), self._next + self._plan.in_flight - len(self._in_flight))
        if self._plan.per_s:
            due = min(due, int((now - began) * self._plan.per_s))
        if due > self._next:
            self._in_flight.extend((index, now) for index in range(self._next, due))
            self._unsent += b"".join(islice(self._stream, self._next, due))
            self._next = due
        if self._unsent:
            with contextlib.suppress(BlockingIOError):
                self._unsent = self._unsent[self.sock.send(self._unsent) :]

    def receive(self) -> None:
        data = self.sock.recv(_READ)
        if not data:
            raise ConnectionError("the gateway closed the benchmark's connection")
        now = time.monotonic()
        data, at = self._rest + data, 0
        while at + 4 <= len(data):
            if data[at] == _PUBACK:
                self._note(data[at + 2] << 8 | data[at + 3], now)
                at += 4
            else:
                assert data[at] & 0xF0 == _PUBLISH, "neither PUBACK nor PUBLISH"
                length, shift, head = 0, 0, at + 1
                while True:
                    length |= (data[head] & 127) << shift
                    head, shift = head + 1, shift + 7
                    if data[head - 1] < 128:
                        break
                if head + length > len(data):
                    break
                at = head + length
        self._rest = data[at:]

    def _note(self, ident: int, now: float) -> None:
        """PUBACKs come in the order of the publications (4.6); one that does not is an error of the gateway's."""
        index, sent = self._in_flight.popleft()
        assert ident == packet_id(index), f"PUBACK {ident}, expected {packet_id(index)}"
        self.acked.add(index + 1)
        self.latencies.append(now - sent)


def play(nodes: list[Node]) -> tuple[float, float]:
    """Until every sample of every node is acked; wall and CPU seconds."""
    selector = selectors.DefaultSelector()
    for node in nodes:
        selector.register(node.sock, selectors.EVENT_READ, node)
    began, cpu, open_nodes = time.monotonic(), time.process_time(), set(nodes)
    while open_nodes:
        now = time.monotonic()
        for node in open_nodes:
            node.send(now, began)
        for key, _ in selector.select(0.005):
            key.data.receive()
        open_nodes = {node for node in open_nodes if not node.done}
    return time.monotonic() - began, time.process_time() - cpu


def percentile(ordered: list[float], share: float) -> float:
    """Of ascending values, the smallest that is not passed by `share` of all (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


@contextlib.contextmanager
def publishing(plan: Plan) -> Iterator["Load"]:
    command = [sys.executable, "-m", "tests.bench.publishers", json.dumps(asdict(plan))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Load(process)
    finally:
        process.kill()
        process.communicate()


class Load:
    """The publishers' process, connected and ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._line() == "ready"

    def play(self) -> Result:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return Result(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the publishers ended before their time: their error stands above"
        return line.strip()


def main() -> int:
    plan = Plan(**json.loads(sys.argv[1]))
    streams = packets(plan)
    size = sum(map(len, streams[0])) / len(streams[0]) - len(mqtt.publish(_topic(), b"", 1, 1))
    nodes = [Node(plan, number, stream) for number, stream in enumerate(streams)]
    _say("ready")
    sys.stdin.readline()
    wall_s, cpu_s = play(nodes)
    latencies = sorted(latency for node in nodes for latency in node.latencies)
    result = Result(
        acked={name_of(number): node.acked.ranges() for number, node in enumerate(nodes)},
        payload_bytes=size,
        wall_s=wall_s,
        cpu_s=cpu_s,
        p50_ms=1000 * percentile(latencies, 0.5),
        p99_ms=1000 * percentile(latencies, 0.99),
    )
    _say(json.dumps(asdict(result)))
    return 0


def _topic() -> str:
    return contract.topic(SITE, name_of(0), contract.SAMPLES)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
