"""A node without settings on the bench, its gateway, and what a phone and a browser with Improv do with it.

Simulated: sensors, radio, the access point (loopback). Real: MicroPython, sockets, the
firmware as a board has it (.mpy).
"""

import asyncio
import http.client
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests import ports
from tests.node.fakes import FakeGateway

from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, SensorRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.radio import Wifi
from aircue_node import command_codec

FIRMWARE = Path(__file__).parents[2] / "firmware"
HOSTILE = '"><script>alert(1)</script>'
STROBE = 15
# The stand-ins for a board's own modules take about 20 KB of it, which a board does not.
HEAP = "256k"
PATIENCE_S = 30


class Page(HTMLParser):
    """What a browser would send for a page's form, if nobody touched it: `fields`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.shown = ""
        self.tags: set[str] = set()
        self._select = ""
        self._chosen = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        if tag == "input":
            self._input(given)
        elif tag == "select":
            self._select = given["name"] or ""
        elif tag == "option":
            self._chosen = "selected" in given or self._select not in self.fields

    def _input(self, given: dict[str, str | None]) -> None:
        if given.get("type") not in ("radio", "checkbox"):
            self.fields[given["name"] or ""] = given.get("value") or ""
        elif "checked" in given:
            self.fields[given["name"] or ""] = given.get("value") or "on"

    def handle_data(self, data: str) -> None:
        self.shown += data
        if self._chosen:
            self.fields[self._select] = data
            self._chosen = False


class Scene:
    """One node in a simulated bathroom with an SHT3x, a BMP280 and an SCD4x; `log` is what it printed."""

    def __init__(self, folder: Path, program: Path, micropython: Path) -> None:
        self.folder, self.program, self.micropython = folder, program, micropython
        self.storage = folder / "storage"
        self.port, self.dns_port = ports.free_port(), ports.free_port()
        self.gateway = FakeGateway()
        fitted = (SensorRow(driver="sht3x"), SensorRow(driver="bmp280"), SensorRow(driver="scd4x"))
        self._row = NodeRow(id="bathroom", air="flat/bathroom", sensors=fitted, strobe_pin=STROBE)

    async def __aenter__(self) -> "Scene":
        await self.gateway.__aenter__()
        self.bench = Bench(
            Config(
                nodes=(self._row,),
                world=World(scale=20),
                gateway=GatewayRow(port=self.gateway.port),
                homes={"flat": HomeRow()},
                wifi=Wifi(join_s=0.05, notice_s=0.5, neighbours=("Café", HOSTILE)),
            )
        )
        await self.bench.start()
        self.storage.mkdir()
        self.put("provisioning.json", {"http_port": self.port, "dns_port": self.dns_port})
        self.node = PoweredNode(self.unix_node(), before_cut=lambda: self.bench.cut_power("bathroom"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.node.power_off()
        await self.bench.stop()
        await self.gateway.__aexit__()

    def unix_node(self) -> UnixNode:
        return UnixNode(
            micropython=[str(self.micropython)],
            program=self.program,
            storage=self.storage,
            environment=self.bench.environment("bathroom"),
            log=self.folder / "node.log",
            heap=HEAP,
        )

    def put(self, name: str, content: object) -> None:
        (self.storage / name).write_text(json.dumps(content))

    def stored(self, name: str = "settings.json") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.storage / name).read_text())
        return found

    def settings(self, **changes: object) -> dict[str, object]:
        """Settings under which the node reaches its gateway."""
        return {
            "site": "home-1",
            "node": "bathroom",
            "key": "the-nodes-key",
            "ssid": self.bench.config.wifi.ssid,
            "wifi_key": self.bench.config.wifi.key,
            "gateway": "127.0.0.1",
            "port": self.bench.node_port("bathroom"),
            "interval_ms": 1000,
            "i2c": [{"id": 0, "scl": 5, "sda": 4}],
            "sensors": [{"driver": "sht3x"}],
        } | changes

    @property
    def log(self) -> str:
        path = self.folder / "node.log"
        return path.read_text() if path.exists() else ""

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 -- what it waits for happens in another process
                await asyncio.sleep(0.02)

    async def being_set_up(self, times: int = 1) -> None:
        """Until the node has served its page anew for so many boots."""
        await self.until(lambda: self.log.count("setup: join the Wi-Fi") >= times)

    async def get(self, path: str = "/", host: str = "") -> tuple[int, dict[str, str], str]:
        return await asyncio.to_thread(self._ask, "GET", path, None, {"Host": host} if host else {})

    async def post(self, fields: dict[str, str]) -> tuple[int, dict[str, str], str]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return await asyncio.to_thread(self._ask, "POST", "/save", urlencode(fields), headers)

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            line.request(method, path, body, headers)
            reply = line.getresponse()
            return reply.status, dict(reply.headers), reply.read().decode()
        finally:
            line.close()

    async def page(self) -> Page:
        status, _, text = await self.get()
        assert status == 200
        return Page(text)

    async def outcome(self) -> str:
        while True:
            _, _, text = await self.get("/result")
            if "http-equiv" not in text:
                return text

    def rest(self) -> dict[str, str]:
        """What a person fills in beside the Wi-Fi."""
        return {
            "gateway": "127.0.0.1",
            "port": str(self.bench.node_port("bathroom")),
            "site": "home-1",
            "node": "bathroom",
            "interval_s": "1",
        }

    async def birth(self, count: int = 1) -> dict[str, Any]:
        """The newest boot's birth, once so many have had theirs; an earlier one's comes again before its backlog."""
        births: dict[int, dict[str, Any]] = {}

        def enough() -> bool:
            births.update({row["b"]: row for row in map(json.loads, self.gateway.of("birth"))})
            return len(births) >= count

        await self.gateway.until(enough)
        return births[max(births)]

    def sequences(self) -> set[int]:
        """The samples that arrived."""
        sent = [json.loads(payload) for payload in self.gateway.of("samples") + self.gateway.of("backlog")]
        return {row["s"] for message in sent for row in message.get("m", [message])}

    async def command(self, number: int, command: str, args: dict[str, Any], key: str = "the-nodes-key") -> str:
        """Sends a signed command; the error of its reply, "" for none."""
        replies = len(self.gateway.of("reply"))
        installation = json.loads(self.gateway.of("birth")[-1])["i"]
        ident = f"{command}-{number}"
        order = command_codec.encode_command(key.encode(), ident, command, args, installation, number)
        self.gateway.send("command", order)
        await self.gateway.until(lambda: len(self.gateway.of("reply")) > replies)
        reply = json.loads(self.gateway.of("reply")[-1])
        assert reply["id"] in (ident, "")
        return str(reply.get("error", ""))


class SerialNode:
    """The same node with its serial line in the test's hands, as a browser with Improv has it."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.heard = b""

    async def __aenter__(self) -> "SerialNode":
        node = self._scene.unix_node()
        self.process = await asyncio.create_subprocess_exec(
            *node.command(),
            cwd=node.storage,
            env=node.variables("power-on"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    async def hear(self, expected: bytes) -> None:
        """Until the node has put this on its line."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while expected not in self.heard:
                data = await self.process.stdout.read(4096)
                assert data, self.heard
                self.heard += data


def play(story: Callable[[Scene], Any], folder: Path, program: Path, micropython: Path) -> None:
    async def run() -> None:
        async with Scene(folder, program, micropython) as scene:
            try:
                await story(scene)
            except BaseException:
                print(scene.log)
                raise

    asyncio.run(run())
