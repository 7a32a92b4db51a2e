"""What the flashing tests are played with: made-up MicroPython images, a small firmware, simulated boards."""

import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from littlefs import LittleFS, UserContext

from aircue_hil.emulated.chip import BLOCK, KINDS
from aircue_hil.emulated.esp_board import EspBoard
from aircue_hil.emulated.esp_rom import ESPS
from aircue_hil.emulated.repl import ReplBoard
from aircue_hil.emulated.uf2_drive import Uf2Drive
from aircue_node.host.boards import BOARDS, ESPTOOL, Board

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
SETTINGS = '{"site": "home-1", "node": "bath", "key": "k", "gateway": "10.0.0.1", "sensors": []}'

# The firmware's own launcher starts it, and is made to say which one it is.
LAUNCHER = (FIRMWARE / "main.py").read_text()
ITS_END = '\nif __name__ == "__main__":\n'
START = """import aircue_node
from aircue_node import report


def run():
    print("running", aircue_node.__version__, report.text())


def load(on_trial):
    return run
"""


def said_at_start(program: str, launcher: str = "1") -> str:
    """What a board prints that starts such a program by such a launcher."""
    return f"launcher {launcher}\r\nrunning {program} {program}"


def esp_image(chip_id: int, size: int = 90_000) -> bytes:
    """As much of an ESP image as is looked at: magic, no segment, the chip's id in the extended header."""
    header = struct.pack("<BBBB4xBxxxH10x", 0xE9, 0, 2, 0x20, 0xEE, chip_id)
    return (header + random.Random(size).randbytes(size * 3 // 4)).ljust(size, b"\0")


def uf2_block(family: int, number: int, total: int, payload: bytes, address: int = 0x10000000) -> bytes:
    head = struct.pack(
        "<8I", 0x0A324655, 0x9E5D5157, 0x2000, address + 256 * number, len(payload), number, total, family
    )
    return head + payload.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def uf2_image(family: int, blocks: int = 20) -> bytes:
    return b"".join(uf2_block(family, number, blocks, bytes([number]) * 256) for number in range(blocks))


def image_for(board: Board) -> bytes:
    """Begins, for an RP2350, with the block of another family that MicroPython's own begin with."""
    if board.method == ESPTOOL:
        return esp_image(board.chip_id)
    extra = b"".join(uf2_block(family, 0, 2, b"\xef" * 256, 0x10FFFF00) for family in sorted(board.extra_families))
    return extra + uf2_image(board.family)


def write_firmware(folder: Path, version: str, *, launcher: str = "1", modules: int = 3) -> Path:
    """A firmware folder whose program says its version from two modules, so that a mixture shows."""
    package = folder / "aircue_node"
    (package / "sensors").mkdir(parents=True, exist_ok=True)
    assert LAUNCHER.count(ITS_END) == 1, "firmware/main.py ends in another way than these tests know"
    (folder / "main.py").write_text(LAUNCHER.replace(ITS_END, f"\nprint('launcher', {launcher!r})\n{ITS_END}"))
    (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (package / "start.py").write_text(START)
    (package / "report.py").write_text(f'def text():\n    return "{version}"\n')
    (package / "sensors" / "__init__.py").write_text("")
    for number in range(modules):
        (package / "sensors" / f"part{number}.py").write_text(f"NAME = {f'{number}-' * 40!r}\n")
    return folder


def stored(flash: Path) -> dict[str, bytes]:
    """Every file on a board's flash, read by littlefs's own C code through another binding than MicroPython's."""
    context = UserContext(flash.stat().st_size, buffer=bytearray(flash.read_bytes()))
    system = LittleFS(context=context, block_size=BLOCK, block_count=flash.stat().st_size // BLOCK, mount=False)
    system.mount()
    files = {}
    for folder, _, names in system.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with system.open(path, "rb") as file:
                files[path] = file.read()
    return files


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Ends the test where the condition does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.01)


@dataclass(kw_only=True)
class Plugged:
    """A simulated board of some kind, its cable in. drive: of a Pico, None for an ESP."""

    kind: Board
    board: ReplBoard
    drive: Uf2Drive | None

    @property
    def port(self) -> str:
        return str(self.board.line.path)

    def unplug(self) -> None:
        if self.drive is not None:
            self.drive.unplug()
        self.board.power_off()


def plug(
    name: str,
    folder: Path,
    micropython: Path,
    *,
    blank: bool = True,
    version: str = "1.29.0",
    blocks: int | None = None,
) -> Plugged:
    """blank: as from the shop, an ESP with empty flash, a Pico with BOOTSEL held; else MicroPython runs already.

    blocks: a smaller storage than boards of the kind have.
    """
    kind = BOARDS[name]
    chip = KINDS[name] if blocks is None else replace(KINDS[name], blocks=blocks)
    folder.mkdir(parents=True, exist_ok=True)
    if kind.method == ESPTOOL:
        esp = EspBoard(micropython, folder, chip, ESPS[name], kind.offset, version=version)
        if not blank:
            esp.rom.flash[kind.offset] = 0xE9
        esp.power_on()
        return Plugged(kind=kind, board=esp, drive=None)
    board = ReplBoard(micropython, folder, chip, version=version)
    drive = Uf2Drive(folder / "drive", kind.drive, board.power_on)
    board.on_boot_loader = drive.appear
    (drive.appear if blank else board.power_on)()
    return Plugged(kind=kind, board=board, drive=drive)


def run_flash(*arguments: str | Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """aircue-flash as a process of its own."""
    command = [sys.executable, "-m", "aircue_node.host.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=dict(environment))
