"""The real esptool against the simulated boot loader, and what its words are told as."""

import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flash.stage import esp_image, plug

from aircue_hil.emulated.esp_board import EspBoard
from aircue_hil.emulated.esp_rom import ESPS, Rom, Slip, frame
from aircue_node.host import esp
from aircue_node.host.boards import BOARDS

NAMES = sorted(ESPS)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            "x\nA fatal error occurred: This chip is ESP32-C3, not ESP32. Wrong chip argument?",
            "the chip is an ESP32-C3",
        ),
        ("A fatal error occurred: Failed to connect to ESP32: No serial data received.", "hold BOOT while you press"),
        ("A fatal error occurred: Failed to write to target flash after seq 3 (result was 0106)", "flash did not take"),
        ("A fatal error occurred: MD5 of file does not match data in flash!", "flash did not take"),
        ("Could not open /dev/ttyUSB0, the port is busy or doesn't exist.\n", "the port cannot be opened"),
        ("Lost connection, retrying...\nCould not open /dev/ttyUSB0", "the board went away"),
        ("\nsomething new\n", "esptool gave up: something new"),
        ("", "esptool gave up: without a word"),
    ],
)
def test_what_esptool_says_is_told_with_what_to_do(said: str, meaning: str) -> None:
    assert meaning in esp.explained(said)


@given(frames=st.lists(st.binary(min_size=1, max_size=40), max_size=5), cuts=st.lists(st.integers(1, 30), max_size=10))
def test_frames_come_out_whole_however_the_bytes_arrive(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, frames))
    slip, out = Slip(), []
    for size in [*cuts, len(stream)]:
        out += slip.feed(stream[:size])
        stream = stream[size:]
    assert out == frames


def asked(rom: Rom, operation: int, body: bytes = b"", checksum: int = 0) -> bytes:
    """The first answer's status bytes."""
    request = b"\0" + bytes([operation]) + len(body).to_bytes(2, "little") + checksum.to_bytes(4, "little") + body
    return Slip().feed(rom.feed(frame(request)))[0][8:][:2]


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def test_the_simulated_boot_loader_refuses_what_a_chip_refuses() -> None:
    rom = Rom(ESPS["esp32"])
    assert asked(rom, 0x14) == b"\x01\x05"  # an ESP32 knows no security info
    assert asked(rom, 0x02, words(4096, 4, 1024, 4 * 1024 * 1024)) == b"\x01\x06"  # past the end of flash
    assert asked(rom, 0x03, words(4, 0, 0, 0) + b"data", checksum=0) == b"\x01\x07"
    assert asked(rom, 0x11, words(4, 0, 0, 0) + b"zzzz", checksum=0xEF) == b"\x01\x0b"


def test_flash_that_was_not_erased_only_loses_bits() -> None:
    rom = Rom(ESPS["esp32"])
    rom.flash[0:4] = b"\x0f\x0f\x0f\x0f"
    assert asked(rom, 0x02, words(0, 0, 1024, 0)) == b"\0\0"
    assert (
        asked(rom, 0x03, words(4, 0, 0, 0) + b"\xf1\xf2\xf4\xff", checksum=0xEF ^ 0xF1 ^ 0xF2 ^ 0xF4 ^ 0xFF) == b"\0\0"
    )
    assert rom.flash[0:5] == b"\x01\x02\x04\x0f\xff"


@pytest.fixture(params=NAMES)
def board(request: pytest.FixtureRequest, tmp_path: Path, micropython: Path) -> Iterator[EspBoard]:
    plugged = plug(request.param, tmp_path / "board", micropython)
    assert isinstance(plugged.board, EspBoard)
    yield plugged.board
    plugged.unplug()


def esptool(board: EspBoard, *arguments: str) -> str:
    command = [sys.executable, "-m", "esptool", "--port", str(board.line.path), "--chip", "auto", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.hil
def test_esptool_knows_the_simulated_chip_and_its_flash_by_itself(board: EspBoard) -> None:
    names = {"esp32": "ESP32-D0WDQ6", "esp32c3": "ESP32-C3", "esp32s3": "ESP32-S3"}
    said = esptool(board, "flash-id")
    assert f"Chip type:          {names[board.rom.kind.name]}" in said
    assert "Detected flash size: 4MB" in said


@pytest.mark.hil
@pytest.mark.parametrize("options", [(), ("--no-stub",)], ids=["stub", "rom"])
def test_esptool_writes_and_verifies_through_the_stub_and_through_the_rom(
    board: EspBoard, options: tuple[str, ...], tmp_path: Path
) -> None:
    """Flash holds something else before, which has to be erased."""
    data = esp_image(board.rom.kind.chip_id, size=70_001)
    board.rom.flash[:200_000] = bytes(200_000)
    (tmp_path / "image.bin").write_bytes(data)
    said = esptool(board, *options, "write-flash", hex(board.offset), str(tmp_path / "image.bin"))
    assert "Hash of data verified" in said
    assert bytes(board.rom.flash[board.offset : board.offset + len(data)]) == data
    assert (board.rom.stub_bytes > 0) == (not options)


@pytest.mark.hil
def test_an_image_that_is_there_is_not_written_again(board: EspBoard, tmp_path: Path) -> None:
    kind = BOARDS[board.rom.kind.name]
    (tmp_path / "image.bin").write_bytes(esp_image(kind.chip_id))
    said: list[str] = []
    esp.write(kind, str(board.line.path), tmp_path / "image.bin", said.append)
    assert "write MicroPython 100 %" in said
    written = board.rom.commands[0x11]
    said.clear()
    esp.write(kind, str(board.line.path), tmp_path / "image.bin", said.append)
    assert any("already in flash" in line for line in said)
    assert board.rom.commands[0x11] == written


def test_the_deflate_that_the_boot_loader_takes_is_zlibs() -> None:
    rom = Rom(ESPS["esp32c3"])
    packed = zlib.compress(b"abc" * 100)
    checksum = 0xEF
    for byte in packed:
        checksum ^= byte
    asked(rom, 0x10, words(300, 1, 1024, 0, 0))
    assert asked(rom, 0x11, words(len(packed), 0, 0, 0) + packed, checksum) == b"\0\0"
    assert rom.flash[:300] == b"abc" * 100
