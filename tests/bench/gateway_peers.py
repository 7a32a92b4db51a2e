"""The gateway beside others, with one load: `make -s bench-gateway-peers`. The last line is one JSON object.

    python -m tests.bench.gateway_peers [--messages 5000] [--away 15] [--only node-red]

Each takes samples in by MQTT with QoS 1 (the gateway at its own listener, the others from a Mosquitto with unlimited
queues and their lasting session) and passes them on to a sink: ours and Node-RED by HTTP, ThingsBoard's gateway to an
MQTT broker in ThingsBoard's place. Twice:

    <name>_msgs_per_s      from the first publication to the arrival of the last message at the sink
    <name>_delivered       of so many, while the sink is away for --away seconds and the program is killed (SIGKILL)
    <name>_duplicates      within that and started again: messages that came more than once
    <name>_rss_mb          of the program after the first run

They are installed at run time into a temporary folder (npm, PyPI, Go's module proxy), and everything listens on
127.0.0.1. What cannot be installed or does not run is null, with the reason under <name>_why.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.bench import gateway_outage
from tests.bench.gateway_outage import free_port
from tests.bench.proc import rss_mb
from tests.gateway.processes import PahoNode
from tests.gateway.samples import NODE, birth, live

from aircue_node import contract

T = TypeVar("T")

_TOPIC = contract.topic(NODE.site, NODE.id, contract.SAMPLES)
_PATIENCE_S = 60.0
_INSTALL_S = 900
_MOSQUITTO = ("mosquitto", "/usr/sbin/mosquitto")
_TELEGRAF = "github.com/influxdata/telegraf/cmd/telegraf@v1.33.1"
_TAGS = "custom,inputs.mqtt_consumer,outputs.http,parsers.value,serializers.json"


_ASKED, _ANSWERED = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
_TELEMETRY = "v1/gateway/telemetry"
_NONE = {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""}
_NO_LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": _NONE, "gatewayRateLimits": _NONE}


class NotHere(Exception):
    """A peer cannot be installed or does not run; the text says why."""


class Sink(Protocol):
    """Where messages end: how often each number came."""

    port: int

    def come(self) -> None: ...
    def go(self) -> None: ...
    def came(self) -> Counter[int]: ...


class HttpSink:
    """Counts the numbers in what is posted; nobody listens while it is away. One thread for all connections: Node-RED
    opens thousands at a time."""

    def __init__(self) -> None:
        self.port = free_port()
        self._came: Counter[int] = Counter()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def come(self) -> None:
        self._server = self._done(asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=4096))

    def go(self) -> None:
        self._done(self._leave())

    async def _leave(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def came(self) -> Counter[int]:
        return self._done(self._copied())

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _copied(self) -> Counter[int]:
        return Counter(self._came)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection, while the sink is there; a program that is killed leaves some half said."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"(?i)content-length: *(\d+)", head)
            body = await reader.readexactly(int(size.group(1)) if size else 0)
            if self._server is not None:
                self._came.update(numbers(body))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
        writer.close()


def numbers(body: bytes) -> list[int]:
    """The sequences in a payload, whatever a peer wrapped around it."""
    return [int(found) for found in re.findall(rb'\\*"s\\*"\s*:\s*"?(\d+)', body)]


class Mosquitto:
    """What it holds for a session outlasts a restart."""

    def __init__(self, folder: Path) -> None:
        program = next(filter(None, map(shutil.which, _MOSQUITTO)), None)
        if program is None:
            raise NotHere("Mosquitto is not installed; type: make system-packages")
        folder.mkdir(parents=True)
        self.port = free_port()
        file = folder / "mosquitto.conf"
        limits = "max_inflight_messages 0\nmax_queued_messages 0\nmax_queued_bytes 0\npersistence true\n"
        file.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n{limits}persistence_location {folder}/\n"
        )
        self._line = [program, "-c", str(file)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._line, stderr=subprocess.DEVNULL)
        time.sleep(0.5)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


class BrokerSink:
    """A broker in ThingsBoard's place, and a subscriber that counts; away means that the broker is."""

    def __init__(self, folder: Path) -> None:
        self._broker = Mosquitto(folder)
        self.port = self._broker.port
        self._came: Counter[int] = Counter()
        self._client: paho.Client | None = None

    def come(self) -> None:
        self._broker.start()
        if self._client is None:
            client = self._client = paho.Client(CallbackAPIVersion.VERSION2, "sink", clean_session=False)
            client.reconnect_delay_set(1, 1)
            client.on_connect = lambda one, *_: one.subscribe("v1/#", 1)
            client.on_message = self._told
            client.connect("127.0.0.1", self.port)
            client.loop_start()

    def _told(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        """Its gateway sends nothing before it was told the platform's limits: there are none."""
        if message.topic.startswith(_ASKED):
            client.publish(_ANSWERED + message.topic.removeprefix(_ASKED), json.dumps(_NO_LIMITS), 1)
        elif message.topic == _TELEMETRY:
            self._came.update(numbers(message.payload))

    def go(self) -> None:
        self._broker.stop()

    def came(self) -> Counter[int]:
        return Counter(self._came)


class Program:
    """A peer as a process that is told by its command alone."""

    def __init__(self, command: list[str], folder: Path, env: Mapping[str, str]) -> None:
        self._command, self._folder, self._env = command, folder, {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._env, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    @property
    def rss_mb(self) -> float:
        assert self._process is not None
        return rss_mb(self._process.pid)

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-300:]


def node_red(folder: Path, broker_port: int, sink_port: int) -> Program:
    """From npm: an MQTT input and an HTTP request, as its editor wires them."""
    home = folder / "node-red"
    home.mkdir()
    _installed(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(home), "node-red"], home)
    settings = {"uiPort": free_port(), "uiHost": "127.0.0.1", "flowFile": "flows.json", "telemetry": {"enabled": False}}
    (home / "settings.js").write_text(f"module.exports = {json.dumps(settings)}\n")
    (home / "flows.json").write_text(json.dumps(_flow(broker_port, sink_port)))
    return Program(["node", str(home / "node_modules/node-red/red.js"), "-u", str(home)], home, {})


