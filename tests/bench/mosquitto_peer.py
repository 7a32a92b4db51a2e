"""The same load on the usual way: a real Mosquitto, and behind it a paho-mqtt subscriber with QoS 1.

    python -m tests.bench.mosquitto_peer

`nothing`: the subscriber decodes each sample and writes nothing. `sqlite`: it stores it in SQLite (WAL,
synchronous=FULL) and acknowledges it to the broker after the commit, one each 50 ms, as a careful one would. On both,
the publisher's PUBACK is the broker's, which has the message in memory.
"""

import argparse
import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.bench import publishers
from tests.bench.proc import cpu_s
from tests.bench.publishers import Plan, publishing

from aircue_hil.demo.programs import free_port

_NODES = 50
_IN_FLIGHT = 200
_COMMIT_S = 0.05
_PATIENCE_S = 120.0
_PATHS = ("mosquitto", "/usr/sbin/mosquitto")


def subscribe(port: int, store: str) -> None:
    """Until SIGTERM; then prints how many samples it took. The subscriber's process."""
    writer = Writer(Path(store)) if store != "nothing" else None
    taken = 0

    def told(client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        nonlocal taken
        if not message.topic.endswith("/samples"):
            client.ack(message.mid, message.qos)
            return
        fields = json.loads(message.payload)
        taken += 1
        if writer is None:
            client.ack(message.mid, message.qos)
        else:
            writer.put(client, message, fields)

    client = paho.Client(CallbackAPIVersion.VERSION2, "subscriber", manual_ack=True)
    client.on_message = told
    client.on_subscribe = lambda *_: _say("ready")
    client.on_connect = lambda one, *_: one.subscribe("aircue/#", 1)
    client.connect("127.0.0.1", port)
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    while not ended:
        client.loop(0.02)
        if writer is not None:
            writer.commit_in_time(client)
    if writer is not None:
        writer.commit(client)
    _say(json.dumps(taken))


class Writer:
    """Rows that wait for their commit, and the messages to be acknowledged after it."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE samples (node TEXT, boot INT, sequence INT, uptime INT, at INT, vals TEXT)")
        self._rows: list[tuple[Any, ...]] = []
        self._messages: list[tuple[int, int]] = []
        self._due = time.monotonic() + _COMMIT_S

    def put(self, client: paho.Client, message: paho.MQTTMessage, fields: dict[str, Any]) -> None:
        node = message.topic.split("/")[2]
        row = (node, fields["b"], fields["s"], fields["u"], fields["t"], json.dumps(fields["v"]))
        self._rows.append(row)
        self._messages.append((message.mid, message.qos))
        self.commit_in_time(client)

    def commit_in_time(self, client: paho.Client) -> None:
        if time.monotonic() >= self._due:
            self.commit(client)

    def commit(self, client: paho.Client) -> None:
        if self._rows:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)", self._rows)
            self._db.execute("COMMIT")
        for mid, qos in self._messages:
            client.ack(mid, qos)
        self._rows, self._messages = [], []
        self._due = time.monotonic() + _COMMIT_S


@dataclass(frozen=True, kw_only=True)
class Peer:
    """cpu_s: of the subscriber and of the broker, from the first publication until the subscriber had all."""

    published: int
    taken: int
    wall_s: float
    subscriber_cpu_s: float
    broker_cpu_s: float


def measure(folder: Path, store: str, samples: int) -> Peer:
    folder.mkdir(parents=True)
    port = free_port()
    with _broker(folder, port) as broker, _subscriber(port, store, folder) as subscriber:
        plan = Plan(
            port=port,
            nodes=_NODES,
            samples=samples,
            in_flight=_IN_FLIGHT,
            began_s=int(time.time()) - samples * publishers.INTERVAL_S,
        )
        return _played(plan, broker, subscriber)


def _played(plan: Plan, broker: "subprocess.Popen[str]", subscriber: "subprocess.Popen[str]") -> Peer:
    with publishing(plan) as load:
        before = cpu_s(subscriber.pid), cpu_s(broker.pid)
        result = load.play()
        _until_idle(subscriber.pid)
        after = cpu_s(subscriber.pid), cpu_s(broker.pid)
    subscriber.terminate()
    assert subscriber.stdout is not None
    return Peer(
        published=sum(last - first + 1 for ranges in result.acked.values() for first, last in ranges),
        taken=json.loads(subscriber.stdout.readline()),
        wall_s=result.wall_s,
        subscriber_cpu_s=after[0] - before[0],
        broker_cpu_s=after[1] - before[1],
    )


def _until_idle(pid: int) -> None:
    """It has nothing more to do once a second costs it next to nothing."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        used = cpu_s(pid)
        time.sleep(1.0)
        if cpu_s(pid) - used < 0.05:
            return


@contextlib.contextmanager
def _broker(folder: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    program = next(filter(None, map(shutil.which, _PATHS)), None)
    assert program is not None, "Mosquitto is not installed; type: make system-packages"
    file = folder / "mosquitto.conf"
    limits = "max_inflight_messages 0\nmax_queued_messages 0\nmax_queued_bytes 0\nset_tcp_nodelay true\n"
    file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{limits}")
    process = subprocess.Popen([program, "-c", file], stderr=subprocess.DEVNULL, text=True)
    try:
        time.sleep(1.0)
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def _subscriber(port: int, store: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    where = "nothing" if store == "nothing" else str(folder / "samples.sqlite3")
    command = [sys.executable, "-m", "tests.bench.mosquitto_peer", "--subscribe", str(port), where]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def run(folder: Path, readings: int) -> dict[str, Any]:
    """A subscriber that writes nothing, and one that writes to SQLite, side by side with the gateway's figures."""
    figures: dict[str, Any] = {}
    for store in ("nothing", "sqlite"):
        found = measure(folder / f"paho-{store}", store, readings // len(publishers.CHANNELS) // _NODES)
        whole = found.subscriber_cpu_s + found.broker_cpu_s
        figures |= {
            f"paho_{store}_msgs_per_s_core": round(found.taken / found.subscriber_cpu_s),
            f"paho_{store}_with_mosquitto_msgs_per_s_core": round(found.taken / whole),
            f"paho_{store}_published": found.published,
            f"paho_{store}_taken": found.taken,
        }
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=200_000)
    parser.add_argument("--subscribe", nargs=2, metavar=("PORT", "FILE"), help="be the subscriber")
    options = parser.parse_args()
    if options.subscribe:
        subscribe(int(options.subscribe[0]), options.subscribe[1])
        return 0
    with tempfile.TemporaryDirectory(prefix="aircue-bench-") as folder:
        _say(json.dumps(run(Path(folder), options.readings)))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
