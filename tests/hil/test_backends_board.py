"""The board backend without a board: mpremote's calls against a fake transport, and against an emulated Pico W.

No hardware was ever at the other end.
"""

import asyncio
import contextlib
import hashlib
import os
import tty
from pathlib import Path

import pytest

from aircue_hil.backends import real
from aircue_hil.backends.chip import Chip
from aircue_hil.backends.real import BoardMissing, BoardNode, PoweredBoard
from aircue_hil.backends.unix import EXIT_RESET

FIRMWARE = Path(__file__).parents[2] / "firmware"


class FakeSerial:
    """Gives what a board says, piece by piece; gone: the board has left the bus."""

    def __init__(self, *said: bytes, gone: bool = False) -> None:
        self.said, self.gone = list(said), gone
        self.written = b""

    @property
    def in_waiting(self) -> int:
        if self.gone and not self.said:
            raise OSError(5, "device gone")
        return len(self.said[0]) if self.said else 0

    def read(self, size: int) -> bytes:
        return self.said.pop(0)[:size]

    def write(self, data: bytes) -> int:
        self.written += data
        return len(data)


class FakeTransport:
    """mpremote's transport with a board's files in a dictionary. spoils: this file comes through wrong."""

    def __init__(self, serial: FakeSerial, *, spoils: str = "") -> None:
        self.serial = serial
        self.files: dict[str, bytes] = {}
        self.folders: list[str] = []
        self.started: list[str] = []
        self.closed = False
        self._spoils = spoils

    def enter_raw_repl(self, soft_reset: bool = True) -> None:
        self.started.append("raw")

    def exec_raw_no_follow(self, command: str) -> None:
        self.started.append(command)

    def fs_exists(self, src: str) -> bool:
        return src in self.files or src in self.folders

    def fs_hashfile(self, path: str, algo: str) -> bytes:
        return hashlib.new(algo, self.files[path]).digest()

    def fs_mkdir(self, path: str) -> None:
        self.folders.append(path)

    def fs_writefile(self, dest: str, data: bytes) -> None:
        assert not os.path.dirname(dest) or os.path.dirname(dest) in self.folders  # noqa: PTH120 -- a board's path
        self.files[dest] = data[:-1] if dest == self._spoils else data

    def close(self) -> None:
        self.closed = True


def node(folder: Path, port: str = "/dev/fake") -> BoardNode:
    (folder / "storage").mkdir(exist_ok=True)
    (folder / "storage" / "settings.json").write_text("{}")
    return BoardNode(port=port, program=FIRMWARE / "main.py", storage=folder / "storage", log=folder / "node.log")


def run(folder: Path, transport: FakeTransport) -> PoweredBoard:
    async def play() -> PoweredBoard:
        powered = PoweredBoard(node(folder), lambda _port: transport)
        await powered.power_on()
        await asyncio.wait_for(powered.wait(), 10)
        await powered.power_off()
        return powered

    return asyncio.run(play())


def test_the_firmware_and_the_settings_are_brought_and_the_program_runs_to_its_end(tmp_path: Path) -> None:
    transport = FakeTransport(FakeSerial(b"sen", b"sor sht4x: ok\r\n\x04", b"\x04>"))
    assert run(tmp_path, transport).exit_codes == [0]
    assert {"main.py", "settings.json", "aircue_node/mqtt.mpy", "aircue_node/sensors/dht.mpy"} <= transport.files.keys()
    assert transport.folders[0] == "aircue_node"
    assert "aircue_node/sensors" in transport.folders
    assert transport.started[0] == "raw"
    assert "main.py" in transport.started[1]
    assert (tmp_path / "node.log").read_bytes() == b"sensor sht4x: ok\r\n>"
    assert transport.closed


def test_an_error_of_the_program_is_its_exit_code(tmp_path: Path) -> None:
    transport = FakeTransport(FakeSerial(b"\x04Traceback: boom\r\n", b"\x04"))
    assert run(tmp_path, transport).exit_codes == [1]
    assert b"boom" in (tmp_path / "node.log").read_bytes()


def test_a_board_that_leaves_its_port_has_reset(tmp_path: Path) -> None:
    assert run(tmp_path, FakeTransport(FakeSerial(b"uplink: ", gone=True))).exit_codes == [EXIT_RESET]


def test_power_off_interrupts_a_program_that_runs_on(tmp_path: Path) -> None:
    transport = FakeTransport(FakeSerial(b"working"))

    async def play() -> None:
        powered = PoweredBoard(node(tmp_path), lambda _port: transport)
        await powered.power_on()
        assert powered.running
        await powered.power_off()
        assert not powered.running

    asyncio.run(play())
    assert transport.serial.written == b"\r\x03\x03"
    assert transport.closed


def test_only_files_that_differ_are_written() -> None:
    transport = FakeTransport(FakeSerial())
    assert real.bring(transport, {"a": b"1", "b/c": b"2"}) == ["a", "b/c"]
    assert real.bring(transport, {"a": b"1", "b/c": b"3"}) == ["b/c"]


def test_a_file_that_comes_through_wrong_is_told() -> None:
    with pytest.raises(OSError, match="a on the board is not what was written"):
        real.bring(FakeTransport(FakeSerial(), spoils="a"), {"a": b"12"})


def test_a_port_that_is_not_there_is_told_with_the_remedy() -> None:
    with pytest.raises(BoardMissing, match=r"/dev/no-such-port cannot be opened .*HIL_PORT=/dev/ttyACM0"):
        real.open_transport("/dev/no-such-port")


@pytest.mark.hil
@pytest.mark.pico_w
def test_mpremote_brings_and_runs_a_program_on_an_emulated_board(tmp_path: Path, pico_w_image: Path) -> None:
    """The same code that would drive a real board, mpremote and a serial port included: a pseudo terminal carries the
    USB console of an emulated Pico W."""

    async def play() -> list[int]:
        loop = asyncio.get_running_loop()
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        chip = Chip(pico_w_image, None, heard=lambda data: os.write(ours, bytes(data)) and None, restarted=lambda: None)
        loop.add_reader(ours, lambda: chip.type(os.read(ours, 4096)))
        folder = tmp_path / "firmware"
        folder.mkdir()
        (folder / "main.py").write_text("from answer import given\nprint('answer', given * 2)\n")
        (tmp_path / "storage").mkdir()
        (tmp_path / "storage" / "answer.py").write_text("given = 21\n")
        board = BoardNode(
            port=os.ttyname(theirs),
            program=folder / "main.py",
            storage=tmp_path / "storage",
            log=tmp_path / "node.log",
        )
        powered = PoweredBoard(board)
        chip.start()
        try:
            await asyncio.wait_for(powered.power_on(), 200)
            await asyncio.wait_for(powered.wait(), 100)
            return powered.exit_codes
        finally:
            await powered.power_off()
            loop.remove_reader(ours)
            await chip.stop()
            for end in (ours, theirs):
                with contextlib.suppress(OSError):
                    os.close(end)

    assert asyncio.run(play()) == [0]
    assert "answer 42" in (tmp_path / "node.log").read_text()
