"""The real firmware in MicroPython on the bench: simulated sensors and radio, and a gateway that the test plays.

What crossed the buses, by the bench's own record, is what arrives, or what the loss ledger names.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from tests.node.fakes import AckingGateway

from aircue_hil.backends.places import Place, Powered
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, SensorRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.demo import reckoning
from aircue_hil.radio import Wifi
from aircue_hil.sensors import MODELS
from aircue_node.quantities import QUANTITIES

pytestmark = pytest.mark.hil

MAIN = Path(__file__).parents[2] / "firmware" / "main.py"
STROBE, LINE, ANALOG = 15, 14, 26
ROUNDING = Decimal("0.51")  # of the last digit, as the witness has it: a node rounds in integers, the bench exactly

Rows = dict[int, list[int | None]]
Wire = dict[int, list[Decimal | None]]

SHT4X = (SensorRow(driver="sht4x"),)


class Stage:
    """One node with an SHT4x (or what a test fits) in a simulated bathroom, its bench and its gateway."""

    def __init__(self, place: Place, gateway: AckingGateway, bench: Bench, node: Powered) -> None:
        self.place = place
        self.gateway = gateway
        self.bench = bench
        self.node = node

    async def pass_by(self, seconds: float) -> None:
        """Waits for a stretch of the bench's own time."""
        end = self.bench.now().monotonic + seconds
        left = seconds
        while left > 0:
            await asyncio.sleep(min(left, 0.02))
            left = end - self.bench.now().monotonic

    def arrived(self, boot: int | None = None) -> Rows:
        """Values by sequence, of one boot or of all."""
        found: Rows = {}
        for topic, payload, _ in self.gateway.messages:
            fields = json.loads(payload)
            rows = fields["m"] if topic.endswith("/backlog") else [fields] if topic.endswith("/samples") else []
            if boot is None or fields["b"] == boot:
                found |= {row["s"]: row["v"] for row in rows}
        return found

    def on_the_bus(self) -> Wire:
        """The same from the bench's record, not rounded; without the sample in the making."""
        values: Wire = {}
        last = reckoning.cut(self.bench.witness).get(("bathroom", 1), 0)
        for row in self.bench.witness:
            if row.in_sample and row.sequence <= last:
                scale = QUANTITIES[row.quantity][1]
                values.setdefault(row.sequence, []).append(None if row.value is None else row.value * scale)
        return values


def on_stage(
    tmp_path: Path,
    place: Place,
    journal: int,
    story: Callable[[Stage], Awaitable[None]],
    fitted: tuple[SensorRow, ...] = SHT4X,
    journal_bytes: int = 262144,
) -> None:
    async def play() -> None:
        async with AckingGateway(place.patience_s) as gateway:
            row = NodeRow(id="bathroom", air="flat/bathroom", sensors=fitted, strobe_pin=STROBE)
            config = Config(
                nodes=(row,),
                world=World(scale=place.scale),
                gateway=GatewayRow(port=gateway.port),
                homes={"flat": HomeRow()},
                wifi=Wifi(join_s=0.05, notice_s=0.5),
            )
            bench = place.bench(config)
            await bench.start()
            storage = tmp_path / "storage"
            storage.mkdir()
            given = {**place.settings(bench, "bathroom"), **settings(journal, fitted), "journal_bytes": journal_bytes}
            (storage / "settings.json").write_text(json.dumps(given))
            node = place.node(bench, "bathroom", MAIN, storage, tmp_path / "node.log")
            try:
                await node.power_on()
                await story(Stage(place, gateway, bench, node))
            finally:
                await node.power_off()
                await bench.stop()

    asyncio.run(play())


def settings(journal: int, fitted: tuple[SensorRow, ...]) -> dict[str, object]:
    return {
        "site": "home-1",
        "node": "bathroom",
        "key": "secret",
        "journal_samples": journal,
        "strobe_pin": STROBE,
        "i2c": [{"id": 0, "scl": 5, "sda": 4}],
        "uart": [{"id": 0, "tx": 0, "rx": 1}, {"id": 1, "tx": 8, "rx": 9}],
        "sensors": [setting(row) for row in fitted],
    }


def setting(row: SensorRow) -> dict[str, object]:
    places = {"driver": row.driver, "pin": row.pin, "uart": row.uart, "address": row.address}
    return {key: value for key, value in places.items() if value is not None}


def same(arrived: Sequence[int | None], wire: Sequence[Decimal | None]) -> bool:
    """Whether these are the wire's values, rounded; a gap on the wire is a gap."""
    return len(arrived) == len(wire) and all(
        one is other if one is None or other is None else abs(one - other) <= ROUNDING
        for one, other in zip(arrived, wire, strict=True)
    )


