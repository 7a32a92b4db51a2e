"""The bench: plays sensors, Wi-Fi and the simulated world for the nodes, and is the witness of every measurement.

bench = Bench(config)
await bench.start()
... start nodes with bench.environment(node), pointed at 127.0.0.1 and bench.node_port(node) ...
bench.witness        rows so far (transactions.Transaction)
await bench.stop()
"""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from aircue_hil import faults, traces
from aircue_hil.access_point import Network
from aircue_hil.air import Source
from aircue_hil.board import RESETS, Board, TransactionError
from aircue_hil.clock import WorldClock, whole_days_to
from aircue_hil.config import Config, ConfigError, NodeRow, check
from aircue_hil.faults import EVERY_NODE, Act
from aircue_hil.homes import Home
from aircue_hil.protocol import ENODEV, Frames, ProtocolError, frame
from aircue_hil.sensors import MODELS
from aircue_hil.traces import Trace
from aircue_hil.transactions import Moment, Transaction, TransactionLog

_HELLO = ord("H")
_LOOK_EVERY_S = 0.05  # emulated time may run faster than ours
_log = logging.getLogger(__name__)


class Bench:
    """`acts` plays the faults that reach beyond the bench (power-cut, gateway-kill); the bench plays the outage of the
    Wi-Fi, and each board those of its sensors.

    keep_rows: whether the witness stays in memory; a bench that runs for days keeps it in its file alone.
    seconds: the time that the world, the radio and the script of faults follow; an emulated chip has its own.
    """

    def __init__(
        self,
        config: Config,
        *,
        acts: Mapping[str, Act] | None = None,
        keep_rows: bool = True,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = check(config)
        self._acts: dict[str, Act] = {"wifi-outage": self._outage, **(acts or {})}
        faults.refuse_unplayable(config.faults, self._acts)
        start_us = _world_start(config, time.time())
        self._seconds = seconds
        self.clock = WorldClock(start_us=start_us, began=seconds(), scale=config.world.scale)
        self._log = TransactionLog(config.transactions, keep=keep_rows)
        self.sources = _sources(config, start_us)
        self._boards = {node.id: self._board(node) for node in config.nodes}
        self._networks = {node.id: Network(config.gateway.host, config.gateway.port) for node in config.nodes}
        self._server: asyncio.Server | None = None
        self._script: asyncio.Task[None] | None = None
        self.lines: set[asyncio.Transport] = set()
        self.refused = 0
        self.port = 0

    @property
    def witness(self) -> list[Transaction]:
        return self._log.rows

    def node_port(self, node: str) -> int:
        """The port on 127.0.0.1 that is the gateway's, as seen from this node's network."""
        return self._networks[node].port

    def boot(self, node: str) -> int:
        """How often this node has begun since the bench started."""
        return self._boards[node].boot

    def radio(self, node: str) -> list[tuple[int, int]]:
        """(boot, samples taken in it) at each moment this node switched its radio on."""
        return self._boards[node].radio

    def environment(self, node: str) -> dict[str, str]:
        """What a node's MicroPython needs to find its bench."""
        return {"AIRCUE_BENCH_PORT": str(self.port), "AIRCUE_BENCH_NODE": self._boards[node].id}

    def world_us(self) -> int:
        return self.clock.now_us(self._seconds())

    def now(self) -> Moment:
        monotonic = self._seconds()
        return Moment(world_us=self.clock.now_us(monotonic), real_s=time.time(), monotonic=monotonic)

    async def start(self) -> None:
        """Listens for nodes and lets the world's clock run."""
        self._warm()
        self.clock = replace(self.clock, began=self._seconds())
        for node in self.config.nodes:
            await self._networks[node.id].start(node.port)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), "127.0.0.1", self.config.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._script = loop.create_task(self._play())

    async def stop(self) -> None:
        if self._script is not None:
            self._script.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._script
        for line in list(self.lines):
            line.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        for network in self._networks.values():
            await network.stop()
        self._log.close()

    def cut_wifi(self, node: str = EVERY_NODE) -> None:
        """The access point leaves the air: packets vanish, and the stations notice after a while."""
        self._set_outage(node, True)

    def restore_wifi(self, node: str = EVERY_NODE) -> None:
        self._set_outage(node, False)

    def cut_power(self, node: str) -> None:
        """To be called before the node's process is killed: nothing of the kill may reach the gateway."""
        self._boards[node].station.power_on()
        self._networks[node].let_flow(False)
        self._networks[node].drop_node()

    def redirect_gateway(self, host: str, port: int) -> None:
        """The gateway is elsewhere from now on (for new connections)."""
        for network in self._networks.values():
            network.redirect(host, port)

    def hello(self, payload: bytes) -> Board | None:
        """The board of a node whose program begins now; None where nobody knows it."""
        reset, _, node = payload.decode(errors="replace").partition("\n")
        board = self._boards.get(node)
        if board is None or reset not in RESETS:
            return None
        self.cut_power(node)
        board.start(reset, self.now())
        return board

    def serve(self, board: Board, operation: int, payload: bytes) -> bytes:
        """One transaction of a node; TransactionError where it fails."""
        try:
            return board.handle(operation, payload, self.now())
        finally:
            if operation == ord("N"):
                self._settle(board)

    def _settle(self, board: Board) -> None:
        self._networks[board.id].let_flow(board.station.flowing)

    def _set_outage(self, node: str, begins: bool) -> None:
        for board in self._named(node):
            board.station.outage(begins, self._seconds())
            self._settle(board)

    def _named(self, node: str) -> list[Board]:
        return list(self._boards.values()) if node == EVERY_NODE else [self._boards[node]]

    async def _outage(self, node: str, begins: bool) -> None:
        self._set_outage(node, begins)

    async def _play(self) -> None:
        """Plays the script of faults; one that fails is logged and the next ones still come."""
        began = self._seconds()
        for step in faults.steps(faults.on_nodes(self.config.faults), self.config.world.scale):
            await self._until(began + step.at_s)
            _log.info("fault %s %s for %s", step.what, "begins" if step.begins else "ends", step.node)
            try:
                await self._acts[step.what](step.node, step.begins)
            except Exception:  # noqa: BLE001 -- logged with its traceback; the next faults still come
                _log.exception("fault %s could not be played", step.what)

    async def _until(self, at: float) -> None:
        left = at - self._seconds()
        while left > 0.0:
            await asyncio.sleep(min(left, _LOOK_EVERY_S))
            left = at - self._seconds()

    def _board(self, node: NodeRow) -> Board:
        name, _, room = node.air.partition("/")
        source = self.sources[name]
        if room not in source.rooms:
            known = ", ".join(source.rooms)
            raise ConfigError(f"node {node.id}: air is {node.air!r}; rooms of {name} are {known}")
        if isinstance(source, Trace) and not source.has_co2(room):
            _refuse_co2(node, room)
        wifi, seed = self.config.wifi, str(self.config.world.seed)
        return Board(
            node,
            source=source,
            room=room,
            wifi=wifi,
            seed=seed,
            note=self._log.note,
            script=faults.on_sensors(self.config.faults, node.id),
            start_us=self.clock.start_us,
            scale=self.config.world.scale,
        )

    def _warm(self) -> None:
        """The homes' past is simulated before the clock runs, so that the first transaction is as quick as the rest."""
        for source in self.sources.values():
            source.air(source.rooms[0], self.clock.start_us)


