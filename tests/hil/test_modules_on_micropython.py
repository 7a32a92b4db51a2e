"""The modules a node is given, run by real MicroPython on the bench: simulated sensors and radio, real program."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import Config, Gateway, HomeRow, NodeRow, SensorRow, World, check
from aircue_hil.sensors.model import Glitches

pytestmark = pytest.mark.hil
PROGRAMS = Path(__file__).parent / "programs"
START = datetime(2026, 1, 14, 6, 0, tzinfo=UTC)
NODE = NodeRow(
    id="bath-1",
    air="flat/bathroom",
    strobe_pin=2,
    sensors=(SensorRow(driver="sht4x"), SensorRow(driver="scd4x"), SensorRow(driver="dht22", pin=15)),
)
CONFIG = Config(nodes=(NODE,), homes={"flat": HomeRow()}, world=World(scale=240, start=START))
PATIENCE_S = 30.0

Body = Callable[[Bench, PoweredNode], Awaitable[None]]


class Stage:
    """A bench, one node that runs a program of this folder, and a gateway that answers; `printed` is what it said."""

    def __init__(self, folder: Path, micropython: Path, program: str, config: Config = CONFIG) -> None:
        self._folder, self._micropython, self._program, self._config = folder, micropython, program, config

    @property
    def printed(self) -> list[str]:
        return (self._folder / "node.log").read_text().splitlines()

    def play(self, body: Body) -> None:
        asyncio.run(self._go(body))

    async def _go(self, body: Body) -> None:
        gateway = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = gateway.sockets[0].getsockname()[1]
        bench = Bench(check(replace(self._config, gateway=Gateway(port=port))))
        await bench.start()
        powered = PoweredNode(self._node(bench), before_cut=lambda: bench.cut_power("bath-1"))
        try:
            await powered.power_on()
            await asyncio.wait_for(body(bench, powered), PATIENCE_S)
        finally:
            await powered.power_off()
            await bench.stop()
            gateway.close()
            await gateway.wait_closed()

    def _node(self, bench: Bench) -> UnixNode:
        return UnixNode(
            micropython=[str(self._micropython)],
            program=PROGRAMS / f"{self._program}.py",
            storage=self._folder / "storage",
            environment={**bench.environment("bath-1"), "GATEWAY_PORT": str(bench.node_port("bath-1"))},
            log=self._folder / "node.log",
        )


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The gateway of these tests."""
    if await reader.readexactly(13) == b"hello gateway":
        writer.write(b"hello")
    writer.close()


def has_booted(bench: Bench, times: int) -> bool:
    return bench.boot("bath-1") == times


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


async def to_its_end(_bench: Bench, node: PoweredNode) -> None:
    assert await node.wait() == 0


def value_of(sensor: str, data: bytes) -> dict[str, float]:
    """What the bytes stand for, by a naive reading of the datasheets."""
    if sensor == "dht22":
        sign = -1.0 if data[2] & 0x80 else 1.0
        return {
            "humidity": int.from_bytes(data[:2], "big") / 10,
            "temperature": sign * ((data[2] & 0x7F) << 8 | data[3]) / 10,
        }
    words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 3)]
    temperature = -45.0 + 175.0 * words[-2] / 65535.0
    if sensor == "sht4x":
        return {"temperature": temperature, "humidity": -6.0 + 125.0 * words[1] / 65535.0}
    return {"co2": words[0], "temperature": temperature, "humidity": 100.0 * words[2] / 65535.0}


def test_what_a_program_reads_is_what_the_witness_noted(tmp_path: Path, micropython: Path) -> None:
    stage = Stage(tmp_path, micropython, "sensors")

    async def body(bench: Bench, node: PoweredNode) -> None:
        assert await node.wait() == 0, stage.printed[-1]
        told = [json.loads(line) for line in stage.printed]
        assert told[0] == {"scan": [0x44, 0x62]}
        read = [
            (one["sensor"], quantity, value)
            for one in told[1:]
            for quantity, value in sorted(value_of(one["sensor"], bytes.fromhex(one["data"])).items())
        ]
        rows = sorted((row for row in bench.witness), key=lambda row: (row.real_s, row.quantity))
        assert [(row.sensor, row.quantity) for row in rows] == [one[:2] for one in read]
        assert [float(row.value or 0) for row in rows] == pytest.approx([one[2] for one in read], abs=1e-6)
        assert {row.sensor for row in rows} == {"sht4x", "scd4x", "dht22"}
        assert sorted({row.sequence for row in rows}) == [1, 2, 3, 4, 5]
        assert all(row.in_sample and row.boot == 1 for row in rows)

    stage.play(body)


def test_errors_have_the_numbers_that_drivers_know(tmp_path: Path, micropython: Path) -> None:
    short = SensorRow(driver="dht22", pin=15, glitches=Glitches(short=1.0))
    config = replace(
        CONFIG,
        nodes=(replace(NODE, sensors=(SensorRow(driver="sht4x"), short)),),
        world=World(scale=100_000, start=START),
    )
    stage = Stage(tmp_path, micropython, "failures", config)
    stage.play(to_its_end)
    assert stage.printed == ["absent 19", "too early 5", "no dht 110", "short frame 110", "offline 110"]


def test_a_node_joins_asks_the_time_and_reaches_the_gateway(tmp_path: Path, micropython: Path) -> None:
    stage = Stage(tmp_path, micropython, "joins")

    async def body(bench: Bench, node: PoweredNode) -> None:
        await to_its_end(bench, node)
        lines = dict(line.split(" ", 1) for line in stage.printed)
        assert bench.clock.start_us < int(lines.pop("time")) * 1_000_000 <= bench.world_us()
        assert lines == {
            "scan": "aircue-bench",
            "wrong": "key True False",
            "joined": "-58 -58 127.0.0.1",
            "answer": "hello",
            "left": "False",
        }

    stage.play(body)


def test_a_reset_starts_the_program_anew_and_runs_no_finally_block(tmp_path: Path, micropython: Path) -> None:
    stage = Stage(tmp_path, micropython, "resets")

    async def body(bench: Bench, node: PoweredNode) -> None:
        assert await node.wait() == 0
        assert node.exit_codes == [42, 0]
        assert bench.boot("bath-1") == 2

    stage.play(body)
    assert [line.split(" id ")[0] for line in stage.printed] == ["cause 1", "cause 5", "end"]


def test_power_cuts_end_a_program_at_once_and_count_as_boots(tmp_path: Path, micropython: Path) -> None:
    stage = Stage(tmp_path, micropython, "forever")

    async def body(bench: Bench, node: PoweredNode) -> None:
        for boot in range(1, 3):
            await node.power_on()
            await until(partial(has_booted, bench, boot))
            await node.power_off()
            assert not node.running

    stage.play(body)


def test_the_cost_of_a_transaction_is_measured(tmp_path: Path, micropython: Path) -> None:
    """No time is asserted, the machine may be busy: the figures are there to be read (pytest -s)."""
    stage = Stage(tmp_path, micropython, "speed")
    stage.play(to_its_end)
    pin_us, bus_us = map(int, stage.printed[0].split())
    print(f"a pin request takes {pin_us} us, an I2C request {bus_us} us")
    assert pin_us > 0
    assert bus_us > 0
