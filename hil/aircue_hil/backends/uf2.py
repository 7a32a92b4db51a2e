"""Finds the MicroPython image that an emulated Pico W boots: HIL_UF2, or rp2040py's download into the user's cache.

Errors:
    Uf2Missing  there is none; says how to give one
"""

import os
import struct
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "HIL_UF2"
VERSION = "1.25.0"  # the newest that this bench was run with
BOARD = "pico_w"
_BLOCK, _MAGIC = 512, (0x0A324655, 0x9E5D5157)


class Uf2Missing(RuntimeError):
    """No image to boot; the message ends with the remedy."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason}; get MicroPython for the Pico W from https://micropython.org/download/RPI_PICO_W/ and name the "
            f"file: {VARIABLE}=path/to/file.uf2"
        )


def find(environ: Mapping[str, str] = os.environ) -> Path:
    """The image's path. It is looked for on the network only where the variable names none."""
    given = environ.get(VARIABLE)
    return checked(Path(given), f"{VARIABLE}={given}") if given else _downloaded()


def checked(path: Path, named: str) -> Path:
    """The path again; Uf2Missing where it holds no UF2."""
    try:
        head = path.read_bytes()[:_BLOCK]
    except OSError as error:
        raise Uf2Missing(f"{named} cannot be read ({error.strerror})") from error
    if len(head) < _BLOCK or struct.unpack_from("<2I", head) != _MAGIC:
        raise Uf2Missing(f"{named} is no UF2 file")
    return path


def _downloaded() -> Path:
    from rp2040py.utils.firmware_retrieve import MICROPYTHON, retrieve

    try:
        path = retrieve(MICROPYTHON, VERSION, BOARD)
    except OSError as error:
        raise Uf2Missing(f"MicroPython {VERSION} for the Pico W could not be downloaded ({error})") from error
    if path is None:
        raise Uf2Missing(f"MicroPython {VERSION} for the Pico W could not be downloaded")
    return checked(path, str(path))
