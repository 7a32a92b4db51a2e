"""The node's link in real MicroPython on the bench: watchdog, TLS, a hostile broker, Home Assistant; simulated sensor,
radio and watchdog, real program and sockets."""

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.hil.programs import update_image
from tests.hil.stage import SCALE, settings_on_unix
from tests.hil.test_node_on_bench import SHT4X, STROBE
from tests.node.certificates import Authority
from tests.node.fakes import AckingGateway
from tests.node.test_client import UNASKED

from aircue_gateway.intakes import mqtt_server
from aircue_hil.backends.unix import EXIT_RESET, EXIT_WATCHDOG, PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import Config, Gateway, HomeRow, NodeRow, World
from aircue_hil.radio import Wifi
from aircue_node import contract, mqtt

pytestmark = pytest.mark.hil

FIRMWARE = Path(__file__).parents[2] / "firmware"
SMALL_HEAP = "256k"
PROGRAM = Path(__file__).parent / "programs" / "node_with_limits.py"
JOURNAL, INTERVAL_MS = 120, 180_000  # a sample each 0.3 s
DAY = timedelta(days=1)
QUICK = {"watchdog_s": 3, "interval_ms": INTERVAL_MS}
OURS, THEIRS = Authority("ours"), Authority("theirs")


class Broker(AckingGateway):
    """Takes each connection, then says the next of its lines once the node has subscribed; at last it behaves."""

    def __init__(self, tls: ssl.SSLContext | None = None, lines: tuple[bytes, ...] = ()) -> None:
        super().__init__()
        self.tls = tls
        self.lines = lines

    def _answer(self, writer: asyncio.StreamWriter, kind: int, flags: int, body: bytes) -> None:
        if kind == mqtt.SUBSCRIBE and len(self.connects) <= len(self.lines):
            packet_id, filters = mqtt_server.parse_subscribe(body)
            writer.write(mqtt_server.suback(packet_id, [1] * len(filters)) + self.lines[len(self.connects) - 1])
        else:
            super()._answer(writer, kind, flags, body)

    def births(self) -> list[dict[str, object]]:
        return [json.loads(payload) for payload in self.of("birth")]

    @property
    def free(self) -> list[int]:
        return [int(str(status["free"])) for status in self.statuses()]

    def statuses(self) -> list[dict[str, object]]:
        return [json.loads(payload) for payload in self.of("status")]

    def sequences(self) -> set[int]:
        """Of the first boot."""
        live = [json.loads(payload) for payload in self.of("samples")]
        late = [json.loads(payload) for payload in self.of("backlog")]
        rows = [(row["b"], row["s"]) for row in live] + [(one["b"], row["s"]) for one in late for row in one["m"]]
        return {sequence for boot, sequence in rows if boot == 1}


Story = Callable[[Broker, PoweredNode, Bench], Awaitable[None]]


