"""Writes MicroPython to an ESP32 with esptool, run as a program of its own."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from aircue_node.host.boards import Board
from aircue_node.host.errors import FlashError

_BAUD = 460800
_PROGRESS = re.compile(r"Writing at 0x[0-9a-fA-F]+.*?(\d+(?:\.\d+)?)\s*%")
# Lines of esptool that a user wants to see.
_TOLD = re.compile(r"^(Chip (type|is)|Wrote |Hash of data verified|.* already in flash)", re.IGNORECASE)
# What esptool says when it gives up: what it means and what to do.
_FAILURES = (
    (
        re.compile(r"This chip is (\S+), not (\S+?)\."),
        "the chip is an {0}, not the {1} that BOARD names: name the right BOARD; nothing was written",
    ),
    (
        re.compile(r"(?:device disconnected|lost connection|Input/output error)", re.I),
        "the board went away while it was written: plug it in again and run the same command again",
    ),
    (
        re.compile(r"(?:Failed to connect|No serial data received|Wrong boot mode)"),
        "the boot loader does not answer: hold BOOT while you press reset, then try again; check the cable",
    ),
    (
        re.compile(r"(?:verification failed|MD5 of file does not match|write .*target flash|Failed to write)", re.I),
        "the flash did not take what was written: try a shorter cable; if it stays so, the flash is worn out",
    ),
    (
        re.compile(r"(?:Could not open|port is busy|could not exclusively lock)", re.I),
        "the port cannot be opened: close what uses it",
    ),
)


def command(board: Board, port: str, image: Path) -> list[str]:
    """An image that is in flash already is not written again."""
    return [
        *(sys.executable, "-m", "esptool", "--chip", board.name, "--port", port, "--baud", str(_BAUD), "--verbose"),
        *("write-flash", "--skip-flashed", hex(board.offset), str(image)),
    ]


def write(board: Board, port: str, image: Path, say: Callable[[str], None]) -> None:
    """Raises FlashError with what esptool's words mean."""
    with subprocess.Popen(
        command(board, port, image), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        said = _follow((line.decode(errors="replace") for line in process.stdout), say)
    if process.returncode != 0:
        raise FlashError(f"{port}: {explained(said)}")


def _follow(lines: Iterable[str], say: Callable[[str], None]) -> str:
    """Passes on what a user wants to see, progress at most every tenth part; returns all that was said."""
    said: list[str] = []
    shown = -10.0
    for line in (part.strip() for whole in lines for part in whole.split("\r")):
        said.append(line)
        progress = _PROGRESS.search(line)
        if progress and (float(progress[1]) >= shown + 10 or shown < 100 <= float(progress[1])):
            shown = float(progress[1])
            say(f"write MicroPython {shown:.0f} %")
        elif _TOLD.match(line):
            say(f"esptool: {line}")
    return "\n".join(said)


def explained(said: str) -> str:
    """The first failure of the table that esptool's words show, else its own last line."""
    for pattern, meaning in _FAILURES:
        found = pattern.search(said)
        if found:
            return meaning.format(*found.groups())
    lines = [line for line in said.splitlines() if line]
    return f"esptool gave up: {lines[-1] if lines else 'without a word'}"
