"""The real firmware on each backend, and the real gateway at the other end of its Wi-Fi.

Simulated sensors, radio and cloud; firmware, sockets, gateway and its disk are real. What crossed the buses, by the
bench's own record, is in the gateway's batches, each sample once.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.gateway.processes import Gateway, SmallCloud
from tests.gateway.samples import NODE
from tests.hil.test_node_on_bench import MAIN, SHT4X, STROBE, Wire, different, settings

from aircue_hil.backends.places import Place
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.demo import reckoning
from aircue_hil.radio import Wifi
from aircue_node.quantities import QUANTITIES

pytestmark = pytest.mark.hil


@pytest.mark.pico_w
def test_the_gateway_stores_what_crossed_the_bus(tmp_path: Path, backend: Place, free_port: int) -> None:
    cloud = SmallCloud()
    gateway = Gateway(tmp_path, cloud.url, free_port, commit_window_ms=200)
    try:
        gateway.start()
        wire = asyncio.run(_play(tmp_path, backend, gateway))
        gateway.stop()
        gateway.start()
        asyncio.run(_until(lambda: wire.keys() <= _stored(cloud).keys(), backend.patience_s))
        assert not different(_stored(cloud), wire)
        assert gateway.counters.get("dead_letters", 0) == 0
    finally:
        gateway.kill()
        cloud.close()


async def _play(folder: Path, place: Place, gateway: Gateway) -> Wire:
    """What was on the bus when the gateway had stored a few samples, and all of these."""
    row = NodeRow(id=NODE.id, air="flat/bathroom", sensors=SHT4X, strobe_pin=STROBE)
    bench = place.bench(
        Config(
            nodes=(row,),
            world=World(scale=place.scale),
            gateway=GatewayRow(port=gateway.port),
            homes={"flat": HomeRow()},
            wifi=Wifi(join_s=0.05, notice_s=0.5),
        )
    )
    await bench.start()
    (folder / "storage").mkdir()
    given = {**place.settings(bench, NODE.id), **settings(200, SHT4X), "site": NODE.site, "key": NODE.key}
    (folder / "storage" / "settings.json").write_text(json.dumps(given))
    node = place.node(bench, NODE.id, MAIN, folder / "storage", folder / "node.log")
    try:
        await node.power_on()
        await _until(lambda: _count(gateway) >= place.many, place.patience_s)
        wire = _on_the_bus(bench)
        await _until(lambda: _count(gateway) >= len(wire), place.patience_s)
        return wire
    finally:
        await node.power_off()
        await bench.stop()


def _on_the_bus(bench: Bench) -> Wire:
    last = reckoning.cut(bench.witness).get((NODE.id, 1), 0)
    values: Wire = {}
    for row in bench.witness:
        if row.in_sample and row.sequence <= last and row.value is not None:
            values.setdefault(row.sequence, []).append(row.value * QUANTITIES[row.quantity][1])
    return values


def _count(gateway: Gateway) -> int:
    return gateway.counters.get("samples_stored", 0)


def _stored(cloud: SmallCloud) -> dict[int, list[int | None]]:
    """By sequence; fails where a sample is there twice."""
    samples = [one for sent in cloud.batches for group in sent.groups for one in group.samples]
    found = {one.sequence: list(one.values) for one in samples}
    assert len(found) == len(samples)
    return found


async def _until(holds: Callable[[], bool], patience_s: float) -> None:
    async with asyncio.timeout(patience_s):
        while not holds():  # noqa: ASYNC110 -- what it waits for happens in other processes
            await asyncio.sleep(0.05)