def different(arrived: Mapping[int, Sequence[int | None]], wire: Wire) -> dict[int, tuple[object, object]]:
    """By sequence: what arrived, and what was on the wire."""
    return {n: (arrived[n], values) for n, values in wire.items() if not same(arrived[n], values)}


async def all_of_the_bus_arrived(stage: Stage) -> Wire:
    """What was on the bus until now, once every sample of it is at the gateway."""
    expected = stage.on_the_bus()
    await stage.gateway.until(lambda: expected.keys() <= stage.arrived().keys())
    return expected


@pytest.mark.pico_w
def test_what_crosses_the_bus_arrives_with_its_value_and_time(tmp_path: Path, backend: Place) -> None:
    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: len(stage.arrived()) >= stage.place.many)
        expected = await all_of_the_bus_arrived(stage)
        assert not different(stage.arrived(), expected)
        assert all(json.loads(payload)["t"] > 0 for payload in stage.gateway.of("samples"))
        assert stage.node.running

    on_stage(tmp_path, backend, 200, story)


@pytest.mark.pico_w
def test_an_outage_of_the_radio_loses_nothing(tmp_path: Path, backend: Place) -> None:
    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: len(stage.arrived()) >= stage.place.many // 4)
        stage.bench.cut_wifi()
        await stage.pass_by(stage.place.outage_s)
        stage.bench.restore_wifi()
        before = len(stage.gateway.connects)
        await stage.gateway.until(lambda: len(stage.gateway.connects) > before)
        expected = await all_of_the_bus_arrived(stage)
        assert not different(stage.arrived(), expected)
        assert len(stage.gateway.of("backlog")) > 0

    on_stage(tmp_path, backend, 200, story)


@pytest.mark.pico_w
def test_a_power_cut_takes_nothing_that_was_in_flash(tmp_path: Path, backend: Place) -> None:
    """Nobody acknowledges, so the journal goes to flash but for what still fits into memory; the next boot sends it."""
    depth = 12

    async def story(stage: Stage) -> None:
        stage.gateway.silent = True
        await stage.gateway.until(lambda: len(stage.on_the_bus()) >= 2 * depth)
        await stage.node.power_off()
        taken = stage.on_the_bus()
        stage.gateway.silent = False
        stage.gateway.messages.clear()
        await stage.node.power_on()
        await stage.gateway.until(lambda: len(stage.arrived(boot=1)) >= len(taken) - depth)
        kept = stage.arrived(boot=1)
        assert kept.keys() == set(range(1, len(kept) + 1))
        assert not different(kept, {sequence: taken[sequence] for sequence in kept})

    on_stage(tmp_path, backend, depth, story)


def test_a_full_journal_names_what_it_dropped_and_delivers_the_rest(tmp_path: Path, backend: Place) -> None:
    """Without flash, the gateway silent for longer than the journal is deep: nothing else is lost, memory suffices."""

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
        assert not different(stage.arrived(), {n: row for n, row in expected.items() if n not in dropped})

    on_stage(tmp_path, backend, 50, story, journal_bytes=0)


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
        SensorRow(driver="mhz19", uart=0),
        SensorRow(driver="pms5003", uart=1),
    ),
    "sht3x at its second address and pms7003": (
        SensorRow(driver="sht3x", address=0x45),
        SensorRow(driver="pms7003", uart=0),
    ),
    "bmp280 and mq135": (SensorRow(driver="bmp280"), SensorRow(driver="mq135", pin=ANALOG)),
    "dht11": (SensorRow(driver="dht11", pin=LINE),),
    "scd4x and nothing else": (SensorRow(driver="scd4x"),),
    "dht22": (SensorRow(driver="dht22", pin=LINE),),
}


@pytest.mark.pico_w
@pytest.mark.parametrize("fitted", FITTED.values(), ids=FITTED)
def test_every_other_sensor_is_read_as_it_speaks(tmp_path: Path, backend: Place, fitted: tuple[SensorRow, ...]) -> None:
    """Simulated sensors, the real drivers in MicroPython: what the wires carried is what arrives, warm-up included."""
    width = sum(len(MODELS[row.driver].quantities) for row in fitted)

    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: len([1 for row in stage.arrived().values() if None not in row]) >= 8)
        expected = await all_of_the_bus_arrived(stage)
        arrived = stage.arrived()
        whole = {n: values for n, values in expected.items() if len(values) == width}
        assert len(whole) >= 5
        assert not different(arrived, whole)
        assert all(None in arrived[n] for n, values in expected.items() if len(values) < width)

    on_stage(tmp_path, backend, 200, story, fitted)