class Stage:
    """tmp_path is the node's storage; heap a true cap."""

    def __init__(self, tmp_path: Path, micropython: Path, firmware: Path) -> None:
        self.storage = tmp_path
        self._firmware = firmware
        self._micropython = micropython

    @property
    def printed(self) -> str:
        return (self.storage / "node.log").read_text()

    def play(
        self,
        story: Story,
        given: dict[str, object] | None = None,
        hangs: str = "",
        tls: ssl.SSLContext | None = None,
        lines: tuple[bytes, ...] = (),
        heap: str = SMALL_HEAP,
    ) -> None:
        asyncio.run(self._play(story, {**QUICK, **(given or {})}, hangs, Broker(tls, lines), heap))

    async def _play(self, story: Story, given: dict[str, object], hangs: str, broker: Broker, heap: str) -> None:
        async with broker as gateway:
            row = NodeRow(id="bathroom", air="flat/bathroom", sensors=SHT4X, strobe_pin=STROBE)
            config = Config(
                nodes=(row,),
                world=World(scale=SCALE),
                gateway=Gateway(port=gateway.port),
                homes={"flat": HomeRow()},
                wifi=Wifi(join_s=0.05, notice_s=0.5, scan_s=0.3),
            )
            bench = Bench(config)
            await bench.start()
            (self.storage / "settings.json").write_text(
                json.dumps({**settings_on_unix(bench, JOURNAL, SHT4X), **given})
            )
            node = PoweredNode(self._node(bench, hangs, heap))
            try:
                await node.power_on()
                await story(gateway, node, bench)
            finally:
                await node.power_off()
                await bench.stop()

    def _node(self, bench: Bench, hangs: str, heap: str) -> UnixNode:
        return UnixNode(
            micropython=[str(self._micropython)],
            program=PROGRAM,
            storage=self.storage,
            environment={**bench.environment("bathroom"), "FIRMWARE": str(self._firmware), "HANGS": hangs},
            log=self.storage / "node.log",
            heap=heap,
        )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as a board has it, but with its private constants as names, which node_with_limits.py changes."""
    folder = tmp_path_factory.mktemp("compiled")
    for file in update_image.build("0.1.0").files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    return folder


@pytest.fixture
def stage(tmp_path: Path, micropython: Path, compiled: Path) -> Stage:
    return Stage(tmp_path, micropython, compiled)


@pytest.mark.parametrize("hangs", ["sampler", "uplink", "loop"])
def test_a_task_that_hangs_ends_in_a_watchdog_reset_that_the_next_birth_reports(stage: Stage, hangs: str) -> None:
    async def story(gateway: Broker, node: PoweredNode, _: Bench) -> None:
        await gateway.until(lambda: any(birth["b"] == 2 for birth in gateway.births()))
        births = {birth["b"]: birth["reset"] for birth in gateway.births()}
        assert births == {1: "power-on", 2: "watchdog"}
        assert node.exit_codes == [EXIT_WATCHDOG]

    stage.play(story, hangs=hangs)
    if hangs != "loop":
        assert re.search(f"watchdog: not heard of:.*{hangs}", stage.printed)


def test_a_program_that_fails_is_reset_and_the_next_birth_says_so(stage: Stage) -> None:
    """The hardware's own cause would not tell it from any other reset."""

    async def story(gateway: Broker, node: PoweredNode, _: Bench) -> None:
        await gateway.until(lambda: any(birth["b"] == 2 for birth in gateway.births()))
        assert {birth["b"]: birth["reset"] for birth in gateway.births()} == {1: "power-on", 2: "failure"}
        assert node.exit_codes == [EXIT_RESET]
        assert not (stage.storage / "reset").exists()

    stage.play(story, hangs="error")
    assert "RuntimeError: a defect" in stage.printed


@pytest.mark.parametrize("outage", ["refuses", "answers nothing", "no Wi-Fi"])
def test_an_outage_longer_than_every_allowance_resets_nothing_and_loses_nothing(stage: Stage, outage: str) -> None:
    """The uplink's allowance is 12 s here and the watchdog bites after 3 s; the outage lasts for 16 s."""

    async def story(gateway: Broker, node: PoweredNode, bench: Bench) -> None:
        await gateway.until(lambda: len(gateway.sequences()) >= 3)
        if outage == "refuses":
            await gateway.vanish()
        elif outage == "no Wi-Fi":
            bench.cut_wifi()
        else:
            gateway.silent = True
        await asyncio.sleep(16)
        assert node.exit_codes == []
        if outage == "refuses":
            await gateway.listen(gateway.port)
        gateway.silent = False
        bench.restore_wifi()
        taken = bench.witness[-1].sequence - 1
        await gateway.until(lambda: set(range(1, taken + 1)) <= gateway.sequences())
        assert {birth["b"] for birth in gateway.births()} == {1}

    stage.play(story)


def test_with_tls_the_cas_gateway_is_trusted(stage: Stage) -> None:
    (stage.storage / "ca.pem").write_bytes(OURS.pem)

    async def story(gateway: Broker, node: PoweredNode, _: Bench) -> None:
        await gateway.until(lambda: len(gateway.sequences()) >= 5)
        await gateway.until(lambda: len(gateway.statuses()) > 0)
        assert "refused" not in gateway.statuses()[0]

    stage.play(story, {"tls": True, "ca": "ca.pem"}, tls=OURS.server(stage.storage))