def _flow(broker_port: int, sink_port: int) -> list[dict[str, Any]]:
    return [
        {"id": "tab", "type": "tab", "label": "samples"},
        {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": broker_port, "clientid": "node-red",
         "autoConnect": True, "usetls": False, "protocolVersion": "4", "keepalive": "60", "cleansession": False},
        {"id": "in", "type": "mqtt in", "z": "tab", "topic": "aircue/+/+/samples", "qos": "1", "datatype": "utf8",
         "broker": "broker", "inputs": 0, "wires": [["post"]]},
        {"id": "post", "type": "http request", "z": "tab", "method": "POST", "ret": "txt", "paytoqs": "ignore",
         "url": f"http://127.0.0.1:{sink_port}/", "persist": True, "wires": [[]]},
    ]  # fmt: skip


def thingsboard(storage: str) -> Callable[[Path, int, int], Program]:
    """From PyPI, with one of its storages."""

    def made(folder: Path, broker_port: int, sink_port: int) -> Program:
        home, env = folder / f"thingsboard-{storage}", folder / "thingsboard-venv"
        if not env.exists():
            venv.create(env, with_pip=True)
            _installed([str(env / "bin/pip"), "install", "--quiet", "thingsboard-gateway"], folder)
        for name in ("config", "logs", "data"):
            (home / name).mkdir(parents=True)
        shipped = next(env.glob("lib/python3*/site-packages/thingsboard_gateway/config"))
        shutil.copy(shipped / "logs.json", home / "config/logs.json")
        general = json.loads((shipped / "tb_gateway.json").read_text())
        general["thingsboard"] |= {"host": "127.0.0.1", "port": sink_port, "remoteConfiguration": False}
        general["storage"] |= {"type": storage, "data_file_path": f"{home}/data/data.db"}
        general["storage"]["data_folder_path"] = f"{home}/data/"
        general["connectors"] = [{"type": "mqtt", "name": "mqtt", "configuration": "mqtt.json"}]
        (home / "config/tb_gateway.json").write_text(json.dumps(general))
        (home / "config/mqtt.json").write_text(json.dumps(_connector(broker_port)))
        start = "from thingsboard_gateway.tb_gateway import daemon; daemon()"
        return Program([str(env / "bin/python"), "-c", start], home, {"TB_GW_CONFIG_DIR": f"{home}/config/"})

    return made