class _Line(asyncio.Protocol):
    """One node's line: a hello, then transactions, each answered before the next is read."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._frames = Frames()
        self._board: Board | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._bench.lines.add(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            for operation, payload in self._frames.feed(data):
                self._reply(*self._serve(operation, payload))
        except ProtocolError as error:
            self._bench.refused += 1
            _log.warning("a line to the bench was closed: %s", error)
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._bench.lines.discard(self._transport)
            self._transport = None

    def _serve(self, operation: int, payload: bytes) -> tuple[int, bytes]:
        if self._board is None:
            return self._greet(operation, payload)
        try:
            return 0, self._bench.serve(self._board, operation, payload)
        except TransactionError as error:
            return error.number, b""

    def _greet(self, operation: int, payload: bytes) -> tuple[int, bytes]:
        if operation != _HELLO:
            raise ProtocolError("the first request was no hello")
        self._board = self._bench.hello(payload)
        if self._board is None:
            self._bench.refused += 1
            known = ", ".join(node.id for node in self._bench.config.nodes)
            _log.warning("a hello from %r was refused; the bench knows %s", payload, known)
            return ENODEV, b""
        return 0, b""

    def _reply(self, status: int, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame(status, payload))

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def run(config: Config) -> None:
    """Runs a bench until SIGINT or SIGTERM, and says how to start its nodes."""
    asyncio.run(_run(config))


async def _run(config: Config) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    bench = Bench(config, keep_rows=False)
    await bench.start()
    try:
        for node in config.nodes:
            given = " ".join(f"{name}={value}" for name, value in bench.environment(node.id).items())
            sys.stdout.write(f"{node.id}: {given}, gateway at 127.0.0.1:{bench.node_port(node.id)}\n")
        sys.stdout.flush()
        await told.wait()
    finally:
        await bench.stop()


def _world_start(config: Config, now: float) -> int:
    """World time at the start, us since 1970."""
    world = config.world
    now_us = round(now * 1e6)
    if world.start is None:
        return now_us
    start = round(world.start.timestamp() * 1e6)
    if not world.shift_to_now:
        return start
    return start + whole_days_to(start + round(world.run_s * world.scale * 1e6), now_us)


def _sources(config: Config, start_us: int) -> dict[str, Source]:
    """Homes and traces by name; a trace is moved by as much as the world's start was."""
    found: dict[str, Source] = {
        name: Home(seed=f"{config.world.seed}/{name}", start=start_us, season=row.season, people=row.people)
        for name, row in config.homes.items()
    }
    for name, trace in config.traces.items():
        given = config.world.start
        moved = 0 if given is None else start_us - round(given.timestamp() * 1e6)
        found[name] = _covering(traces.load(trace.file, trace.layout, max_gap_s=trace.max_gap_s), moved, start_us, name)
    return found


def _covering(trace: Trace, moved: int, start_us: int, name: str) -> Trace:
    """The trace moved in time; ConfigError where the world would begin outside of it."""
    if not trace.first <= start_us - moved <= trace.last:
        first, last = (datetime.fromtimestamp(at / 1e6, UTC).isoformat() for at in (trace.first, trace.last))
        raise ConfigError(f"world.start lies outside trace {name}, which covers {first} to {last}")
    return trace.shifted(moved)


def _refuse_co2(node: NodeRow, room: str) -> None:
    for sensor in node.sensors:
        if "co2" in MODELS[sensor.driver].quantities:
            raise ConfigError(f"node {node.id}: {sensor.driver} needs CO2, which the trace has not for {room}")
