"""The bench's protocol, spoken by a fake node in CPython, and what the witness then knows."""

import asyncio
import json
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from aircue_hil.bench import Bench
from aircue_hil.config import Config, ConfigError, HomeRow, NodeRow, SensorRow, TraceRow, World, check
from aircue_hil.faults import Act, Fault
from aircue_hil.protocol import EIO, ENODEV, EPROTO, ETIMEDOUT, Frames, frame
from aircue_hil.sensors.model import Glitches, crc8
from aircue_hil.transactions import Transaction

START = datetime(2026, 1, 14, 6, 0, tzinfo=UTC)
STROBE, DHT_PIN, SHT = 2, 15, 0x44
NODE = NodeRow(
    id="bath-1",
    air="flat/bathroom",
    strobe_pin=STROBE,
    sensors=(SensorRow(driver="sht4x"), SensorRow(driver="scd4x"), SensorRow(driver="dht22", pin=DHT_PIN)),
)
CONFIG = Config(nodes=(NODE,), homes={"flat": HomeRow()}, world=World(scale=100_000, start=START))


class FakeNode:
    """A node's side of the line; `living` are those that `play` still has to close."""

    living: ClassVar[list["FakeNode"]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._frames = reader, writer, Frames()
        self.living.append(self)

    async def ask(self, operation: str, payload: bytes = b"") -> tuple[int, bytes]:
        """(status, payload) of the reply."""
        self._writer.write(frame(ord(operation), payload))
        while True:
            data = await self._reader.read(4096)
            if not data:
                raise ConnectionResetError
            for reply in self._frames.feed(data):
                return reply

    async def strobe(self, level: int) -> None:
        assert await self.ask("O", bytes((STROBE, level))) == (0, b"")

    async def read_sht4x(self) -> bytes:
        assert (await self.ask("W", bytes((0, SHT)) + b"\xfd"))[0] == 0
        await asyncio.sleep(0.001)
        status, data = await self.ask("R", struct.pack(">BBH", 0, SHT, 6))
        assert status == 0
        return data

    def leave(self) -> None:
        self._writer.transport.abort()
        self.living.remove(self)


Body = Callable[[Bench], Awaitable[None]]


def play(body: Body, config: Config = CONFIG, acts: Mapping[str, Act] | None = None) -> None:
    async def go() -> None:
        bench = Bench(check(config), acts=acts)
        await bench.start()
        try:
            await asyncio.wait_for(body(bench), 20.0)
        finally:
            for node in list(FakeNode.living):
                node.leave()
            await bench.stop()

    asyncio.run(go())


async def node_on(bench: Bench, reset: str = "power-on", name: str = "bath-1") -> FakeNode:
    node = FakeNode(*await asyncio.open_connection("127.0.0.1", bench.port))
    status, _ = await node.ask("H", f"{reset}\n{name}".encode())
    assert status == 0
    await asyncio.sleep(0.001)
    return node


def temperature_of(data: bytes) -> float:
    """The datasheet's formula, naively."""
    assert crc8(data[:2]) == data[2]
    return -45.0 + 175.0 * int.from_bytes(data[:2], "big") / 65535.0


def test_a_sample_is_witnessed_with_boot_sequence_and_the_value_on_the_wire() -> None:
    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        for _ in range(2):
            await node.strobe(1)
            data = await node.read_sht4x()
            await node.strobe(0)
        row = bench.witness[-2]
        assert (row.node, row.boot, row.sequence, row.in_sample, row.ok) == ("bath-1", 1, 2, True, True)
        assert (row.sensor, row.quantity) == ("sht4x", "temperature")
        assert float(row.value or 0) == pytest.approx(temperature_of(data), abs=1e-6)
        assert bench.world_us() // 1000 >= row.world_ms >= bench.clock.start_us // 1000

    play(body)


def test_a_level_that_stays_high_is_one_edge_and_a_new_boot_counts_anew() -> None:
    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        for level in (1, 1, 0, 0, 1, 0):
            await node.strobe(level)
        await node.read_sht4x()
        node.leave()
        again = await node_on(bench)
        await again.read_sht4x()
        seen = [(row.boot, row.sequence, row.in_sample) for row in bench.witness if row.quantity == "humidity"]
        assert seen == [(1, 2, False), (2, 0, False)]

    play(body)


def test_a_failed_transaction_is_witnessed_without_a_value(tmp_path: Path) -> None:
    log = tmp_path / "transactions.jsonl"
    spoilt = replace(NODE, sensors=(SensorRow(driver="sht4x", glitches=Glitches(crc=1.0)),))

    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        data = await node.read_sht4x()
        assert any(crc8(data[at : at + 2]) != data[at + 2] for at in (0, 3))
        assert (await node.ask("R", struct.pack(">BBH", 0, SHT, 6)))[0] == EIO
        written = [json.loads(line) for line in log.read_text().splitlines()]
        assert [(row["quantity"], row["value"], row["ok"]) for row in written] == 2 * [
            ("temperature", None, False),
            ("humidity", None, False),
        ]
        assert [row["why"] for row in written[::2]] == ["crc", "nothing to read"]

    play(body, replace(CONFIG, nodes=(spoilt,), transactions=log))


def test_a_soft_reset_leaves_the_sensors_measuring() -> None:
    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        start = bytes((0, 0x62)) + b"\x21\xb1"
        assert (await node.ask("W", start))[0] == 0
        node.leave()
        again = await node_on(bench, reset="soft")
        assert (await again.ask("W", start))[0] == EIO
        again.leave()
        fresh = await node_on(bench)
        assert (await fresh.ask("W", start))[0] == 0

    play(body)


def test_nobody_answers_at_a_free_address_or_pin() -> None:
    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        assert (await node.ask("W", bytes((0, 0x29, 0xFD))))[0] == ENODEV
        assert (await node.ask("D", struct.pack(">BH", 3, 18_000)))[0] == ETIMEDOUT
        assert bench.witness == []

    play(body)


def test_a_dht_frame_comes_as_pulses() -> None:
    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        status, train = await node.ask("D", struct.pack(">BH", DHT_PIN, 18_000))
        assert status == 0
        assert len(train) == 2 * 84
        assert [row.quantity for row in bench.witness] == ["temperature", "humidity"]

    play(body)


def test_the_network_gives_the_time_only_once_joined_and_not_in_an_outage() -> None:
    wifi = replace(CONFIG.wifi, join_s=0.0, notice_s=0.0)

    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        assert (await node.ask("T"))[0] == ETIMEDOUT
        await node.ask("N", b"A\x01")
        await node.ask("N", b"C" + wifi.ssid.encode() + b"\0" + wifi.key.encode())
        assert struct.unpack(">HBb", (await node.ask("N", b"S"))[1]) == (1010, 1, wifi.rssi_dbm)
        status, at = await node.ask("T")
        assert status == 0
        assert int.from_bytes(at, "big") >= bench.clock.start_us // 1000
        bench.cut_wifi("bath-1")
        assert struct.unpack(">HBb", (await node.ask("N", b"S"))[1])[0] == 200
        assert (await node.ask("T"))[0] == ETIMEDOUT

    play(body, replace(CONFIG, wifi=wifi))


def test_malformed_requests_are_refused_and_an_unknown_node_too_and_others_go_on() -> None:
    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        for operation, payload in (("?", b""), ("R", b"\x00"), ("O", b""), ("N", b"C\xff\xff")):
            assert (await node.ask(operation, payload))[0] == EPROTO
        stranger = FakeNode(*await asyncio.open_connection("127.0.0.1", bench.port))
        assert (await stranger.ask("H", b"power-on\nnobody"))[0] == ENODEV
        rude = FakeNode(*await asyncio.open_connection("127.0.0.1", bench.port))
        with pytest.raises(ConnectionResetError):
            await rude.ask("W", b"\x00\x44\xfd")
        assert bench.refused == 2
        assert len(await node.read_sht4x()) == 6

    play(body)


def test_the_script_of_faults_is_played_and_a_failing_act_does_not_stop_it() -> None:
    played: list[tuple[str, bool]] = []
    done = asyncio.Event()

    async def kill(node: str, begins: bool) -> None:
        played.append((node, begins))
        if begins:
            raise RuntimeError("the gateway is gone already")
        done.set()

    async def body(bench: Bench) -> None:
        node = await node_on(bench)
        await asyncio.wait_for(done.wait(), 5.0)
        assert (await node.ask("W", bytes((0, SHT)) + b"\xfd"))[0] == EIO
        assert bench.witness[-1].why == "unplugged"

    script = (Fault(at_s=0.0, what="gateway-kill", for_s=0.01), Fault(at_s=0.0, what="sensor-unplugged", for_s=60.0))
    play(body, replace(CONFIG, faults=script), {"gateway-kill": kill})
    assert played == [("*", True), ("*", False)]


def test_the_world_ends_just_before_now_at_its_own_time_of_day() -> None:
    bench = Bench(replace(CONFIG, world=World(scale=240, start=START, run_s=60.0)))
    now_us = bench.now().real_s * 1e6
    end_us = bench.clock.start_us + 240 * 60 * 1_000_000
    assert now_us - 86_401e6 < end_us <= now_us
    assert bench.clock.start_us % 86_400_000_000 == 6 * 3_600_000_000


def a_trace(folder: Path) -> dict[str, TraceRow]:
    path = folder / "trace.csv"
    path.write_text("room,at,temperature,humidity\nbath,2026-01-14 05:00:00,20,50\nbath,2026-01-14 05:30:00,20,60\n")
    return {"file": TraceRow(file=path)}


def test_a_trace_without_co2_cannot_feed_a_co2_sensor_nor_one_that_is_over_begin(tmp_path: Path) -> None:
    given = replace(CONFIG, traces=a_trace(tmp_path), world=World(start=datetime(2026, 1, 14, 5, 10, tzinfo=UTC)))
    with pytest.raises(ConfigError, match="node bath-1: scd4x needs CO2, which the trace has not for bath"):
        Bench(replace(given, nodes=(replace(NODE, air="file/bath"),)))
    with pytest.raises(ConfigError, match=r"node bath-1: air is 'file/attic'; rooms of file are bath"):
        Bench(replace(given, nodes=(replace(NODE, air="file/attic"),)))
    with pytest.raises(ConfigError, match=r"world\.start lies outside trace file, which covers 2026-01-14T05:00"):
        Bench(replace(given, world=World(start=datetime(2026, 1, 15, tzinfo=UTC))))


def test_a_gap_of_the_trace_is_a_silent_sensor(tmp_path: Path) -> None:
    world = World(scale=1_000_000, start=datetime(2026, 1, 14, 5, 29, tzinfo=UTC))
    node = replace(NODE, air="file/bath", sensors=(SensorRow(driver="sht4x"),))

    async def body(bench: Bench) -> None:
        fake = await node_on(bench)
        await asyncio.sleep(0.1)
        assert (await fake.ask("W", bytes((0, SHT)) + b"\xfd"))[0] == EIO
        assert {row.why for row in bench.witness} == {"gap in the trace"}

    play(body, replace(CONFIG, traces=a_trace(tmp_path), nodes=(node,), world=world))


def test_a_row_of_the_witness_is_one_line_of_json_with_all_decimals() -> None:
    row = Transaction(
        node="n",
        boot=1,
        sequence=2,
        in_sample=True,
        sensor="sht4x",
        quantity="humidity",
        value=None,
        ok=False,
        why="nack",
        real_s=1.5,
        world_ms=3,
    )
    assert json.loads(row.line())["value"] is None
    assert '"value": 81.237514' in replace(row, value=Decimal("81.237514")).line()


def test_a_bench_of_its_own_says_how_to_start_nodes_and_ends_when_told(tmp_path: Path) -> None:
    config = tmp_path / "bench.toml"
    config.write_text('[homes.flat]\n[[nodes]]\nid = "n"\nair = "flat/bedroom"\n[[nodes.sensors]]\ndriver = "sht4x"\n')
    code = (
        "import sys, pathlib; from aircue_hil import bench, config; bench.run(config.load(pathlib.Path(sys.argv[1])))"
    )
    with subprocess.Popen([sys.executable, "-c", code, config], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("n: AIRCUE_BENCH_PORT=")
        finally:
            process.terminate()
        assert process.wait(10.0) == 0
