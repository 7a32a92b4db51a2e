"""How much of its heap a node uses: with four sensors, journal and uplink, through an outage, and over a simulated day.

MicroPython's unix port, whose objects are about twice as large as a board's. The heap is capped, so a node that needed
more would have ended: at CAP and what the bench's stand-ins for a board's own modules (pins, radio, flash chip) take
of it, which is measured in an interpreter that imports them alone. What is used is told without them.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.stage import Plan, Stage, on_stage
from tests.node.fakes import AckingGateway

from aircue_hil.backends.unix import POWER_ON
from aircue_node import contract

NODE = "bathroom"
CAP = 208 * 1024  # the least that it ran with, and a little; the goal is 160 * 1024
DAY_MS = 86_400_000
_SETTLED = 0.1  # the first part of a day: tables and buffers still grow to their size
_OUTAGE_S = 8.0
_STAND_INS = """
import gc
gc.collect()
before = gc.mem_alloc()
import flash, machine, network, ntptime, power_on
gc.collect()
print(gc.mem_alloc() - before)
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    """used: heap bytes in use after a collection, the most of all status messages, without the stand-ins' own. drift:
    bytes a simulated day, by least squares over the day's statuses, and its standard error."""

    used: int
    stand_ins: int
    statuses: int
    drift: float
    drift_error: float


def run(folder: Path, firmware: Path, scale: int, seed: int = 1) -> Result:
    plan = Plan(folder=folder, firmware=firmware, scale=scale, seed=seed, settings={"status_s": 1})
    return asyncio.run(_measure(plan, DAY_MS / 1000 / scale))


async def _measure(plan: Plan, seconds: float) -> Result:
    async with AckingGateway() as gateway:
        async with on_stage(plan, gateway.port) as stage:
            stand_ins = await _weigh_stand_ins(stage)
        heap = CAP + stand_ins
        async with on_stage(replace(plan, heap=str(heap)), gateway.port) as stage:
            await _play(stage, gateway, seconds)
        rows = [json.loads(payload) for payload in gateway.of(contract.STATUS)]
    return _result([(row["u"] / DAY_MS, CAP - row["free"]) for row in rows], stand_ins)


async def _weigh_stand_ins(stage: Stage) -> int:
    """Bytes of heap that they take where nothing else is."""
    node = stage.nodes[NODE].node
    process = await asyncio.create_subprocess_exec(
        *node.micropython, "-c", _STAND_INS, env=node.variables(POWER_ON), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return int(said)


async def _play(stage: Stage, gateway: AckingGateway, seconds: float) -> None:
    """One outage in the settling part, so that the journal has been on flash before anything is compared."""
    node = stage.nodes[NODE]
    await node.power_on()
    await gateway.until(lambda: len(gateway.of(contract.STATUS)) > 0)
    stage.bench.cut_wifi()
    await asyncio.sleep(_OUTAGE_S)
    stage.bench.restore_wifi()
    await asyncio.sleep(seconds)
    assert node.running, stage.log_of(NODE)


def _result(points: list[tuple[float, int]], stand_ins: int) -> Result:
    settled = [(day, used) for day, used in points if day >= _SETTLED]
    slope, error = slope_of(settled)
    used = max(used for _, used in points)
    return Result(used=used, stand_ins=stand_ins, statuses=len(points), drift=slope, drift_error=error)


def slope_of(points: list[tuple[float, int]]) -> tuple[float, float]:
    """The least-squares slope and its standard error; needs three points or more.

    >>> slope_of([(0.0, 10), (1.0, 12), (2.0, 14)])
    (2.0, 0.0)
    """
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    residual = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, (residual / (count - 2) / spread) ** 0.5
