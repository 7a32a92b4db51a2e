"""The real daemon between a small node and a small cloud: outages with a kill inside, and what it weighs under load."""

import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.gateway.processes import Gateway, PahoNode
from tests.gateway.samples import BEGAN_S, BOOT, INSTALLATION, INTERVAL_S, NODE, birth, live

from aircue_gateway import batch
from aircue_node import contract

FOUR = (
    ("temperature", "Cel", 100, "a"),
    ("humidity", "%RH", 100, "a"),
    ("co2", "ppm", 1, "b"),
    ("pm25", "ug/m3", 10, "c"),
)
_PATIENCE_S = 120.0
_IN_FLIGHT = 1000
_AT_A_TIME = 3


class Sink:
    """A cloud that can be away: nobody listens on its port then. keep: whether bodies are kept to be looked at."""

    def __init__(self, keep: bool = True) -> None:
        self.bodies: dict[str, bytes] = {}
        self.changed = 0  # batches that came again with other bytes
        self.samples = 0
        self._keep = keep
        self._port = free_port()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def come(self) -> None:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.answer(sink.take(self.rfile.read(int(self.headers["Content-Length"]))))

            def do_GET(self) -> None:
                self.answer(b'{"version": "0", "rules": []}')

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
                """Keeps the output its own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def go(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, body: bytes) -> bytes:
        found = batch.decode(body)
        if self._keep:
            self.changed += self.bodies.setdefault(found.id, body) != body
        self.samples += sum(len(group.samples) for group in found.groups)
        return b'{"batch": "%s", "duplicate": false, "rules": "0"}' % found.id.encode()

    def sequences(self) -> Counter[int]:
        """How often each sample came, in batches of different ids."""
        found = [batch.decode(body) for body in self.bodies.values()]
        return Counter(one.sequence for sent in found for group in sent.groups for one in group.samples)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def daemon(folder: Path, sink: Sink, port: int, batch_window_s: float, **listener: int) -> Gateway:
    gateway = Gateway(folder, sink.url, port, **listener)
    text = gateway.config.read_text().replace("batch_window_s = 3600", f"batch_window_s = {batch_window_s}")
    gateway.config.write_text(text)
    return gateway


def outage(seed: int, messages: int, away_s: float) -> tuple[int, int]:
    """(lost, duplicates): samples that never came, and that came once more than once or changed on the way."""
    rng, sink, port = random.Random(seed), Sink(), free_port()
    with tempfile.TemporaryDirectory() as scratch:
        gateway = daemon(Path(scratch), sink, port, 0.5, commit_window_ms=100)
        sink.come()
        gateway.start()
        node = PahoNode(port)
        try:
            node.publish("birth", birth())
            _publish(node, range(1, messages // 5 + 1), 0)
            sink.go()
            back = time.monotonic() + away_s
            dies = messages // 5 + rng.randrange(messages // 5, messages // 2)
            _publish(node, range(messages // 5 + 1, dies), away_s / 2 / messages)
            gateway.kill()
            gateway.start()
            _publish(node, range(dies, messages + 1), away_s / 2 / messages)
            time.sleep(max(0.0, back - time.monotonic()))
            sink.come()
            _until(lambda: node.unacknowledged == 0 and sink.samples >= messages and len(sink.sequences()) == messages)
            time.sleep(1)
        finally:
            node.close()
            gateway.stop()
            sink.go()
        came = sink.sequences()
    lost = sum(number not in came for number in range(1, messages + 1))
    return lost, sum(times - 1 for times in came.values()) + sink.changed


def _publish(node: PahoNode, numbers: range, pause_s: float) -> None:
    for number in numbers:
        node.publish("samples", live(number))
        if pause_s and number % 20 == 0:
            time.sleep(pause_s * 20)


def _until(holds: Any) -> None:
    """Until something holds, or long enough to call what is missing lost."""
    deadline = time.monotonic() + _PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.2)


def outages(rounds: int, messages: int, away_s: float) -> dict[str, int]:
    """Several at a time, each with a daemon, a node and a cloud of its own: they mostly wait."""
    lost = duplicates = 0
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for number, some in enumerate(pool.map(lambda seed: outage(seed, messages, away_s), range(rounds)), start=1):
            lost, duplicates = lost + some[0], duplicates + some[1]
            print(f"outage {number} of {rounds}: {some[0]} lost, {some[1]} duplicates", file=sys.stderr, flush=True)
    return {"outage_lost": lost, "outage_duplicates": duplicates, "outage_rounds": rounds}


def weight(samples: int) -> dict[str, float]:
    """The daemon's memory while samples of four readings each pass through it, and its growth over the second half."""
    sink, port = Sink(keep=False), free_port()
    with tempfile.TemporaryDirectory() as scratch:
        gateway = daemon(Path(scratch), sink, port, 2.0, commit_window_ms=50)
        sink.come()
        gateway.start()
        try:
            points = load(gateway, port, samples)
            _until(lambda: sink.samples >= samples)
            points.append((samples, rss_mb(gateway)))
        finally:
            gateway.stop()
            sink.go()
    return {
        "rss_mb": round(points[-1][1], 1),
        "rss_peak_mb": round(max(rss for _, rss in points), 1),
        "rss_slope_mb_per_million_readings": round(slope(points[len(points) // 2 :]) * 1e6 / len(FOUR), 2),
        "rss_readings": samples * len(FOUR),
        "rss_samples_delivered": sink.samples,
    }


def slope(points: list[tuple[int, float]]) -> float:
    """Least squares, MB a sample."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def rss_mb(gateway: Gateway) -> float:
    """Resident now, as the kernel tells in /proc."""
    process = gateway._process
    assert process is not None
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def load(gateway: Gateway, port: int, samples: int, after: int = 0) -> list[tuple[int, float]]:
    """Sends samples over one connection, at most _IN_FLIGHT of them without a PUBACK; (acked, MB) at twenty points.
    after: the sequence of the sample before the first."""
    points, acked, sent = [], 0, 0
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(_connect())
        _exactly(line, 4)
        line.sendall(_publish_packet("birth", birth(channels=FOUR), 1))
        _exactly(line, 4)
        while acked < samples:
            count = min(_IN_FLIGHT, samples - sent)
            line.sendall(
                b"".join(_publish_packet("samples", _sample(after + sent + n + 1), n + 1) for n in range(count))
            )
            _exactly(line, 4 * count)
            sent, acked = sent + count, acked + count
            if acked * 20 // samples > len(points):
                points.append((acked, rss_mb(gateway)))
    return points


def _sample(sequence: int) -> bytes:
    uptime_s = sequence * INTERVAL_S
    wire = [2150 + sequence % 5, 5500 + sequence % 7, 600 + sequence % 50, 80 + sequence % 3]
    return contract.encode_sample(INSTALLATION, BOOT, (sequence, uptime_s * 1000, BEGAN_S + uptime_s, wire))


def _connect() -> bytes:
    fields = b"".join(
        len(text).to_bytes(2, "big") + text for text in (NODE.id.encode(), NODE.id.encode(), NODE.key.encode())
    )
    body = b"\x00\x04MQTT\x04\xc2\x00\x00" + fields
    return b"\x10" + _length(len(body)) + body


def _publish_packet(leaf: str, payload: bytes, packet_id: int) -> bytes:
    topic = contract.topic(NODE.site, NODE.id, leaf).encode()
    body = len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + payload
    return b"\x32" + _length(len(body)) + body


def _length(number: int) -> bytes:
    """MQTT's remaining length; no packet here is longer than 16 KB."""
    return bytes([number]) if number < 128 else bytes([number % 128 | 128, number // 128])


def _exactly(line: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        some = line.recv(count - len(data))
        if not some:
            raise ConnectionError("the gateway closed the connection")
        data += some
    return data
