"""A simulated ESP board: its boot loader and its MicroPython on one line.

A pseudo terminal has no DTR and RTS, which on a real board pull the chip's reset and boot pins. So a SYNC request
counts as a reset into the boot loader, and a computer that closes the line as a reset out of it. MicroPython starts
where flash holds an image at the chip's offset; which image that is makes no difference, the chip runs the unix port.
"""

from pathlib import Path

from aircue_hil.emulated.chip import ChipKind
from aircue_hil.emulated.esp_rom import EspKind, Rom
from aircue_hil.emulated.repl import ReplBoard

_SYNC = b"\xc0\x00\x08"
_IMAGE = 0xE9
_NOTHING_THERE = b"invalid header: 0xffffffff\r\n"


class EspBoard(ReplBoard):
    """rom: the boot loader with the flash. offset: where an image starts."""

    def __init__(
        self, micropython: Path, folder: Path, kind: ChipKind, esp: EspKind, offset: int, *, version: str = "1.29.0"
    ) -> None:
        super().__init__(micropython, folder, kind, version=version)
        self.rom = Rom(esp)
        self.offset = offset
        self._in_rom = False

    def _boot(self) -> None:
        if self.rom.flash[self.offset] == _IMAGE:
            super()._boot()
        else:
            self.line.write(_NOTHING_THERE)

    def _step(self) -> bool:
        if self._in_rom and not self.line.open_elsewhere():
            self._in_rom = False
            self._boot()
        return super()._step()

    def _take(self, data: bytes) -> None:
        if _SYNC in data and not self._in_rom:
            self._in_rom = True
            self._stop_chip()
            self.rom.reset()
        if self._in_rom:
            self.line.write(self.rom.feed(data))
        else:
            super()._take(data)