def _connector(broker_port: int) -> dict[str, Any]:
    device = {
        "deviceNameExpressionSource": "constant", "deviceNameExpression": "bathroom",
        "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "default",
    }  # fmt: skip
    converter = {
        "type": "json", "deviceInfo": device, "sendDataOnlyOnChange": False, "timeout": 60000, "attributes": [],
        "timeseries": [{"type": "integer", "key": "s", "value": "${s}"}],
    }  # fmt: skip
    return {
        "broker": {
            "host": "127.0.0.1", "port": broker_port, "clientId": "thingsboard", "version": 4, "cleanSession": False,
            "maxMessageNumberPerWorker": 10, "maxNumberOfWorkers": 100, "security": {"type": "anonymous"},
        },
        "mapping": [{"topicFilter": "aircue/+/+/samples", "subscriptionQos": 1, "converter": converter}],
    }  # fmt: skip


def telegraf(folder: Path, broker_port: int, sink_port: int) -> Program:
    """Built from Go's module proxy, with one input and one output."""
    home = folder / "telegraf"
    home.mkdir()
    env = {"GOPATH": str(home / "go"), "GOFLAGS": "-modcacherw"}
    _installed(["go", "install", "-tags", _TAGS, _TELEGRAF], home, env)
    (home / "telegraf.conf").write_text(
        f"""
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_buffer_limit = 100000
  omit_hostname = true
[[inputs.mqtt_consumer]]
  servers = ["tcp://127.0.0.1:{broker_port}"]
  topics = ["aircue/+/+/samples"]
  qos = 1
  client_id = "telegraf"
  persistent_session = true
  max_undelivered_messages = 10000
  data_format = "value"
  data_type = "string"
[[outputs.http]]
  url = "http://127.0.0.1:{sink_port}/"
  data_format = "json"
"""
    )
    return Program([str(home / "go/bin/telegraf"), "--config", str(home / "telegraf.conf")], home, {})


def ekuiper(folder: Path, broker_port: int, sink_port: int) -> Program:
    raise NotHere("no package of it in Debian, PyPI or npm, and Go's module proxy refused it (403) where it was tried")


