"""A node with an SHT4x in MicroPython's unix port and the real gateway, started and stopped round a story."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.gateway.processes import Gateway
from tests.gateway.samples import NODE

from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import NodeRow, SensorRow

STROBE = 15
PATIENCE_S = 40
ROW = NodeRow(id=NODE.id, air="flat/bathroom", sensors=(SensorRow(driver="sht4x"),), strobe_pin=STROBE)
SETTINGS: dict[str, Any] = {
    "site": NODE.site,
    "node": NODE.id,
    "key": NODE.key,
    "strobe_pin": STROBE,
    "i2c": [{"id": 0, "scl": 5, "sda": 4}],
    "sensors": [{"driver": "sht4x"}],
}


class Stage:
    """folder: the node's log and its storage are in it. node_options: further ones of UnixNode."""

    def __init__(
        self, folder: Path, bench: Bench, gateway: Gateway, micropython: Path, program: Path, **node_options: Any
    ) -> None:
        self.bench = bench
        self.gateway = gateway
        self._storage = folder / "storage"
        unix = UnixNode(
            micropython=[str(micropython)],
            program=program,
            storage=self._storage,
            environment=bench.environment(NODE.id),
            log=folder / "node.log",
            heap="256k",
            **node_options,
        )
        self.node = PoweredNode(unix, before_cut=lambda: bench.cut_power(NODE.id))

    def stored(self) -> int:
        return self.gateway.counters.get("samples_stored", 0)

    async def stop_gateway(self) -> None:
        await asyncio.to_thread(self.gateway.stop)

    async def start_gateway(self) -> None:
        await asyncio.to_thread(self.gateway.start)

    async def play(self, settings: dict[str, Any], story: Callable[[], Awaitable[None]]) -> None:
        """The bench has been started; all of it is stopped at the end."""
        self._storage.mkdir()
        (self._storage / "settings.json").write_text(json.dumps({**SETTINGS, **settings}))
        try:
            await self.start_gateway()
            await self.node.power_on()
            await story()
        finally:
            await self.node.power_off()
            await self.bench.stop()
            await asyncio.to_thread(self.gateway.kill)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 -- what it waits for happens in other processes
            await asyncio.sleep(0.02)
