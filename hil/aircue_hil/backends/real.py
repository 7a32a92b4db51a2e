"""Runs a node's firmware on a real board through mpremote's transport. Never run on hardware by its authors: what is
tested is the protocol, against a board that the tests play on a pseudo terminal.

A board on USB has no power switch: power_off interrupts the program and clears its memory, it cuts nothing. The sensors
are real ones, or a second Pico plays them (SensorPlayer).

Errors:
    BoardMissing  no board is named, or nothing answers there; says what to do
"""

import asyncio
import contextlib
import hashlib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aircue_hil.backends import flash_image
from aircue_hil.backends.unix import EXIT_RESET

PORT, PLAYER_PORT = "HIL_PORT", "HIL_PLAYER"
_RUN = "import os\nos.chdir('/')\nexec(open('main.py').read(), {'__name__': '__main__'})"
_END_OF_PART = b"\x04"
_INTERRUPT = b"\r\x03\x03"
_LOOK_EVERY_S = 0.02


class BoardMissing(RuntimeError):
    """No board to run on; the message ends with the remedy."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; connect a board with MicroPython and name its port: {PORT}=/dev/ttyACM0")


class Port(Protocol):
    """The serial port below a transport. OSError once the board has left it."""

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int) -> bytes: ...
    def write(self, data: bytes) -> Any: ...


class Transport(Protocol):
    """What is used of mpremote.transport_serial.SerialTransport."""

    serial: Port

    def enter_raw_repl(self, soft_reset: bool = True) -> None: ...
    def exec_raw_no_follow(self, command: str) -> None: ...
    def fs_exists(self, src: str) -> bool: ...
    def fs_hashfile(self, path: str, algo: str) -> bytes: ...
    def fs_mkdir(self, path: str) -> None: ...
    def fs_writefile(self, dest: str, data: bytes) -> None: ...
    def close(self) -> None: ...


def open_transport(port: str) -> Transport:
    """BoardMissing where the port is not there or is in use."""
    serial_transport = importlib.import_module("mpremote.transport_serial")
    try:
        transport: Transport = serial_transport.SerialTransport(port)
    except (OSError, serial_transport.TransportError) as error:
        raise BoardMissing(f"{port} cannot be opened ({error}): it is missing, or another program has it") from error
    return transport


@dataclass(frozen=True, kw_only=True)
class BoardNode:
    """How to run one node. storage: a folder whose files (settings.json) go onto the board beside the firmware."""

    port: str
    program: Path
    storage: Path
    log: Path


class PoweredBoard:
    """A board, with the face of backends.unix.PoweredNode."""

    def __init__(self, node: BoardNode, connect: Callable[[str], Transport] = open_transport) -> None:
        self.node = node
        self.exit_codes: list[int] = []
        self._connect = connect
        self._transport: Transport | None = None
        self._listener: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._listener is not None and not self._listener.done()

    async def power_on(self) -> None:
        """Resets what ran, brings the files that differ, starts the program."""
        if self.running:
            return
        self._transport = await asyncio.to_thread(self._start)
        self._listener = asyncio.get_running_loop().create_task(self._listen(self._transport))

    async def power_off(self) -> None:
        """Interrupts the program; the soft reset of the next power_on clears the memory."""
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.serial.write(_INTERRUPT)
                self._transport.close()
            self._transport = None

    async def wait(self) -> int:
        """Until the program ended: 0, 1 where it ended with an error, EXIT_RESET where the board left its port."""
        if self._listener is not None:
            await asyncio.shield(self._listener)
        return self.exit_codes[-1]

    def _start(self) -> Transport:
        transport = self._connect(self.node.port)
        transport.enter_raw_repl(soft_reset=True)
        bring(transport, {**flash_image.firmware(self.node.program), **_files_in(self.node.storage)})
        transport.exec_raw_no_follow(_RUN)
        return transport

    async def _listen(self, transport: Transport) -> None:
        """What the program prints goes to the log; in the raw REPL an end is told as output, 04, error, 04."""
        parts = [b""]
        while len(parts) < 3:
            try:
                waiting = transport.serial.in_waiting
                data = transport.serial.read(waiting) if waiting else b""
            except OSError:
                self.exit_codes.append(EXIT_RESET)
                return
            parts = _END_OF_PART.join([*parts[:-1], parts[-1] + data]).split(_END_OF_PART)
            self._note(data)
            await asyncio.sleep(_LOOK_EVERY_S)
        self.exit_codes.append(1 if parts[1] else 0)

    def _note(self, data: bytes) -> None:
        if data:
            with self.node.log.open("ab") as log:
                log.write(data.replace(_END_OF_PART, b""))


def bring(transport: Transport, files: Mapping[str, bytes]) -> list[str]:
    """Writes the files that the board lacks or has otherwise, and reads each one's hash again; their names.

    OSError where a file came through wrong.
    """
    brought = []
    for name, content in files.items():
        if _is_there(transport, name, content):
            continue
        _make_folders(transport, name)
        transport.fs_writefile(name, content)
        if not _is_there(transport, name, content):
            raise OSError(f"{name} on the board is not what was written: its flash is full or damaged")
        brought.append(name)
    return brought


def _is_there(transport: Transport, name: str, content: bytes) -> bool:
    return transport.fs_exists(name) and transport.fs_hashfile(name, "sha256") == hashlib.sha256(content).digest()


def _make_folders(transport: Transport, name: str) -> None:
    parts = name.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[:depth])
        if not transport.fs_exists(folder):
            transport.fs_mkdir(folder)


def _files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
