"""What is plugged in: serial ports, and drives that a boot loader shows. And whether a port can be used."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from aircue_node.host.boards import BOARDS, Board
from aircue_node.host.errors import FlashError, PortBusy, PortForbidden, PortMissing

INFO = "INFO_UF2.TXT"
_MOUNTS = Path("/proc/self/mounts")
_PROC = Path("/proc")
_VOLUMES = Path("/Volumes")  # macOS
_FAT = ("vfat", "msdos")


@dataclass(frozen=True, kw_only=True)
class Port:
    """usb: vendor and product id, None for a port that is not on USB."""

    device: str
    usb: tuple[int, int] | None
    text: str


@dataclass(frozen=True, kw_only=True)
class Drive:
    path: Path
    board_id: str


# --- serial ports -------------------------------------------------------------------------------------------------


def ports() -> list[Port]:
    """USB ports alone: a computer's built-in ones are no boards."""
    from serial.tools import list_ports

    found = sorted(list_ports.comports(), key=lambda port: str(port.device))
    return [
        Port(device=port.device, usb=(port.vid, port.pid), text=str(port.description))
        for port in found
        if port.vid is not None
    ]


def boards_behind(port: Port) -> list[str]:
    """The names of the boards that show themselves this way."""
    return [board.name for board in BOARDS.values() if port.usb in board.usb]


def described(found: Iterable[Port], drives: Iterable[Drive]) -> list[str]:
    """One line for each thing there."""
    lines = [f"{port.device}  {port.text}  ({', '.join(boards_behind(port)) or 'no known board'})" for port in found]
    lines += [f"{drive.path}  drive of a boot loader  ({drive.board_id})" for drive in drives]
    return lines or ["nothing: plug the board in with a cable that carries data"]


def the_only_port(board: Board, found: list[Port]) -> str:
    """The one port a board of this kind can be behind. Raises PortMissing, listing what is there."""
    fitting = [port for port in found if port.usb in board.usb]
    if len(fitting) == 1:
        return fitting[0].device
    what = "several ports could be" if fitting else "no port looks like"
    raise PortMissing(f"{what} a {board.name}; name one with PORT=device. There is:\n{_indented(described(found, []))}")


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def check_port(device: str, found: Callable[[], list[Port]] = ports) -> None:
    """Raises PortMissing, PortForbidden or PortBusy, so that nothing is begun on a port that cannot be used."""
    try:
        handle = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise _port_error(device, error, found) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise _port_error(device, error, found) from error
    finally:
        os.close(handle)
    if holders(device):
        raise _busy(device)


def _port_error(device: str, error: OSError, found: Callable[[], list[Port]]) -> FlashError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortForbidden(f"{device}: no permission; {_permission_remedy(device)}")
    if error.errno in (errno.EBUSY, errno.EWOULDBLOCK):
        return _busy(device)
    there = _indented(described(found(), []))
    return PortMissing(f"{device}: {error.strerror}; name another with PORT=device. There is:\n{there}")


def _permission_remedy(device: str) -> str:
    import grp

    try:
        group = grp.getgrgid(Path(device).stat().st_gid).gr_name
    except (KeyError, OSError):
        group = "dialout"
    if group == "root":
        group = "dialout"
    return f"join the port's group: sudo usermod -aG {group} $USER (dialout on most systems), then log in anew"


def _busy(device: str) -> PortBusy:
    who = ", ".join(f"{program} (pid {pid})" for pid, program in holders(device))
    return PortBusy(f"{device}: in use by {who or 'a program of another user'}; close it and try again")


def holders(device: str, proc: Path = _PROC) -> list[tuple[int, str]]:
    """(pid, program) of the other processes that have the device open, as far as /proc tells (Linux, own processes)."""
    target = os.path.realpath(device)
    pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()) if proc.is_dir() else []
    return [(pid, _program(proc / str(pid))) for pid in pids if pid != os.getpid() and _holds(proc / str(pid), target)]


def _holds(process: Path, target: str) -> bool:
    try:
        return any(_link(entry) == target for entry in (process / "fd").iterdir())
    except OSError:
        return False


def _link(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a program"


# --- drives -------------------------------------------------------------------------------------------------------


def drives() -> list[Drive]:
    """The boot loader's drives that are mounted."""
    found = (drive_at(path) for path in _mounted())
    return [drive for drive in found if drive is not None]


def drive_at(path: Path) -> Drive | None:
    """None where the folder holds no boot loader's INFO_UF2.TXT."""
    try:
        text = (path / INFO).read_text(errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return Drive(path=path, board_id=fields.get("Board-ID", "").strip())


def _mounted() -> list[Path]:
    if _MOUNTS.is_file():
        return fat_mounts(_MOUNTS.read_text())
    return sorted(_VOLUMES.iterdir()) if _VOLUMES.is_dir() else []


def fat_mounts(text: str) -> list[Path]:
    """The mount points of FAT file systems in the format of /proc/mounts, where a space is written \\040."""
    rows = [line.split() for line in text.splitlines()]
    return [Path(row[1].replace("\\040", " ")) for row in rows if len(row) > 2 and row[2] in _FAT]


def drive_for(board: Board, found: list[Drive]) -> Drive | None:
    """The drive to write to; None where there is none. Raises FlashError where there are several."""
    fitting = [drive for drive in found if drive.board_id == board.drive]
    if len(fitting) > 1:
        paths = ", ".join(str(drive.path) for drive in fitting)
        raise FlashError(f"several boot loaders are there ({paths}): name one with --drive or unplug the others")
    return fitting[0] if fitting else None