def _installed(command: list[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
    if shutil.which(command[0]) is None:
        raise NotHere(f"{command[0]} is not installed")
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **(env or {})}, capture_output=True, text=True,
            timeout=_INSTALL_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise NotHere(f"{' '.join(command[:2])} took longer than {_INSTALL_S} s") from error
    if done.returncode:
        raise NotHere(f"{' '.join(command[:2])}: {done.stderr.strip()[-200:]}")


@contextlib.contextmanager
def publisher(port: int) -> Iterator[PahoNode]:
    node = PahoNode(port)
    try:
        yield node
    finally:
        node.close()


def stamped(number: int) -> bytes:
    """A sample with a time of its own in ms, under the name that ThingsBoard's gateway looks for: it keeps one value of
    a series for each time, and would take the time of arrival, which many share."""
    return live(number)[:-1] + b',"ts":%d}' % (1_763_700_000_000 + number)


def published(
    node: PahoNode, first: int, last: int, pause_s: float = 0.0, payload: Callable[[int], bytes] = stamped
) -> None:
    for number in range(first, last + 1):
        node.publish("samples", payload(number))
        if pause_s and number % 20 == 0:
            time.sleep(pause_s * 20)


def until(holds: Callable[[], bool], patience_s: float = _PATIENCE_S) -> bool:
    """Whether it came to hold while anything went on: what stands still for so long is lost."""
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def peer(name: str, make: Callable[[Path, int, int], Program], folder: Path, messages: int, away_s: float) -> Any:
    """The figures of one peer."""
    scratch = folder / f"run-{name}"
    broker = Mosquitto(scratch / "in")
    sink: Sink = BrokerSink(scratch / "out") if name.startswith("thingsboard") else HttpSink()
    program = make(folder, broker.port, sink.port)
    broker.start()
    sink.come()
    program.start()
    try:
        with publisher(broker.port) as node:
            return _measured(name, program, sink, node, messages, away_s)
    finally:
        program.kill()
        broker.stop()
        sink.go()


def _measured(name: str, program: Program, sink: Sink, node: PahoNode, messages: int, away_s: float) -> dict[str, Any]:
    _awaken(program, sink, node)
    began = time.monotonic()
    published(node, 1, messages)
    whole = until(lambda: len(sink.came()) > messages)
    took_s, rss = time.monotonic() - began, program.rss_mb
    first, second = messages + 1, 2 * messages
    _through_an_outage(program, sink, node, first, second, away_s)
    came = {number: times for number, times in sink.came().items() if first <= number <= second}
    return {
        f"{name}_msgs_per_s": round(messages / took_s) if whole else None,
        f"{name}_rss_mb": round(rss, 1),
        f"{name}_delivered": len(came),
        f"{name}_duplicates": sum(came.values()) - len(came),
    }


def _awaken(program: Program, sink: Sink, node: PahoNode) -> None:
    """Until a message with the number 0 has come through."""
    deadline = time.monotonic() + 2 * _PATIENCE_S
    while 0 not in sink.came():
        if time.monotonic() > deadline:
            raise NotHere(f"nothing came through; its last words: {program.log}")
        node._client.publish(_TOPIC, b'{"s":0}', 1)
        time.sleep(1.0)


def _through_an_outage(program: Program, sink: Sink, node: PahoNode, first: int, last: int, away_s: float) -> None:
    fifth, dies = first + (last - first) // 5, first + (last - first) // 2
    published(node, first, fifth)
    until(lambda: fifth in sink.came())
    sink.go()
    back = time.monotonic() + away_s
    pause_s = away_s / 2 / (last - first)
    published(node, fifth + 1, dies, pause_s)
    program.kill()
    program.start()
    published(node, dies + 1, last, pause_s)
    time.sleep(max(0.0, back - time.monotonic()))
    sink.come()
    _settled(sink, last - first + 1, first, last)


def _settled(sink: Sink, messages: int, first: int, last: int) -> None:
    """All came, or nothing has come for a while."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < _PATIENCE_S / 2:
        came = sink.came()
        here = sum(first <= number <= last for number in came)
        if here == messages:
            return
        if here != seen:
            seen, since = here, time.monotonic()
        time.sleep(0.5)


def ours(messages: int, away_s: float) -> dict[str, Any]:
    """The same, and the rate at which samples were acked, which for ours means that they are on the disk."""
    sink, port = gateway_outage.Sink(), free_port()
    with tempfile.TemporaryDirectory() as scratch:
        gateway = gateway_outage.daemon(Path(scratch), sink, port, 0.5, commit_window_ms=50)
        sink.come()
        gateway.start()
        try:
            with publisher(port) as node:
                node.publish("birth", birth())
                began = time.monotonic()
                published(node, 1, messages, payload=live)
                until(lambda: node.unacknowledged == 0)
                acked_s = time.monotonic() - began
                whole = until(lambda: sink.samples >= messages)
                took_s = time.monotonic() - began
                rss = gateway.rss_mb
        finally:
            gateway.stop()
            sink.go()
    lost, duplicates = gateway_outage.outage(1, messages, away_s)
    return {
        "ours_msgs_per_s": round(messages / took_s) if whole else None,
        "ours_durable_msgs_per_s": round(messages / acked_s),
        "ours_rss_mb": round(rss, 1),
        "ours_delivered": messages - lost,
        "ours_duplicates": duplicates,
    }


PEERS: Mapping[str, Callable[[Path, int, int], Program]] = {
    "node_red": node_red,
    "thingsboard_memory": thingsboard("memory"),
    "thingsboard_sqlite": thingsboard("sqlite"),
    "telegraf": telegraf,
    "ekuiper": ekuiper,
}
_KEYS = ("msgs_per_s", "rss_mb", "delivered", "duplicates")


def run(messages: int, away_s: float, only: str | None) -> dict[str, Any]:
    figures: dict[str, Any] = {"peers_messages": messages, "peers_away_s": away_s}
    if only in (None, "ours"):
        say("measuring: ours")
        figures |= ours(messages, away_s)
    with tempfile.TemporaryDirectory(prefix="aircue-peers-") as folder:
        for name, make in PEERS.items():
            if only in (None, name):
                say(f"measuring: {name}")
                figures |= _or_why(name, make, Path(folder), messages, away_s)
    return figures


def _or_why(
    name: str, make: Callable[[Path, int, int], Program], folder: Path, messages: int, away_s: float
) -> dict[str, Any]:
    try:
        found: dict[str, Any] = peer(name, make, folder, messages, away_s)
    except (NotHere, OSError, StopIteration) as error:
        return {f"{name}_{key}": None for key in _KEYS} | {f"{name}_why": str(error) or repr(error)}
    return found


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--away", type=float, default=15.0, metavar="S")
    parser.add_argument("--only", choices=("ours", *PEERS))
    options = parser.parse_args()
    sys.stdout.write(json.dumps(run(options.messages, options.away, options.only)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
