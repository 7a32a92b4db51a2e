"""What the gateway's listener takes in: `python -m tests.bench.gateway_listener`. The last line is one JSON object.

The daemon runs as it is shipped, but for the commit window the figure names: authentication, cleaning, the cloud's
rules. The load comes from tests/bench/publishers.py in a process of its own; the cloud is a small sink that takes every
batch. Every acked sample is looked for in what the gateway delivers afterwards, which is what it had on disk. What is
measured on the way goes to stderr.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import mosquitto_peer, proc, publishers
from tests.bench.publishers import Plan, Result, publishing
from tests.gateway.processes import SmallCloud

from aircue_cloud.needs import needs
from aircue_gateway.intervals import Intervals
from aircue_gateway.report import status
from aircue_hil.demo.programs import free_port

SHORT_WINDOW_MS = 50
DEFAULT_WINDOW_MS = 5000
READINGS = 1_000_000
_NODES = 50
_IN_FLIGHT = 200
_PACED_S = 40
_PATIENCE_S = 300.0
_LOOK_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One run. cpu_s: the daemon's, user and system, all threads, from the first publication to the last ack.
    sealing_cpu_s: what it spent after that, until everything was sealed and it had ended. memory: (second, MB)."""

    load: Result
    acked: int
    missing: int
    cpu_s: float
    sealing_cpu_s: float
    memory: tuple[tuple[float, float], ...]

    @property
    def per_core(self) -> float:
        return self.acked / self.cpu_s

    @property
    def rss_mb(self) -> float:
        return max(mb for _, mb in self.memory)


class Daemon:
    """`aircue-gateway run` with nodes of the benchmark."""

    def __init__(self, folder: Path, port: int, sink: SmallCloud, window_ms: int) -> None:
        self.data_dir = folder / "spool"
        self._config = folder / "gateway.toml"
        self._config.write_text(_toml(port, sink.url, window_ms))
        self._log = folder / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it listens and has the rules."""
        heard = [self.log.count(word) for word in ("event=listening", "event=rules")]
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "aircue_gateway", "run", "--config", str(self._config)]
            self._process = subprocess.Popen(command, stderr=log)
        self._until(lambda: self.log.count("event=listening") > heard[0])
        self._until(lambda: "event=rules" in self.log)

    def stop(self) -> float:
        """Seconds of the processor it had used in all when it ended."""
        assert self._process is not None
        self._process.terminate()
        used = os.wait4(self._process.pid, 0)[2]
        self._process.returncode = 0
        self._process = None
        return used.ru_utime + used.ru_stime

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def deliver(self) -> None:
        """Starts it once more and waits until nothing waits."""
        self.start()
        self._until(lambda: status(self.data_dir)["waiting_batches"] == 0)
        self.stop()

    @property
    def cpu_s(self) -> float:
        assert self._process is not None
        return proc.cpu_s(self._process.pid)

    @property
    def rss_mb(self) -> float:
        assert self._process is not None
        return proc.rss_mb(self._process.pid)

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def _until(self, holds: Any) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not holds():
            assert self._process is not None
            assert self._process.poll() is None, self.log[-2000:]
            assert time.monotonic() < deadline, self.log[-2000:]
            time.sleep(_LOOK_S)


def _toml(port: int, cloud_url: str, window_ms: int) -> str:
    names = [publishers.name_of(number) for number in range(_NODES)]
    rows = "".join(
        f'[[nodes]]\nid = "{name}"\nsite = "{publishers.SITE}"\nkey = "{publishers.key_of(name)}"\n' for name in names
    )
    return f"""
name = "gw-1"
data_dir = "spool"
[uplink]
url = "{cloud_url}"
key = "gateway-key"
[listener]
host = "127.0.0.1"
port = {port}
commit_window_ms = {window_ms}
{rows}"""


class Memory:
    """Looks at a process's memory until it is told to stop."""

    def __init__(self, look: Any) -> None:
        self._look = look
        self._ended = threading.Event()
        self._seen: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> tuple[tuple[float, float], ...]:
        self._ended.set()
        self._thread.join()
        return tuple(self._seen)

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_S):
            self._seen.append((time.monotonic(), self._look()))


