"""The real firmware in MicroPython over a simulated USB cable, and the real gateway at the other end.

Simulated sensors and cable; firmware, ttys, gateway and its disk are real. What crossed the buses, by the bench's own
record, is in the gateway's batches, each sample once.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.gateway.processes import Gateway, SmallCloud
from tests.gateway.samples import NODE
from tests.hil.compiled import compile_firmware

from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.cable import Cable
from aircue_hil.config import Config, HomeRow, NodeRow, SensorRow, World
from aircue_hil.demo import reckoning
from aircue_node.quantities import QUANTITIES

pytestmark = [pytest.mark.hil, pytest.mark.usefixtures("pseudo_terminals")]

STROBE = 15
SCALE = 600  # a sample of the 30 s interval every 50 ms
PATIENCE_S = 40


class Stage:
    def __init__(self, bench: Bench, cable: Cable, node: PoweredNode, gateway: Gateway) -> None:
        self.bench = bench
        self.cable = cable
        self.node = node
        self.gateway = gateway

    def on_the_bus(self) -> dict[int, list[int]]:
        """Values by sequence from the bench's record, in the wire's scales; without the sample in the making."""
        last = reckoning.cut(self.bench.witness).get((NODE.id, 1), 0)
        values: dict[int, list[int]] = {}
        for row in self.bench.witness:
            if row.in_sample and row.sequence <= last and row.value is not None:
                values.setdefault(row.sequence, []).append(round(row.value * QUANTITIES[row.quantity][1]))
        return values

    def stored(self) -> int:
        return self.gateway.counters.get("samples_stored", 0)

    async def more(self, samples: int) -> None:
        """Until the gateway has stored that many more, all new ones included."""
        enough = len(self.on_the_bus()) + samples
        await until(lambda: self.stored() >= enough)

    async def stop_gateway(self) -> None:
        await asyncio.to_thread(self.gateway.stop)

    async def start_gateway(self) -> None:
        await asyncio.to_thread(self.gateway.start)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 -- what it waits for happens in other processes
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def main(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_firmware(tmp_path_factory.mktemp("board"))


@pytest.fixture
def cloud() -> Iterator[SmallCloud]:
    one = SmallCloud()
    yield one
    one.close()


def on_stage(
    folder: Path, micropython: Path, main: Path, cloud: SmallCloud, port: int, story: Callable[[Stage], Awaitable[None]]
) -> None:
    gateway = Gateway(folder, cloud.url, port, commit_window_ms=200)
    path = folder / "ttyACM0"
    with (folder / "gateway.toml").open("a") as file:
        file.write(f'[[serial]]\npath = "{path}"\nnode = "{NODE.id}"\n')
    storage = folder / "storage"
    storage.mkdir()
    (storage / "settings.json").write_text(json.dumps(SETTINGS))

    async def play() -> None:
        row = NodeRow(id=NODE.id, air="flat/bathroom", sensors=(SensorRow(driver="sht4x"),), strobe_pin=STROBE)
        bench = Bench(Config(nodes=(row,), world=World(scale=SCALE), homes={"flat": HomeRow()}))
        await bench.start()
        cable = Cable(path, folder / "node.log")
        unix = UnixNode(
            micropython=[str(micropython)],
            program=main,
            storage=storage,
            environment=bench.environment(NODE.id),
            log=folder / "node.log",
            heap="256k",
            console=cable.node_end,
        )
        node = PoweredNode(unix)
        stage = Stage(bench, cable, node, gateway)
        try:
            await stage.start_gateway()
            await node.power_on()
            await story(stage)
        finally:
            await node.power_off()
            await bench.stop()
            cable.close()
            await asyncio.to_thread(gateway.kill)

    asyncio.run(play())


SETTINGS = {
    "site": NODE.site,
    "node": NODE.id,
    "key": NODE.key,
    "uplink": "serial",
    "time_scale": SCALE,
    "journal_samples": 200,
    "backlog_pause_ms": 10,
    "strobe_pin": STROBE,
    "i2c": [{"id": 0, "scl": 5, "sda": 4}],
    "sensors": [{"driver": "sht4x"}],
}


def values(cloud: SmallCloud) -> dict[int, list[int | None]]:
    """By sequence; fails where a sample is there twice."""
    samples = [one for sent in cloud.batches for group in sent.groups for one in group.samples]
    found = {one.sequence: list(one.values) for one in samples}
    assert len(found) == len(samples)
    return found


def test_nothing_is_lost_or_doubled_when_the_cable_is_pulled_and_the_gateway_killed(
    tmp_path: Path, micropython: Path, main: Path, cloud: SmallCloud, free_port: int
) -> None:
    async def story(stage: Stage) -> None:
        await until(lambda: len(stage.on_the_bus()) >= 20)
        assert stage.stored() == 0
        stage.cable.plug()
        await stage.more(10)
        for _ in range(2):
            stage.cable.unplug()
            await until(partial(_grown, stage, len(stage.on_the_bus()) + 20))
            stage.cable.plug()
            await stage.more(10)
        stage.gateway.kill()
        await until(partial(_grown, stage, len(stage.on_the_bus()) + 20))
        await stage.start_gateway()
        await stage.more(10)
        stage.gateway.kill()
        stage.cable.unplug()
        await stage.start_gateway()
        stage.cable.plug()
        await stage.more(10)
        expected = stage.on_the_bus()
        await until(lambda: stage.stored() >= len(expected))
        assert stage.node.running
        await stage.stop_gateway()
        await stage.start_gateway()
        await until(lambda: expected.keys() <= values(cloud).keys())
        arrived = values(cloud)
        for sequence, measured in expected.items():
            assert arrived[sequence] == pytest.approx(measured, abs=1), sequence
        assert "event=node_left" in stage.gateway.log
        assert stage.gateway.counters.get("dead_letters", 0) == 0

    on_stage(tmp_path, micropython, main, cloud, free_port, story)


def _grown(stage: Stage, samples: int) -> bool:
    return len(stage.on_the_bus()) >= samples
