"""One flashing from beginning to end: what is wished, the steps, and what the steps need from the computer."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aircue_node.host import discover, esp, files, firmware, repl, uf2
from aircue_node.host.boards import ESPTOOL, RELEASE, Board, version_text
from aircue_node.host.discover import Drive, Port
from aircue_node.host.errors import FlashError, PortMissing, Silent
from aircue_node.host.image import Image

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """port: None = the only one that fits. firmware: None = the release. drive: None = the one that fits."""

    board: Board
    port: str | None
    firmware: Path | None
    settings: bytes | None
    drive: Path | None
    skip_micropython: bool


@dataclass(frozen=True, kw_only=True)
class Computer:
    """What is plugged in, where downloads are kept, and how long is waited for a board that restarts."""

    cache: Path
    ports: Callable[[], list[Port]] = discover.ports
    drives: Callable[[], list[Drive]] = discover.drives
    downloads: str = firmware.DOWNLOADS
    restart_s: float = field(default=20.0)
    drive_s: float = field(default=10.0)


def flash(wish: Wish, image: Image, computer: Computer, say: Say) -> files.Done:
    """Raises FlashError. The image is built and the settings are checked before this is called."""
    port = _port(wish, computer)
    there = None if _written_anyway(wish) else _answering(port)
    if _needs_micropython(wish, there):
        data = _firmware(wish, computer, say)
        _write_micropython(wish, computer, data, port, there, say)
        there = repl.wait_for(lambda: _present(wish, computer), computer.restart_s)
    check_machine(wish.board, _must_answer(there, port))
    return _install(_now(wish, computer), wish, image, say)


def _port(wish: Wish, computer: Computer) -> str | None:
    """The port to use, checked; None for a Pico that shows its drive alone so far."""
    if wish.port is not None:
        if not Path(wish.port).exists() and _shows_drive(wish, computer):
            return None
        discover.check_port(wish.port, computer.ports)
        return wish.port
    if _shows_drive(wish, computer):
        return None
    port = discover.the_only_port(wish.board, computer.ports())
    discover.check_port(port, computer.ports)
    return port


def _shows_drive(wish: Wish, computer: Computer) -> bool:
    return not wish.skip_micropython and wish.board.method != ESPTOOL and _drive(wish, computer) is not None


def _drive(wish: Wish, computer: Computer) -> Drive | None:
    return discover.drive_for(wish.board, _drives(wish, computer))


def _drives(wish: Wish, computer: Computer) -> list[Drive]:
    if wish.drive is None:
        return computer.drives()
    drive = discover.drive_at(wish.drive)
    return [] if drive is None else [drive]


def _answering(port: str | None) -> repl.Found | None:
    if port is None:
        return None
    try:
        with repl.session(port) as line:
            return line.who()
    except Silent:
        return None


def _must_answer(there: repl.Found | None, port: str | None) -> repl.Found:
    if there is None:
        raise Silent(
            f"{port}: no MicroPython answers; press the board's reset button and try again, or leave out"
            " --skip-micropython so that MicroPython is written first"
        )
    return there


def _written_anyway(wish: Wish) -> bool:
    """An ESP gets a named file whoever answers on it; a Pico that answers can be sent into its boot loader."""
    return wish.board.method == ESPTOOL and wish.firmware is not None and not wish.skip_micropython


def _needs_micropython(wish: Wish, there: repl.Found | None) -> bool:
    """A release that is there already is not written again; a named file always is."""
    if wish.skip_micropython:
        return False
    return wish.firmware is not None or there is None or there.version[:3] != RELEASE or _unfit(wish.board, there) != ""


def check_machine(board: Board, there: repl.Found) -> None:
    """Raises FlashError where the MicroPython that answers is none for this kind of board."""
    reason = _unfit(board, there)
    if reason:
        raise FlashError(f"the board says it is {there.machine!r}; {reason}: name the right BOARD")


def _unfit(board: Board, there: repl.Found) -> str:
    if there.chip != board.chip:
        return f"a {board.name} has the chip {board.chip}"
    if board.radio and not there.radio:
        return f"its MicroPython has no Wi-Fi, a {board.name} needs {board.download}"
    return ""


def _firmware(wish: Wish, computer: Computer, say: Say) -> bytes:
    if wish.firmware is not None:
        return firmware.from_file(wish.board, wish.firmware)
    say(f"MicroPython {version_text(RELEASE)} for {wish.board.name}")
    return firmware.from_file(wish.board, firmware.fetch(wish.board, computer.cache, say, computer.downloads))


def _write_micropython(
    wish: Wish, computer: Computer, data: bytes, port: str | None, there: repl.Found | None, say: Say
) -> None:
    if wish.board.method != ESPTOOL:
        uf2.write(_boot_loader(wish, computer, port, there), data, say)
    elif port is not None:
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder) / "micropython.bin"
            image.write_bytes(data)
            esp.write(wish.board, port, image, say)


def _boot_loader(wish: Wish, computer: Computer, port: str | None, there: repl.Found | None) -> Drive:
    """A Pico whose MicroPython answers is sent into its boot loader; another one needs a finger on BOOTSEL."""
    drive = _drive(wish, computer)
    if drive is not None:
        return drive
    if port is None or there is None:
        return uf2.wait_for_drive(wish.board, lambda: _drives(wish, computer), 0)
    with repl.session(port) as line:
        files.enter_boot_loader(line)
    return uf2.wait_for_drive(wish.board, lambda: _drives(wish, computer), computer.drive_s)


def _present(wish: Wish, computer: Computer) -> str | None:
    """The port where the board is to answer, None while it is not there."""
    if wish.port is not None:
        return wish.port if Path(wish.port).exists() else None
    fitting = [port.device for port in computer.ports() if port.usb in wish.board.usb]
    return fitting[0] if len(fitting) == 1 else None


def _now(wish: Wish, computer: Computer) -> str:
    port = _present(wish, computer)
    if port is None:
        raise PortMissing("the board's port went away: plug it in again and run the same command again")
    return port


def _install(port: str, wish: Wish, image: Image, say: Say) -> files.Done:
    with repl.session(port) as line:
        done = files.install(line, image, wish.settings, say)
        files.restart(line)
    say(f"restarted: {wish.board.name} runs aircue {image.version}")
    return done
