"""The real firmware in MicroPython, asleep between samples, and the real gateway.

Simulated: sensors, radio, deep sleep and the RTC's memory. Real: firmware, sockets, gateway and its disk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from tests.gateway.processes import Gateway, SmallCloud
from tests.gateway.samples import NODE
from tests.hil import gateway_stage
from tests.hil.gateway_stage import Stage, until

from aircue_gateway.batch import Sample
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.radio import Wifi
from aircue_hil.transactions import Transaction
from aircue_node import battery
from aircue_node.quantities import QUANTITIES

pytestmark = pytest.mark.hil

SCALE = 240
INTERVAL_MS = 30_000  # 0.125 s of ours
BATCH = 5
Key = tuple[int, int]  # boot, sequence


class Battery(Stage):
    """The node sleeps between samples. cloud: what the gateway sent on."""

    def __init__(self, cloud: SmallCloud, *places: Any, **options: Any) -> None:
        super().__init__(*places, **options)
        self.cloud = cloud

    def on_the_bus(self) -> dict[Key, list[Transaction]]:
        """What was measured, by the bench's record; without the sample in the making."""
        found: dict[Key, list[Transaction]] = {}
        for row in list(self.bench.witness):
            if row.in_sample and row.value is not None:
                found.setdefault((row.boot, row.sequence), []).append(row)
        return dict(list(found.items())[:-1])

    async def restart_gateway(self) -> None:
        """Whereupon everything stored is in the cloud."""
        assert await asyncio.to_thread(self.gateway.stop) == 0
        await asyncio.to_thread(self.gateway.start)

    def declared(self) -> set[Key]:
        """What a loss ledger names."""
        rows = [loss for sent in self.cloud.batches for loss in sent.losses]
        return {(row.boot, sequence) for row in rows for sequence in range(row.first, row.last + 1)}

    def arrived(self) -> dict[Key, Sample]:
        """Fails where a sample is there twice."""
        rows = [
            ((group.boot, one.sequence), one)
            for sent in self.cloud.batches
            for group in sent.groups
            for one in group.samples
        ]
        assert len(dict(rows)) == len(rows)
        return dict(rows)


def wire(rows: list[Transaction]) -> list[int]:
    return [round((row.value or 0) * QUANTITIES[row.quantity][1]) for row in rows]


Story = Callable[[Battery], Awaitable[None]]


@pytest.fixture
def on_stage(
    tmp_path: Path, micropython: Path, board_program: Path, cloud: SmallCloud, free_port: int
) -> Callable[[Story], None]:
    async def play(story: Story) -> None:
        world = Config(
            nodes=(gateway_stage.ROW,),
            world=World(scale=SCALE),
            gateway=GatewayRow(port=free_port),
            homes={"flat": HomeRow()},
            wifi=Wifi(join_s=0.02, notice_s=0.5, scan_s=0.1),
        )
        bench, gateway = Bench(world), Gateway(tmp_path, cloud.url, free_port)
        await bench.start()
        stage = Battery(cloud, tmp_path, bench, gateway, micropython, board_program, time_scale=SCALE)
        await stage.play(settings(bench), lambda: story(stage))

    return lambda story: asyncio.run(play(story))


def settings(bench: Bench) -> dict[str, object]:
    wifi = bench.config.wifi
    return {
        "ssid": wifi.ssid,
        "wifi_key": wifi.key,
        "gateway": "127.0.0.1",
        "port": bench.node_port(NODE.id),
        "interval_ms": INTERVAL_MS,
        "sleep": True,
        "sleep_batch": BATCH,
        "time_scale": SCALE,
    }


def test_a_sleeping_node_delivers_every_sample_once_and_uses_its_radio_for_each_fifth(
    on_stage: Callable[[Story], None],
) -> None:
    """Values and times are those of the bus; the gateway stores with its usual window of 5 s, and waits for none."""

    async def story(stage: Battery) -> None:
        await until(lambda: stage.stored() >= 4 * BATCH + 1)
        expected = {key: rows for key, rows in stage.on_the_bus().items() if key[1] <= 4 * BATCH + 1}
        await stage.restart_gateway()
        await until(lambda: expected.keys() <= stage.arrived().keys())
        arrived = stage.arrived()
        for key, rows in expected.items():
            assert list(arrived[key].values) == pytest.approx(wire(rows), abs=1), key
        assert {key[0] for key in expected} == {1}
        assert [boot for boot, _ in stage.bench.radio(NODE.id)][:5] == [1] * 5
        assert [sequence for _, sequence in stage.bench.radio(NODE.id)][:5] == [1, 6, 11, 16, 21]
        late_ms = [arrived[key].measured_at_ms - rows[0].world_ms for key, rows in expected.items()]
        assert abs(median(late_ms)) < 3_600_000  # the right hour: 15 s here, which no busy computer takes
        times = [arrived[key].measured_at_ms for key in sorted(expected)]
        assert times == sorted(set(times))
        assert "event=node_left" not in stage.gateway.log
        assert stage.gateway.log.count("event=node_joined") >= 4

    on_stage(story)


def test_a_power_cut_loses_what_the_memory_held_and_nothing_else(
    on_stage: Callable[[Story], None],
) -> None:
    """It held at most what was measured since the last visit."""

    async def story(stage: Battery) -> None:
        await until(lambda: len(stage.on_the_bus()) >= 2 * BATCH - 1)
        await stage.node.power_off()
        lived, told = stage.on_the_bus(), stage.stored()
        await stage.node.power_on()
        await until(lambda: len([key for key in stage.on_the_bus() if key[0] == 2]) > BATCH)
        await until(lambda: stage.stored() >= told + BATCH)
        await stage.restart_gateway()
        expected = {key for key in lived if key[1] <= told} | {(2, sequence) for sequence in range(1, BATCH + 1)}
        await until(lambda: expected <= stage.arrived().keys())
        assert told > BATCH
        assert 0 < len(lived) - told <= BATCH
        assert min(sequence for boot, sequence in stage.arrived() if boot == 2) == 1

    on_stage(story)


def test_a_gateway_that_is_away_for_longer_than_the_memory_lasts_costs_only_what_is_named(
    on_stage: Callable[[Story], None],
) -> None:
    """Past the memory the samples go to flash, and where there is none the oldest go, and the ledger names them."""
    most = battery.capacity(2, 1)

    async def story(stage: Battery) -> None:
        await until(lambda: stage.stored() >= 1 and bool(stage.on_the_bus()))
        await asyncio.to_thread(stage.gateway.stop)
        began, tries = max(stage.on_the_bus())[1], len(stage.bench.radio(NODE.id))
        await until(lambda: max(stage.on_the_bus())[1] >= began + most + 10)
        assert len(stage.bench.radio(NODE.id)) - tries <= 6
        expected = stage.on_the_bus()
        await asyncio.to_thread(stage.gateway.start)
        await until(lambda: stage.stored() >= most)
        await stage.restart_gateway()
        await until(lambda: expected.keys() <= stage.arrived().keys() | stage.declared())
        arrived, declared = stage.arrived(), stage.declared()
        assert not declared & arrived.keys()
        assert all(key < min(one for one in arrived if one[1] > began) for key in declared)
        for key in expected.keys() & arrived.keys():
            assert list(arrived[key].values) == pytest.approx(wire(expected[key]), abs=1), key

    on_stage(story)
