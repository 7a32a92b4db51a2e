"""One flashing from beginning to end: what is wished, the steps, and what the steps need from the computer."""

import contextlib
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
    there = None if _written_anyway(wish) else _answering(port, wish)
    try:
        return _flash(wish, image, computer, say, port, there)
    except (FlashError, KeyboardInterrupt):
        if port is not None and there is not None:
            _let_run(port)
        raise


def _flash(
    wish: Wish, image: Image, computer: Computer, say: Say, port: str | None, there: repl.Found | None
) -> files.Done:
    if there is not None:
        check_chip(wish.board, there)
    others = set() if port is not None else _fitting(wish, computer)
    if there is None or _outdated(wish, there):
        data = _firmware(wish, computer, say)
        _write_micropython(wish, computer, data, port, there, say)
        there = repl.wait_for(lambda: _present(wish, computer, others), computer.restart_s)
    check_chip(wish.board, there)
    check_radio(wish.board, there)
    return _install(_now(wish, computer, others), wish, image, say)


def _let_run(port: str) -> None:
    """What ran was stopped to ask it who it is; where nothing came of that it starts again."""
    with contextlib.suppress(FlashError), repl.session(port) as line:
        files.restart(line)


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


def _answering(port: str | None, wish: Wish) -> repl.Found | None:
    """None where nothing answers, unless that is all that is wanted."""
    if port is None:
        return None
    try:
        with repl.session(port) as line:
            return line.who()
    except Silent:
        if wish.skip_micropython:
            raise
        return None


def _written_anyway(wish: Wish) -> bool:
    """An ESP gets a named file whoever answers on it; a Pico that answers can be sent into its boot loader."""
    return wish.board.method == ESPTOOL and wish.firmware is not None and not wish.skip_micropython


def _outdated(wish: Wish, there: repl.Found) -> bool:
    """A release that is there already is not written again; a named file always is."""
    if wish.skip_micropython:
        return False
    return wish.firmware is not None or there.version != RELEASE or (wish.board.radio and not there.radio)


def check_chip(board: Board, there: repl.Found) -> None:
    """Raises FlashError where the MicroPython that answers runs on another chip. A very old one does not say."""
    if there.chip not in ("", board.chip):
        raise FlashError(
            f"the board says it is {there.machine!r}; a {board.name} has the chip {board.chip}: name the right BOARD"
        )


def check_radio(board: Board, there: repl.Found) -> None:
    if board.radio and not there.radio:
        raise FlashError(
            f"the board says it is {there.machine!r}; this MicroPython has no Wi-Fi, a {board.name} needs"
            f" {board.download}: name the right BOARD, or leave out --skip-micropython"
        )


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


def _fitting(wish: Wish, computer: Computer) -> set[str]:
    return {port.device for port in computer.ports() if port.usb in wish.board.usb}


def _present(wish: Wish, computer: Computer, others: set[str]) -> str | None:
    """The port where the board is to answer, None while it is not there; others: ports that were there before it."""
    if wish.port is not None:
        return wish.port if Path(wish.port).exists() else None
    fitting = _fitting(wish, computer) - others
    return fitting.pop() if len(fitting) == 1 else None


def _now(wish: Wish, computer: Computer, others: set[str]) -> str:
    port = _present(wish, computer, others)
    if port is None:
        raise PortMissing("the board's port went away: plug it in again and run the same command again")
    return port


def _install(port: str, wish: Wish, image: Image, say: Say) -> files.Done:
    with repl.session(port, afresh=True) as line:
        done = files.install(line, image, wish.settings, say)
        files.restart(line)
    say(f"restarted: {wish.board.name} runs aircue {image.version}")
    return done
