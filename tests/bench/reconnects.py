"""How long nodes take to be back at their gateway, once the Wi-Fi or the gateway is. Real time, simulated radio."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench.stage import Plan, RealGateway, Stage, on_stage, real_gateway

NODES = tuple(f"node-{n}" for n in range(1, 9))
_CONNECTED = "uplink: connected"
_LOOK_EVERY_S = 0.02
_GIVE_UP_S = 90.0
_OUTAGE_S = (6.0, 18.0)
_WIFI_ROUNDS, _GATEWAY_ROUNDS = 8, 5


def run(folder: Path, firmware: Path, seed: int = 1) -> list[float]:
    """Seconds from the return of the network (or of the gateway) to each node's new session, in no order."""
    plan = Plan(folder=folder, firmware=firmware, scale=1, seed=seed, nodes=NODES, interval_ms=2000)
    return asyncio.run(_play(plan, random.Random(seed)))


async def _play(plan: Plan, rng: random.Random) -> list[float]:
    async with real_gateway(plan) as gateway, on_stage(plan, gateway.port) as stage:
        for node in stage.nodes.values():
            await node.power_on()
        await _back(stage, dict.fromkeys(NODES, 0), time.monotonic())
        took: list[float] = []
        for _ in range(_WIFI_ROUNDS):
            took += await _round(stage, rng, _wifi(stage))
        for _ in range(_GATEWAY_ROUNDS):
            took += await _round(stage, rng, _gateway(gateway))
        return took


Switch = Callable[[bool], Awaitable[None]]


def _wifi(stage: Stage) -> Switch:
    async def switch(on: bool) -> None:
        (stage.bench.restore_wifi if on else stage.bench.cut_wifi)()

    return switch


def _gateway(gateway: RealGateway) -> Switch:
    """The clock starts once the daemon listens again: its own start is not the node's."""

    async def switch(on: bool) -> None:
        if on:
            gateway.program.start()
            await _listening(gateway)
        else:
            await asyncio.to_thread(gateway.program.kill)

    return switch


async def _listening(gateway: RealGateway) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        except OSError:
            await asyncio.sleep(_LOOK_EVERY_S)
            continue
        writer.close()
        return


async def _round(stage: Stage, rng: random.Random, switch: Switch) -> list[float]:
    before = {name: stage.log_of(name).count(_CONNECTED) for name in NODES}
    await switch(False)
    await asyncio.sleep(rng.uniform(*_OUTAGE_S))
    await switch(True)
    took = await _back(stage, before, time.monotonic())
    await asyncio.sleep(rng.uniform(0.5, 2.0))
    return took


async def _back(stage: Stage, before: dict[str, int], since: float) -> list[float]:
    """One figure a node; a node that never comes back counts with the time it was waited for."""
    took: dict[str, float] = {}
    while len(took) < len(NODES) and time.monotonic() - since < _GIVE_UP_S:
        for name in NODES:
            if name not in took and stage.log_of(name).count(_CONNECTED) > before[name]:
                took[name] = time.monotonic() - since
        await asyncio.sleep(_LOOK_EVERY_S)
    return [took.get(name, _GIVE_UP_S) for name in NODES]


def percentile(values: list[float], share: float) -> float:
    """The smallest value that is not passed by `share` of all (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]