def take(folder: Path, window_ms: int, samples: int, in_flight: int = _IN_FLIGHT, per_s: float = 0.0) -> Taken:
    """A daemon in a folder of its own under this load: `samples` from each of 50 nodes."""
    folder.mkdir(parents=True)
    sink, port = SmallCloud(needs.load().document), free_port()
    daemon = Daemon(folder, port, sink, window_ms)
    began_s = int(time.time()) - samples * publishers.INTERVAL_S
    plan = Plan(port=port, nodes=_NODES, samples=samples, in_flight=in_flight, per_s=per_s, began_s=began_s)
    try:
        daemon.start()
        return _taken(daemon, sink, plan)
    finally:
        daemon.kill()
        sink.close()


def _taken(daemon: Daemon, sink: SmallCloud, plan: Plan) -> Taken:
    with publishing(plan) as load:
        before = daemon.cpu_s
        memory = Memory(lambda: daemon.rss_mb)
        try:
            result = load.play()
        finally:
            seen = memory.stop()
        after = daemon.cpu_s
    whole = daemon.stop()
    daemon.deliver()
    acked = {node: Intervals((first, last) for first, last in ranges) for node, ranges in result.acked.items()}
    return Taken(
        load=result,
        acked=sum(count(one) for one in acked.values()),
        missing=missing(acked, stored(sink)),
        cpu_s=after - before,
        sealing_cpu_s=whole - after,
        memory=seen,
    )


def stored(sink: SmallCloud) -> dict[str, set[int]]:
    """The sequences that the sink has of each node."""
    found: dict[str, set[int]] = {}
    for one in sink.batches:
        for group in one.groups:
            found.setdefault(group.node, set()).update(sample.sequence for sample in group.samples)
    return found


def count(ranges: Intervals) -> int:
    return sum(last - first + 1 for first, last in ranges)


def missing(acked: dict[str, Intervals], delivered: dict[str, set[int]]) -> int:
    """Acked samples that the sink does not have."""
    return sum(
        sequence not in delivered.get(node, ())
        for node, ranges in acked.items()
        for first, last in ranges
        for sequence in range(first, last + 1)
    )


def slope(memory: tuple[tuple[float, float], ...], readings: int) -> float:
    """MB a million readings, by least squares over the second half of a run with an even load."""
    first, last = memory[0][0], memory[-1][0]
    rows = [
        ((at - first) / (last - first) * readings / 1e6, mb) for at, mb in memory if at - first >= (last - first) / 2
    ]
    mean_x, mean_y = sum(x for x, _ in rows) / len(rows), sum(y for _, y in rows) / len(rows)
    return sum((x - mean_x) * (y - mean_y) for x, y in rows) / sum((x - mean_x) ** 2 for x, _ in rows)


def run(folder: Path, readings: int = READINGS, paced_s: int = _PACED_S) -> dict[str, Any]:
    samples = readings // len(publishers.CHANNELS) // _NODES
    fast = take(folder / "fast", SHORT_WINDOW_MS, samples)
    paced = take(folder / "paced", DEFAULT_WINDOW_MS, paced_s, per_s=1.0)
    return {
        "durable_qos1_msgs_per_s_core": round(fast.per_core),
        "durable_qos1_msgs_per_s_wall": round(fast.acked / fast.load.wall_s),
        "durable_qos1_msgs_per_s_core_with_sealing": round(fast.acked / (fast.cpu_s + fast.sealing_cpu_s)),
        "acked": fast.acked + paced.acked,
        "acked_missing": fast.missing + paced.missing,
        "payload_bytes": round(fast.load.payload_bytes, 1),
        "load_cpu_s": round(fast.load.cpu_s, 2),
        "daemon_cpu_s": round(fast.cpu_s, 2),
        "ack_p99_ms_50": round(fast.load.p99_ms),
        "ack_p50_ms_50": round(fast.load.p50_ms),
        "ack_p99_ms_5000": round(paced.load.p99_ms),
        "ack_p50_ms_5000": round(paced.load.p50_ms),
        "listener_rss_mb": round(fast.rss_mb, 1),
        "listener_rss_slope_mb_per_million": round(slope(fast.memory, readings), 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readings", type=int, default=READINGS)
    parser.add_argument("--paced-s", type=int, default=_PACED_S, help="of the run with the default commit window")
    parser.add_argument("--without-peer", action="store_true", help="leave out paho-mqtt behind Mosquitto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aircue-bench-") as folder:
        figures = run(Path(folder), options.readings, options.paced_s)
        sys.stderr.write(json.dumps(figures) + "\n")
        if not options.without_peer:
            figures |= mosquitto_peer.run(Path(folder), options.readings)
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
