"""The real firmware in MicroPython on the bench: simulated sensors and radio, and a gateway that the test plays.

What crossed the buses, by the bench's own record, is what arrives, or what the loss ledger names.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.node.fakes import AckingGateway

from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, SensorRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.demo import reckoning
from aircue_hil.radio import Wifi
from aircue_hil.sensors import MODELS
from aircue_node.contract import QUANTITIES

pytestmark = pytest.mark.hil

MAIN = Path(__file__).parents[2] / "firmware" / "main.py"
STROBE = 15
SCALE = 600  # a sample of the 30 s interval every 50 ms


SHT4X = (SensorRow(driver="sht4x"),)


class Stage:
    """One node with an SHT4x (or what a test fits) in a simulated bathroom, its bench and its gateway."""

    def __init__(self, gateway: AckingGateway, bench: Bench, node: PoweredNode) -> None:
        self.gateway = gateway
        self.bench = bench
        self.node = node

    def arrived(self) -> dict[int, list[int | None]]:
        """Values by sequence."""
        found = {}
        for topic, payload, _ in self.gateway.messages:
            fields = json.loads(payload)
            rows = fields["m"] if topic.endswith("/backlog") else [fields] if topic.endswith("/samples") else []
            found |= {row["s"]: row["v"] for row in rows}
        return found

    def on_the_bus(self) -> dict[int, list[int | None]]:
        """The same from the bench's record, in the wire's scales; without the sample in the making."""
        values: dict[int, list[int | None]] = {}
        last = reckoning.cut(self.bench.witness).get(("bathroom", 1), 0)
        for row in self.bench.witness:
            if row.in_sample and row.sequence <= last:
                scale = QUANTITIES[row.quantity][1]
                values.setdefault(row.sequence, []).append(None if row.value is None else round(row.value * scale))
        return values


def on_stage(
    tmp_path: Path,
    micropython: Path,
    journal: int,
    story: Callable[[Stage], Awaitable[None]],
    fitted: tuple[SensorRow, ...] = SHT4X,
) -> None:
    async def play() -> None:
        async with AckingGateway() as gateway:
            row = NodeRow(id="bathroom", air="flat/bathroom", sensors=fitted, strobe_pin=STROBE)
            config = Config(
                nodes=(row,),
                world=World(scale=SCALE),
                gateway=GatewayRow(port=gateway.port),
                homes={"flat": HomeRow()},
                wifi=Wifi(join_s=0.05, notice_s=0.5),
            )
            bench = Bench(config)
            await bench.start()
            (tmp_path / "settings.json").write_text(json.dumps(settings(bench, journal, fitted)))
            node = PoweredNode(
                UnixNode(
                    micropython=[str(micropython)],
                    program=MAIN,
                    storage=tmp_path,
                    environment=bench.environment("bathroom"),
                    log=tmp_path / "node.log",
                    heap="200k",
                )
            )
            try:
                await node.power_on()
                await story(Stage(gateway, bench, node))
            finally:
                await node.power_off()
                await bench.stop()

    asyncio.run(play())


def settings(bench: Bench, journal: int, fitted: tuple[SensorRow, ...]) -> dict[str, object]:
    wifi = bench.config.wifi
    return {
        "site": "home-1",
        "node": "bathroom",
        "key": "secret",
        "ssid": wifi.ssid,
        "wifi_key": wifi.key,
        "gateway": "127.0.0.1",
        "port": bench.node_port("bathroom"),
        "time_scale": SCALE,
        "journal_samples": journal,
        "backlog_pause_ms": 10,
        "strobe_pin": STROBE,
        "i2c": [{"id": 0, "scl": 5, "sda": 4}],
        "uart": [{"id": 1, "tx": 8, "rx": 9}, {"id": 2, "tx": 17, "rx": 16}],
        "sensors": [setting(row) for row in fitted],
    }


def setting(row: SensorRow) -> dict[str, object]:
    places = {"driver": row.driver, "pin": row.pin, "uart": row.uart, "address": row.address}
    return {key: value for key, value in places.items() if value is not None}


async def all_of_the_bus_arrived(stage: Stage) -> dict[int, list[int | None]]:
    """What was on the bus until now, once every sample of it is at the gateway."""
    expected = stage.on_the_bus()
    await stage.gateway.until(lambda: expected.keys() <= stage.arrived().keys())
    return expected


def test_what_crosses_the_bus_arrives_with_its_value_and_time(tmp_path: Path, micropython: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: len(stage.arrived()) >= 40)
        expected = await all_of_the_bus_arrived(stage)
        arrived = stage.arrived()
        assert {sequence: arrived[sequence] for sequence in expected} == expected
        assert all(json.loads(payload)["t"] > 0 for payload in stage.gateway.of("samples"))
        assert stage.node.running

    on_stage(tmp_path, micropython, 200, story)


def test_an_outage_of_the_radio_loses_nothing(tmp_path: Path, micropython: Path) -> None:
    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: len(stage.arrived()) >= 10)
        stage.bench.cut_wifi()
        await asyncio.sleep(1.5)
        stage.bench.restore_wifi()
        before = len(stage.gateway.connects)
        await stage.gateway.until(lambda: len(stage.gateway.connects) > before)
        expected = await all_of_the_bus_arrived(stage)
        arrived = stage.arrived()
        assert {sequence: arrived[sequence] for sequence in expected} == expected
        assert len(stage.gateway.of("backlog")) > 0

    on_stage(tmp_path, micropython, 200, story)


def test_a_full_journal_names_what_it_dropped_and_delivers_the_rest(tmp_path: Path, micropython: Path) -> None:
    """The gateway is silent for longer than the journal is deep; nothing else is lost, and memory suffices."""

    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: len(stage.arrived()) >= 5)
        stage.gateway.silent = True
        silent_from = max(stage.on_the_bus())
        stage.gateway.drop()
        await stage.gateway.until(lambda: len(stage.on_the_bus()) >= silent_from + 120)
        stage.gateway.silent = False
        expected = stage.on_the_bus()
        dropped: set[int] = set()
        await stage.gateway.until(lambda: expected.keys() <= stage.arrived().keys() | declared(stage, dropped))
        assert dropped
        assert not dropped & stage.arrived().keys()
        assert all(stage.arrived()[n] == value for n, value in expected.items() if n not in dropped)

    on_stage(tmp_path, micropython, 50, story)


def declared(stage: Stage, dropped: set[int]) -> set[int]:
    """Sequences that the ledger in a birth or a status names."""
    for payload in stage.gateway.of("birth") + stage.gateway.of("status"):
        for _, first, last, _ in json.loads(payload)["loss"]:
            dropped |= set(range(first, last + 1))
    return dropped


# What one node measures beside each other without two sensors giving the same quantity.
FITTED = {
    "bme280, mhz19 and pms5003": (
        SensorRow(driver="bme280"),
        SensorRow(driver="mhz19", uart=1),
        SensorRow(driver="pms5003", uart=2),
    ),
    "sht3x at its second address and pms7003": (
        SensorRow(driver="sht3x", address=0x45),
        SensorRow(driver="pms7003", uart=1),
    ),
    "bmp280 and mq135": (SensorRow(driver="bmp280"), SensorRow(driver="mq135", pin=26)),
    "dht11": (SensorRow(driver="dht11", pin=4),),
}


@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_every_other_sensor_is_read_as_it_speaks(
    tmp_path: Path, micropython: Path, fitted: tuple[SensorRow, ...]
) -> None:
    """Simulated sensors, the real drivers in MicroPython: what the wires carried is what arrives, warm-up included."""
    width = sum(len(MODELS[row.driver].quantities) for row in fitted)

    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: len([1 for row in stage.arrived().values() if None not in row]) >= 10)
        expected = await all_of_the_bus_arrived(stage)
        arrived = stage.arrived()
        whole = [n for n, values in expected.items() if len(values) == width]
        assert len(whole) >= 5
        for sequence in whole:
            assert arrived[sequence] == pytest.approx(expected[sequence], abs=1.01)
        assert all(None in arrived[n] for n, values in expected.items() if len(values) < width)

    on_stage(tmp_path, micropython, 200, story, fitted)
