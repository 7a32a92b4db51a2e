"""The real firmware in MicroPython over a simulated USB cable, and the real gateway at the other end.

Simulated sensors and cable; firmware, ttys, gateway and its disk are real. What crossed the buses, by the bench's own
record, is in the gateway's batches, each sample once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.processes import Gateway, SmallCloud
from tests.gateway.samples import NODE
from tests.hil import gateway_stage
from tests.hil.gateway_stage import Stage, until

from aircue_hil.bench import Bench
from aircue_hil.cable import Cable
from aircue_hil.config import Config, HomeRow, World
from aircue_hil.demo import reckoning
from aircue_node.quantities import QUANTITIES

pytestmark = [pytest.mark.hil, pytest.mark.usefixtures("pseudo_terminals")]

SCALE = 600  # a sample of the 30 s interval every 50 ms


class Wired(Stage):
    """The node's console is a cable that can be pulled."""

    def __init__(self, cable: Cable, *places: Any) -> None:
        super().__init__(*places, console=cable.node_end)
        self.cable = cable

    def on_the_bus(self) -> dict[int, list[int]]:
        """Values by sequence from the bench's record, in the wire's scales; without the sample in the making."""
        last = reckoning.cut(self.bench.witness).get((NODE.id, 1), 0)
        values: dict[int, list[int]] = {}
        for row in self.bench.witness:
            if row.in_sample and row.sequence <= last and row.value is not None:
                values.setdefault(row.sequence, []).append(round(row.value * QUANTITIES[row.quantity][1]))
        return values

    async def more(self, samples: int) -> None:
        """Until the gateway has stored that many more, all new ones included."""
        enough = len(self.on_the_bus()) + samples
        await until(lambda: self.stored() >= enough)


SETTINGS = {"uplink": "serial", "time_scale": SCALE, "journal_samples": 200, "backlog_pause_ms": 10}
Story = Callable[[Wired], Awaitable[None]]


@pytest.fixture
def on_stage(
    tmp_path: Path, micropython: Path, board_program: Path, cloud: SmallCloud, free_port: int
) -> Callable[[Story], None]:
    async def play(story: Story) -> None:
        gateway, path = Gateway(tmp_path, cloud.url, free_port, commit_window_ms=200), tmp_path / "ttyACM0"
        with (tmp_path / "gateway.toml").open("a") as file:
            file.write(f'[[serial]]\npath = "{path}"\nnode = "{NODE.id}"\n')
        bench = Bench(Config(nodes=(gateway_stage.ROW,), world=World(scale=SCALE), homes={"flat": HomeRow()}))
        await bench.start()
        with contextlib.closing(Cable(path, tmp_path / "node.log")) as cable:
            stage = Wired(cable, tmp_path, bench, gateway, micropython, board_program)
            await stage.play(SETTINGS, lambda: story(stage))

    return lambda story: asyncio.run(play(story))


def values(cloud: SmallCloud) -> dict[int, list[int | None]]:
    """By sequence; fails where a sample is there twice."""
    samples = [one for sent in cloud.batches for group in sent.groups for one in group.samples]
    found = {one.sequence: list(one.values) for one in samples}
    assert len(found) == len(samples)
    return found


def test_nothing_is_lost_or_doubled_when_the_cable_is_pulled_and_the_gateway_killed(
    on_stage: Callable[[Story], None], cloud: SmallCloud
) -> None:
    async def story(stage: Wired) -> None:
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

    on_stage(story)


def _grown(stage: Wired, samples: int) -> bool:
    return len(stage.on_the_bus()) >= samples