@pytest.mark.parametrize(
    ("authority", "options", "named"),
    [
        (THEIRS, {}, "not correctly signed by the trusted CA"),
        (OURS, {"address": "127.0.0.9"}, "does not match with the expected CN"),
        (OURS, {"since": -3 * DAY, "until": -DAY}, "validity has expired"),
        (OURS, {"since": DAY, "until": 3 * DAY}, "validity starts in the future"),
    ],
    ids=["another CA", "another address", "expired", "not valid yet, as before the time is known"],
)
def test_another_certificate_is_refused_sampling_goes_on_and_the_status_says_why(
    stage: Stage, authority: Authority, options: dict[str, object], named: str
) -> None:
    (stage.storage / "ca.der").write_bytes(OURS.der)
    right, wrong = OURS.server(stage.storage), authority.server(stage.storage, **options)  # type: ignore[arg-type]

    async def story(gateway: Broker, node: PoweredNode, bench: Bench) -> None:
        await gateway.until(lambda: stage.printed.count("certificate of") >= 3)
        taken = bench.witness[-1].sequence
        await gateway.until(lambda: bench.witness[-1].sequence >= taken + 10)
        assert gateway.connects == []
        await gateway.vanish()
        gateway.tls = right
        await gateway.listen(gateway.port)
        await gateway.until(lambda: len(gateway.statuses()) > 0)
        status = gateway.statuses()[0]
        assert named in str(status["refused"])
        assert int(str(status["refusals"])) >= 3
        await gateway.until(lambda: set(range(1, taken + 11)) <= gateway.sequences())
        assert node.exit_codes == []

    stage.play(story, {"tls": True, "ca": "ca.der"}, tls=wrong)


HOSTILE = (
    *[packet for packet, _ in UNASKED.values()],
    b"".join(mqtt.publish(contract.topic("home-1", "bathroom", "command"), b"{}") for _ in range(40)),
    b"".join(mqtt.publish("elsewhere", bytes(200)) for _ in range(2000)),
    b"\x30\xff\x1f" + bytes(4094) + b"\xf0",
)


def test_a_hostile_broker_ends_sessions_not_the_sampling_in_a_small_heap(stage: Stage) -> None:
    """Every sample from the first on arrives once the broker behaves, and the status names the last refusal."""

    async def story(gateway: Broker, node: PoweredNode, bench: Bench) -> None:
        await gateway.until(lambda: len(gateway.statuses()) > 0 and len(gateway.connects) > len(HOSTILE))
        await gateway.until(lambda: gateway.statuses()[-1].get("refusals") == len(HOSTILE))
        status = gateway.statuses()[-1]
        print("free heap, by status:", gateway.free)
        assert "empty topic" in str(status["refused"]) or "memory" in str(status["refused"])
        taken = bench.witness[-1].sequence
        await gateway.until(lambda: set(range(1, taken)) <= gateway.sequences())
        assert node.exit_codes == []

    stage.play(story, {"status_s": 1}, lines=HOSTILE)


def test_a_packet_that_never_ends_ends_the_session(stage: Stage) -> None:
    """As silence; or for want of memory, where its 4 KB found no room in a small heap that is in pieces."""

    async def story(gateway: Broker, node: PoweredNode, bench: Bench) -> None:
        await gateway.until(lambda: len(gateway.connects) > 1)
        assert "the gateway is silent" in stage.printed or "out of memory" in stage.printed
        taken = bench.witness[-1].sequence
        await gateway.until(lambda: set(range(1, taken)) <= gateway.sequences())
        assert node.exit_codes == []

    stage.play(story, lines=(b"\x30\xff\x1f" + bytes(100),))


def test_home_assistant_is_told_of_every_sensor(stage: Stage) -> None:
    async def story(gateway: Broker, node: PoweredNode, _: Bench) -> None:
        await gateway.until(lambda: len(gateway.of("config")) == 1)
        gateway.tell("homeassistant/status", b"online")
        await gateway.until(lambda: len(gateway.of("config")) == 2)
        [device, again] = map(json.loads, gateway.of("config"))
        assert device == again
        assert device["cmps"].keys() == {"temperature", "humidity"}
        assert device["cmps"]["humidity"]["unit_of_meas"] == "%"

    stage.play(story, {"discovery": True})
