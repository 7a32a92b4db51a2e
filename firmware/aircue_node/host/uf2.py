"""Writes MicroPython to a Pico: copies the UF2 file to its boot loader's drive, which takes it and starts it."""

import os
import time
from collections.abc import Callable

from aircue_node.host.boards import Board
from aircue_node.host.discover import Drive, drive_at, drive_for
from aircue_node.host.errors import FlashError

GONE_S = 30.0
_PAUSE_S = 0.1
_CHUNK = 64 * 1024
_FIRST_TIME = "unplug it, hold its BOOTSEL button, plug it in and let go"


def wait_for_drive(board: Board, found: Callable[[], list[Drive]], seconds: float) -> Drive:
    """The drive as soon as it is there. Raises FlashError saying how to make it appear."""
    end = time.monotonic() + seconds
    while True:
        there = found()
        drive = drive_for(board, there)
        if drive is not None:
            return drive
        if time.monotonic() > end:
            raise FlashError(_no_drive(board, there))
        time.sleep(_PAUSE_S)


def _no_drive(board: Board, there: list[Drive]) -> str:
    others = ", ".join(f"{drive.path} ({drive.board_id})" for drive in there)
    seen = f"; there is {others}, of another chip: is BOARD right?" if others else ""
    return (
        f"the {board.name} shows no drive {board.drive}: {_FIRST_TIME}; where drives are not mounted by themselves,"
        f" mount it and name the folder with DRIVE=folder{seen}"
    )


def write(drive: Drive, data: bytes, say: Callable[[str], None], gone_s: float = GONE_S) -> None:
    """Returns when the boot loader has taken the file and the drive is gone.

    The board restarts with the last block, so an error of the last write or of the sync says nothing; that the drive
    goes away does.
    """
    say(f"write MicroPython to {drive.path} ({len(data)} bytes)")
    failure = _copy(drive, data)
    end = time.monotonic() + gone_s
    while drive_at(drive.path) is not None:
        if time.monotonic() > end:
            raise FlashError(_still_there(drive, failure))
        time.sleep(_PAUSE_S)


def _copy(drive: Drive, data: bytes) -> OSError | None:
    """The error that writing ended with, if any. Raises FlashError where it cannot even begin."""
    try:
        file = (drive.path / "firmware.uf2").open("wb")
    except OSError as error:
        raise FlashError(f"{drive.path}: {error.strerror}: mount the drive so that you may write to it") from error
    try:
        with file:
            for start in range(0, len(data), _CHUNK):
                file.write(data[start : start + _CHUNK])
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def _still_there(drive: Drive, failure: OSError | None) -> str:
    if failure is not None:
        return f"{drive.path}: {failure.strerror}: the image could not be written; unplug the board and start anew"
    return f"{drive.path}: the boot loader took the file but did not start it; unplug the board and start anew"
