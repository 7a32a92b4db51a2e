"""The places where a node's firmware runs on the bench, behind one face: the same test body serves all of them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from aircue_hil.backends import air_bridge, uf2
from aircue_hil.backends.pico_w import ChipTime, PicoWNode, PoweredPicoW
from aircue_hil.backends.real import PORT, BoardMissing, BoardNode, PoweredBoard
from aircue_hil.backends.unix import PoweredNode, UnixNode
from aircue_hil.bench import Bench
from aircue_hil.config import Config


class Powered(Protocol):
    """A node with a power switch."""

    exit_codes: list[int]

    @property
    def running(self) -> bool: ...
    async def power_on(self) -> None: ...
    async def power_off(self) -> None: ...
    async def wait(self) -> int: ...


class Place(Protocol):
    """One node's bench and power switch. bench comes first, then node.

    outage_s: how long the radio must be away for the firmware to notice, in the bench's seconds. patience_s: real time
    that a test may wait for something. many: a number of samples that takes a few seconds. scale: how much faster than
    the bench's clock the world runs.
    """

    name: str
    scale: int
    outage_s: float
    patience_s: float
    many: int

    def bench(self, config: Config) -> Bench: ...
    def node(self, bench: Bench, ident: str, program: Path, storage: Path, log: Path) -> Powered: ...
    def settings(self, bench: Bench, ident: str) -> dict[str, object]:
        """What settings.json says there of network, time and pace."""
        ...


class UnixPlace:
    """The world and the node's measuring run `scale` times as fast as real time."""

    name = "unix"
    outage_s = 1.5
    patience_s = 20.0
    many = 40

    def __init__(self, micropython: Path, *, scale: int = 1, heap: str = "320k") -> None:
        self.scale = scale
        self._micropython, self._heap = micropython, heap

    def bench(self, config: Config) -> Bench:
        return Bench(config)

    def node(self, bench: Bench, ident: str, program: Path, storage: Path, log: Path) -> PoweredNode:
        node = UnixNode(
            micropython=[str(self._micropython)],
            program=program,
            storage=storage,
            environment=bench.environment(ident),
            log=log,
            heap=self._heap,
        )
        return PoweredNode(node, before_cut=lambda: bench.cut_power(ident))

    def settings(self, bench: Bench, ident: str) -> dict[str, object]:
        wifi = bench.config.wifi
        return {
            "ssid": wifi.ssid,
            "wifi_key": wifi.key,
            "gateway": "127.0.0.1",
            "port": bench.node_port(ident),
            "time_scale": self.scale,
            "backlog_pause_ms": 10,
        }


class PicoWPlace:
    """The world runs as fast as the emulated chip does."""

    name = "pico_w"
    scale = 1
    outage_s = 30.0
    patience_s = 900.0
    many = 5

    def __init__(self, image: Path, *, files: Mapping[str, bytes] | None = None) -> None:
        self._uf2, self._files = image, files or {}
        self._clock = ChipTime()

    def bench(self, config: Config) -> Bench:
        return Bench(config, seconds=self._clock)

    def node(self, bench: Bench, ident: str, program: Path, storage: Path, log: Path) -> PoweredPicoW:
        node = PicoWNode(id=ident, uf2=self._uf2, program=program, storage=storage, log=log, files=self._files)
        return PoweredPicoW(node, bench, self._clock)

    def settings(self, bench: Bench, ident: str) -> dict[str, object]:
        return {
            "ssid": air_bridge.SSID,
            "wifi_key": bench.config.wifi.key,
            "gateway": air_bridge.HOST,
            "port": bench.node_port(ident),
            "interval_ms": 5000,
        }


class BoardPlace:
    """A real board. The bench plays nothing for it: its sensors are its own, its network is the one around it."""

    name = "board"
    scale = 1
    outage_s = 30.0
    patience_s = 120.0
    many = 5

    def __init__(self, port: str) -> None:
        self._port = port

    def bench(self, config: Config) -> Bench:
        return Bench(config)

    def node(self, bench: Bench, ident: str, program: Path, storage: Path, log: Path) -> PoweredBoard:
        return PoweredBoard(BoardNode(port=self._port, program=program, storage=storage, log=log))

    def settings(self, bench: Bench, ident: str) -> dict[str, object]:
        return {}


def board() -> BoardPlace:
    """BoardMissing where no port is named."""
    port = os.environ.get(PORT)
    if not port:
        raise BoardMissing(f"{PORT} names no port")
    return BoardPlace(port)


def pico_w() -> PicoWPlace:
    """Uf2Missing where there is no image to boot."""
    return PicoWPlace(uf2.find())


MAKERS: dict[str, Callable[[], Place]] = {"pico_w": pico_w, "board": board}
