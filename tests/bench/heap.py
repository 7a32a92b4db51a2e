"""How much of its heap a node uses: with four sensors, journal and uplink, through an outage, and over a simulated day.

MicroPython's unix port, whose objects are about twice as large as a board's; the heap is capped, so a node that needed
more would have ended.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from tests.bench.stage import Plan, on_stage
from tests.node.fakes import AckingGateway

from aircue_node import contract

NODE = "bathroom"
CAP = 160 * 1024
DAY_MS = 86_400_000
_SETTLED = 0.1  # the first part of a day: tables and buffers still grow to their size
_OUTAGE_S = 8.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """used: heap bytes in use after a collection, the most of all status messages. drift: bytes a simulated day, by
    least squares over the day's statuses, and its standard error."""

    used: int
    statuses: int
    drift: float
    drift_error: float


def run(folder: Path, firmware: Path, scale: int, seed: int = 1) -> Result:
    plan = Plan(folder=folder, firmware=firmware, scale=scale, seed=seed, heap=str(CAP), settings={"status_s": 1})
    return asyncio.run(_play(plan, DAY_MS / 1000 / scale))


async def _play(plan: Plan, seconds: float) -> Result:
    """One outage in the settling part, so that the journal has been on flash before anything is compared."""
    async with AckingGateway() as gateway, on_stage(plan, gateway.port) as stage:
        node = stage.nodes[NODE]
        await node.power_on()
        await gateway.until(lambda: len(gateway.of(contract.STATUS)) > 0)
        stage.bench.cut_wifi()
        await asyncio.sleep(_OUTAGE_S)
        stage.bench.restore_wifi()
        await asyncio.sleep(seconds)
        assert node.running, stage.log_of(NODE)
        rows = [json.loads(payload) for payload in gateway.of(contract.STATUS)]
    return _result([(row["u"] / DAY_MS, CAP - row["free"]) for row in rows])


def _result(points: list[tuple[float, int]]) -> Result:
    settled = [(day, used) for day, used in points if day >= _SETTLED]
    slope, error = slope_of(settled)
    return Result(used=max(used for _, used in points), statuses=len(points), drift=slope, drift_error=error)


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
