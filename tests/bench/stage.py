"""What every figure of the firmware is measured on: nodes in MicroPython on the bench, a real gateway daemon, a sink.

Sensors, radio, flash and homes are simulated; MicroPython, the gateway and the sockets between them are real.
"""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.gateway.processes import SmallCloud

from aircue_gateway import batch
from aircue_hil import micropython
from aircue_hil.backends.unix import PoweredNode, UnixNode, compiled_modules
from aircue_hil.bench import Bench
from aircue_hil.config import Config, HomeRow, NodeRow, SensorRow, World
from aircue_hil.config import Gateway as GatewayRow
from aircue_hil.demo import programs
from aircue_hil.demo.programs import Program
from aircue_hil.faults import Act, Fault
from aircue_hil.radio import Wifi
from aircue_hil.witness import Dropped, Key, Stored

STROBE = 15
SITE = "home-1"
# No quantity twice: the witness knows a reading by node, boot, sequence and quantity.
FITTED = (
    SensorRow(driver="bme280"),
    SensorRow(driver="mhz19", uart=2),
    SensorRow(driver="pms5003", uart=1),
    SensorRow(driver="mq135", pin=26),
)
FITTED_QUANTITIES = ("temperature", "humidity", "pressure", "co2", "pm1", "pm25", "pm10", "gas_ratio")
_JOIN_S = 1.0
_NOTICE_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One measurement's stage. scale: how much faster the world runs than real time."""

    folder: Path
    firmware: Path
    scale: int
    seed: int = 1
    nodes: tuple[str, ...] = ("bathroom",)
    heap: str = "256k"
    interval_ms: int = 30_000
    commit_window_ms: int = 100
    faults: tuple[Fault, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


class Stage:
    """The nodes of a plan, switched off at first, and the bench they are on."""

    def __init__(self, plan: Plan, bench: Bench) -> None:
        self.plan = plan
        self.bench = bench
        self._modules = compiled_modules(plan.folder / "modules")
        self.nodes = {name: self._node(name) for name in plan.nodes}

    def folder_of(self, node: str) -> Path:
        return self.plan.folder / node

    def flash_of(self, node: str) -> Path:
        """The node's simulated flash chip; its counters lie beside it."""
        return self.folder_of(node) / "flash.bin"

    def log_of(self, node: str) -> str:
        return (self.folder_of(node) / "node.log").read_text(errors="replace")

    def _node(self, name: str) -> PoweredNode:
        folder = self.folder_of(name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(self._settings(name)))
        return PoweredNode(
            UnixNode(
                micropython=[str(micropython.find())],
                program=self.plan.firmware,
                storage=folder,
                environment=self.bench.environment(name),
                log=folder / "node.log",
                heap=self.plan.heap,
                flash=self.flash_of(name),
                modules=self._modules,
            ),
            before_cut=lambda: self.bench.cut_power(name),
        )

    def _settings(self, name: str) -> dict[str, Any]:
        wifi = self.bench.config.wifi
        return {
            "site": SITE,
            "node": name,
            "key": key_of(name),
            "ssid": wifi.ssid,
            "wifi_key": wifi.key,
            "gateway": "127.0.0.1",
            "port": self.bench.node_port(name),
            "interval_ms": self.plan.interval_ms,
            "time_scale": self.plan.scale,
            "strobe_pin": STROBE,
            "i2c": [{"id": 0, "scl": 5, "sda": 4}],
            "uart": [{"id": 1, "tx": 8, "rx": 9}, {"id": 2, "tx": 17, "rx": 16}],
            "sensors": [_sensor(row) for row in FITTED],
            **self.plan.settings,
        }


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What left the gateway in batches, which is what it had on disk. gaps: what the node itself says it has no value
    for, in a sample that arrived."""

    stored: tuple[Stored, ...]
    gaps: frozenset[Key]
    suppressed: frozenset[Key]
    dropped: tuple[Dropped, ...]
    installations: int


@dataclass(frozen=True, kw_only=True)
class RealGateway:
    """The gateway daemon as a process, and what it sent on."""

    program: Program
    port: int
    sink: SmallCloud


@contextlib.asynccontextmanager
async def real_gateway(plan: Plan) -> AsyncIterator[RealGateway]:
    plan.folder.mkdir(parents=True, exist_ok=True)
    sink, port = SmallCloud(), programs.free_port()
    file = _gateway_file(plan, port, sink.url)
    program = Program("aircue-gateway", ["run", "--config", str(file)], plan.folder / "gateway.log")
    try:
        program.start()
        await programs.listening(port, program)
        yield RealGateway(program=program, port=port, sink=sink)
    finally:
        await asyncio.to_thread(program.stop)
        sink.close()


@contextlib.asynccontextmanager
async def on_stage(plan: Plan, gateway_port: int, acts: Mapping[str, Act] | None = None) -> AsyncIterator[Stage]:
    """The bench with the plan's nodes, which the measurement switches on; all of it stopped at the end."""
    bench = Bench(_bench_config(plan, gateway_port), acts=acts)
    await bench.start()
    stage = Stage(plan, bench)
    try:
        yield stage
    finally:
        for node in stage.nodes.values():
            await node.power_off()
        await bench.stop()


def _bench_config(plan: Plan, gateway_port: int) -> Config:
    rows = tuple(NodeRow(id=name, air="flat/bathroom", sensors=FITTED, strobe_pin=STROBE) for name in plan.nodes)
    return Config(
        nodes=rows,
        world=World(scale=plan.scale, seed=plan.seed),
        gateway=GatewayRow(port=gateway_port),
        homes={"flat": HomeRow()},
        wifi=Wifi(join_s=_JOIN_S, notice_s=_NOTICE_S),
        faults=plan.faults,
    )


def _gateway_file(plan: Plan, port: int, sink: str) -> Path:
    """As an installer would write it, but for short windows, since the world is fast."""
    rows = "".join(f'[[nodes]]\nid = "{name}"\nsite = "{SITE}"\nkey = "{key_of(name)}"\n' for name in plan.nodes)
    path = plan.folder / "gateway.toml"
    path.write_text(
        f'name = "gateway-1"\ndata_dir = "{plan.folder / "gateway"}"\n'
        f'[listener]\nhost = "127.0.0.1"\nport = {port}\ncommit_window_ms = {plan.commit_window_ms}\n'
        f'[uplink]\nurl = "{sink}"\nkey = "gateway-key"\nbatch_window_s = 2.0\n' + rows
    )
    return path


def key_of(node: str) -> str:
    return f"bench-key-of-{node}"


def _sensor(row: SensorRow) -> dict[str, Any]:
    places = {"driver": row.driver, "uart": row.uart, "pin": row.pin}
    return {key: value for key, value in places.items() if value is not None}


def delivered(sink: SmallCloud) -> Delivered:
    """All values of all batches, a batch counted once however often it came."""
    groups = [group for one in sink.batches for group in one.groups]
    cells = [cell for group in groups for cell in _cells(group)]
    return Delivered(
        stored=tuple(Stored(key=key, value=value) for key, value, _ in cells if value is not None),
        gaps=frozenset(key for key, _, status in cells if status is batch.Status.GAP),
        suppressed=frozenset(key for key, _, status in cells if status is batch.Status.SUPPRESSED),
        dropped=tuple(
            Dropped(node=loss.node, boot=loss.boot, first=loss.first, last=loss.last)
            for one in sink.batches
            for loss in one.losses
        ),
        installations=len({(group.node, group.installation) for group in groups}),
    )


def _cells(group: batch.Group) -> Iterator[tuple[Key, Decimal | None, batch.Status]]:
    for sample in group.samples:
        for channel, value, status in zip(group.channels, sample.values, sample.statuses, strict=True):
            key = (group.node, group.boot, sample.sequence, channel.quantity)
            yield key, None if value is None else Decimal(value) / channel.scale, status


@dataclass(frozen=True, kw_only=True)
class Wear:
    """What the simulated flash chip counted."""

    erases: int
    programmed: int


def counted(flash: Path) -> Wear:
    erases, programmed = struct.unpack("<QQ", flash.with_name(flash.name + ".counters").read_bytes())
    return Wear(erases=erases, programmed=programmed)
