"""The VOC index and the SGP40's driver in MicroPython: the index against Sensirion's library, the node on the bench."""

import asyncio
import json
import random
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest
from sensirion_gas_index_algorithm.voc_algorithm import VocAlgorithm
from tests.hil.test_node_on_bench import STROBE, Stage, all_of_the_bus_arrived
from tests.node.fakes import AckingGateway

from aircue_hil.backends.places import UnixPlace
from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, SensorRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.faults import Fault
from aircue_hil.radio import Wifi

pytestmark = pytest.mark.hil

FIRMWARE = Path(__file__).parents[2] / "firmware"
SCALE = 600  # a second of the sensor lasts as long as MicroPython takes to ask it, a few ms

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from aircue_node.sensors.voc_index import VocIndex
index = VocIndex()
with open(sys.argv[2]) as file:
    for line in file:
        print(index.update(int(line)))
"""


def test_the_index_in_micropython_is_that_of_the_published_algorithm(tmp_path: Path, micropython: Path) -> None:
    rng, level, raws = random.Random(1), 30_000.0, []
    for second in range(3 * 3600):
        level += rng.gauss(0.0, 5.0) - (2_000.0 if second == 5_000 else 0.0)
        raws.append(round(level))
    (tmp_path / "raw.txt").write_text("\n".join(map(str, raws)))
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [micropython, "-X", "heapsize=160k", tmp_path / "script.py", FIRMWARE, tmp_path / "raw.txt"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    published = VocAlgorithm()
    differ = [abs(int(index) - published.process(raw)) for index, raw in zip(printed, raws, strict=True)]
    assert max(differ) <= 1


def test_a_node_publishes_the_index_of_what_crossed_the_bus_and_frees_a_held_bus(
    tmp_path: Path, micropython: Path
) -> None:
    """Simulated sensors on one bus, which one of them holds low for good in the middle of it."""

    async def story(stage: Stage) -> None:
        await stage.gateway.until(lambda: "freed" in stage.node.node.log.read_text())
        before = len(complete(stage))
        await stage.gateway.until(lambda: len(complete(stage)) >= before + 10)
        expected = await all_of_the_bus_arrived(stage)
        arrived = stage.arrived()
        whole = [n for n, values in expected.items() if len(values) == 3 and None not in values + arrived[n]]
        assert len(whole) >= 5
        for sequence in whole:
            assert arrived[sequence] == pytest.approx(expected[sequence], abs=Decimal("1.01"))

    stuck = Fault(at_s=600.0, for_s=10_000.0, what="stuck-bus", sensor="sht4x", clock="world")
    asyncio.run(play(tmp_path, micropython, stuck, story))


def complete(stage: Stage) -> list[list[int | None]]:
    return [row for row in stage.arrived().values() if None not in row]


async def play(tmp_path: Path, micropython: Path, fault: Fault, story: object) -> None:
    fitted = (SensorRow(driver="sht4x"), SensorRow(driver="sgp40"))
    async with AckingGateway() as gateway:
        bench = Bench(
            Config(
                nodes=(NodeRow(id="bathroom", air="flat/bathroom", sensors=fitted, strobe_pin=STROBE),),
                world=World(scale=SCALE),
                gateway=GatewayRow(port=gateway.port),
                homes={"flat": HomeRow()},
                wifi=Wifi(join_s=0.05, notice_s=0.5),
                faults=(fault,),
            )
        )
        await bench.start()
        (tmp_path / "settings.json").write_text(json.dumps(settings(bench)))
        node = PoweredNode(
            UnixNode(
                micropython=[str(micropython)],
                program=FIRMWARE / "main.py",
                storage=tmp_path,
                environment=bench.environment("bathroom"),
                log=tmp_path / "node.log",
                heap="256k",
            )
        )
        try:
            await node.power_on()
            await story(Stage(UnixPlace(micropython, scale=1), gateway, bench, node))  # type: ignore[operator]  # a coroutine function
        finally:
            await node.power_off()
            await bench.stop()


def settings(bench: Bench) -> dict[str, object]:
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
        "strobe_pin": STROBE,
        "i2c": [{"id": 0, "scl": 5, "sda": 4}],
        "sensors": [{"driver": "sht4x"}, {"driver": "sgp40"}],
    }
