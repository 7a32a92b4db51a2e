"""The real daemon as a process, a small cloud on loopback for it, and a paho-mqtt client as its node."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from tests.gateway.samples import NODE

from aircue_gateway import batch
from aircue_gateway.batch import Batch
from aircue_gateway.report import status
from aircue_node import command_codec, contract

PATIENCE_S = 20.0
NO_RULES: dict[str, Any] = {"version": "0", "rules": []}


class SmallCloud:
    """Takes batches and keeps them. refusals: statuses to answer the next batches with instead."""

    def __init__(self, rules: dict[str, Any] = NO_RULES) -> None:
        self.received: list[bytes] = []
        self.refusals: list[int] = []
        self.rules = rules
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._answer(*cloud.take(self.rfile.read(int(self.headers["Content-Length"]))))

            def do_GET(self) -> None:
                self._answer(200, cloud.rules)

            def _answer(self, code: int, fields: dict[str, Any]) -> None:
                body = json.dumps(fields).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
                """Keeps the test's output its own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        if self.refusals:
            return self.refusals.pop(0), {"title": "No", "detail": "not this one"}
        self.received.append(body)
        return 200, {"batch": batch.decode(body).id, "duplicate": False, "rules": self.rules["version"]}

    @property
    def batches(self) -> list[Batch]:
        """Each once, however often it was sent."""
        return list({one.id: one for one in map(batch.decode, self.received)}.values())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Gateway:
    """`aircue-gateway run` in a folder of the test."""

    def __init__(self, folder: Path, cloud_url: str, port: int, more: str = "", **listener: int) -> None:
        """more: tables for the end of the configuration."""
        self.data_dir = folder / "spool"
        self.port = port
        self.config = folder / "gateway.toml"
        self._log = folder / "gateway.log"
        self.config.write_text(_toml(cloud_url, port, listener) + more)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it listens; an AssertionError shows the log of one that never did."""
        listening = self.log.count("event=listening")
        command = [sys.executable, "-W", "error", "-m", "aircue_gateway", "run", "--config", str(self.config)]
        with self._log.open("ab") as log:
            process = self._process = subprocess.Popen(command, stderr=log)
        eventually(lambda: self.log.count("event=listening") > listening or process.poll() is not None)
        assert process.poll() is None, self.log

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        return self._end(signal.SIGTERM)

    def tell(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def rss_mb(self) -> float:
        assert self._process is not None
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(PATIENCE_S)

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    @property
    def counters(self) -> dict[str, int]:
        found: dict[str, int] = status(self.data_dir)["counters"]
        return found


def _toml(cloud_url: str, port: int, listener: dict[str, int]) -> str:
    more = "\n".join(f"{key} = {value}" for key, value in listener.items())
    return f"""
name = "gw-1"
data_dir = "spool"
[uplink]
url = "{cloud_url}"
key = "gateway-key"
batch_window_s = 3600
[listener]
host = "127.0.0.1"
port = {port}
{more}
[status]
port = 0
[[nodes]]
id = "{NODE.id}"
site = "{NODE.site}"
key = "{NODE.key}"
"""


class PahoNode:
    """A node that trusts PUBACK: paho-mqtt repeats, after every reconnection, what got none. heard: the samples that
    the gateway had in its hands, which is before they are on disk."""

    def __init__(self, port: int) -> None:
        self.acks: list[tuple[int, int]] = []
        self.heard: list[bytes] = []
        self._obey: Callable[[dict[str, Any]], bytes] | None = None
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=NODE.id, clean_session=False)
        self._client.username_pw_set(NODE.id, NODE.key)
        self._client.max_inflight_messages_set(100)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_message = self._told
        self._client.on_publish = self._done
        self._sent = self._finished = 0
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, leaf: str, payload: bytes) -> None:
        self._sent += 1
        self._client.publish(contract.topic(NODE.site, NODE.id, leaf), payload, 1, leaf in ("birth", "status"))

    def obey(self, answer: Callable[[dict[str, Any]], bytes]) -> None:
        """Answers commands from now on with what `answer` makes of their fields."""
        self._obey = answer

    @property
    def unacknowledged(self) -> int:
        return self._sent - self._finished

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: paho.Client, *_: Any) -> None:
        leaves = (contract.ACK, contract.SAMPLES, contract.COMMAND)
        client.subscribe([(contract.topic(NODE.site, NODE.id, leaf), 1) for leaf in leaves])

    def _done(self, *_: Any) -> None:
        self._finished += 1

    def _told(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if message.topic.endswith(contract.ACK):
            self.acks += contract.decode_ack(message.payload)[2]
        elif message.topic.endswith(contract.COMMAND) and self._obey is not None:
            self.publish("reply", self._obey(command_codec.decode_command(message.payload, NODE.key.encode())))
        else:
            self.heard.append(message.payload)


def eventually(holds: Callable[[], bool]) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
