"""The boot loader of a simulated Pico, as a computer sees it: a drive that takes a UF2 file and is gone.

The drive is a folder. The format: "USB Flashing Format" (UF2), as the RP2040 and RP2350 data sheets describe their boot
loaders: blocks of another family are ignored, and the board restarts when all blocks of its own have come.
"""

import struct
import threading
from collections.abc import Callable
from pathlib import Path

_BLOCK = 512
_HEADER = struct.Struct("<8I")
_MAGIC, _END_MAGIC = (0x0A324655, 0x9E5D5157), 0x0AB16F30
_TICK_S = 0.02

INFO = {
    "RPI-RP2": "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n",
    "RP2350": "UF2 Bootloader v1.0\nModel: Raspberry Pi RP2350\nBoard-ID: RP2350\n",
}
FAMILIES = {"RPI-RP2": 0xE48BFF56, "RP2350": 0xE48BFF59}


def blocks_of(data: bytes, family: int) -> dict[int, tuple[int, int, bytes]]:
    """(blocks in all, address, payload) by block number, of the whole blocks in `data` that are of the family."""
    found = {}
    for start in range(0, len(data) - _BLOCK + 1, _BLOCK):
        block = data[start : start + _BLOCK]
        *magic, _flags, address, size, number, total, its_family = _HEADER.unpack_from(block)
        (end,) = struct.unpack_from("<I", block, _BLOCK - 4)
        if tuple(magic) == _MAGIC and end == _END_MAGIC and its_family == family:
            found[number] = (total, address, block[_HEADER.size : _HEADER.size + size])
    return found


def is_whole(blocks: dict[int, tuple[int, int, bytes]]) -> bool:
    return bool(blocks) and sorted(blocks) == list(range(next(iter(blocks.values()))[0]))


class Uf2Drive:
    """appear() shows the drive; once a whole image lies on it, it goes and `started` is called.

    flash: the image's bytes by address. stuck: a boot loader that takes the file and does nothing (a fault).
    """

    def __init__(self, folder: Path, board_id: str, started: Callable[[], None]) -> None:
        self.folder = folder
        self.board_id = board_id
        self.flash: dict[int, bytes] = {}
        self.stuck = False
        self._started = started
        self._thread: threading.Thread | None = None
        self._gone = threading.Event()

    def appear(self) -> None:
        self.folder.mkdir()
        (self.folder / "INFO_UF2.TXT").write_text(INFO[self.board_id])
        self._gone.clear()
        self._thread = threading.Thread(target=self._watch, name="simulated drive", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        self._gone.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self) -> None:
        while not self._gone.wait(_TICK_S):
            blocks = self._arrived()
            if is_whole(blocks) and not self.stuck:
                self.flash = {address: payload for _, address, payload in blocks.values()}
                self._disappear()
                self._started()
                return

    def _arrived(self) -> dict[int, tuple[int, int, bytes]]:
        data = b"".join(path.read_bytes() for path in sorted(self.folder.glob("*.uf2")))
        return blocks_of(data, FAMILIES[self.board_id])

    def _disappear(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()
