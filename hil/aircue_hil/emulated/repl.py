"""A simulated board with MicroPython on it, as a computer sees it: the friendly, raw and raw-paste REPL on a line.

Faults: the cable pulled after so many bytes, the power cut at a write to flash, a board that says nothing. A watchdog
that a program started goes on after the program was stopped, and through a soft reset, as on a chip.
"""

import math
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aircue_hil.emulated.chip import BLOCK, EXIT_BOOT_LOADER, EXIT_POWER_CUT, EXIT_RESET, Chip, ChipKind
from aircue_hil.emulated.line import Line

_RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
_WINDOW = 128  # half of the buffer that boards take raw-paste data into
_TICK_S = 0.02
_START = b"_start(_names)"
_CTRL_A, _CTRL_B, _CTRL_C, _CTRL_D, _CTRL_E = (bytes((code,)) for code in range(1, 6))


class ReplBoard:
    """One board; `power_on` and `power_off` from any thread, everything else happens on the board's own.

    flash: the file that keeps its storage. version: of MicroPython, as the board tells it. told: all that it sent.
    overrun: bytes that came while the raw-paste window was closed, which a real board loses.
    """

    def __init__(self, micropython: Path, folder: Path, kind: ChipKind, *, version: str = "1.29.0") -> None:
        self.line = Line(folder / "ttyACM0")
        self.flash = folder / "flash.img"
        self.flash.write_bytes(b"\xff" * BLOCK * kind.blocks)
        self.kind = kind
        self.version = version
        self.told = bytearray()
        self.received = 0
        self.overrun = 0
        self.restarts = 0
        self.unplug_after: int | None = None  # bytes from the computer
        self.cut_at_write = -1  # writes to flash
        self.mute = False
        self.on_boot_loader: Callable[[], None] = lambda: None
        self._micropython = micropython
        self._thread: threading.Thread | None = None
        self._off = threading.Event()
        self._chip: Chip | None = None
        self._bites_at = math.inf
        self._settle()

    # --- the switch -------------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Plugs the cable in; boot.py and main.py run, as on a board."""
        self._off.clear()
        self.received = 0
        self.line.plug()
        self._boot()
        self._thread = threading.Thread(target=self._live, name="simulated board", daemon=True)
        self._thread.start()

    def power_off(self) -> None:
        self._off.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def powered(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _boot(self) -> None:
        self._settle()
        self._bites_at = math.inf
        self._start_chip().run(_START)

    def _start_chip(self) -> Chip:
        self._chip = Chip(self._micropython, self.flash, self.kind, self.version, self._send, self.cut_at_write)
        return self._chip

    def _stop_chip(self) -> None:
        if self._chip is not None:
            self._chip.power_off()
            self._chip = None

    def _settle(self) -> None:
        self._raw = False
        self._silent_end = True  # what boots is not a raw REPL's command
        self._input = bytearray()
        self._command = bytearray()
        self._pasting = False
        self._window = self._granted = 0

    # --- the board's life -------------------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            while not self._off.is_set() and self._step():
                pass
        finally:
            self._stop_chip()
            self.line.unplug()

    def _step(self) -> bool:
        """False once the board is without power or cable."""
        outputs = [] if self._chip is None else [self._chip.output]
        select.select([self.line.fileno(), *outputs], [], [], _TICK_S)
        data = self.line.read()
        self.received += len(data)
        if not data and not self.line.open_elsewhere():
            self._off.wait(_TICK_S)
        self._take(data)
        if self.unplug_after is not None and self.received >= self.unplug_after:
            return False
        return self._chip is None or self._run_on(self._chip)

    def _run_on(self, chip: Chip) -> bool:
        was_busy = chip.busy
        ended = chip.forward()
        watchdog_ms = chip.watchdog_ms()
        if watchdog_ms is not None:
            self._bites_at = time.monotonic() + watchdog_ms / 1000
        if ended is not None or time.monotonic() > self._bites_at:
            return self._restart(EXIT_RESET if ended is None else ended)
        if was_busy and not chip.busy:
            self._finished()
        while self._input and not self._busy():
            self._obey()
        return True

    def _busy(self) -> bool:
        return self._chip is None or self._chip.busy

    def _take(self, data: bytes) -> None:
        for byte in data:
            if self._pasting:
                self._window -= 1
                self.overrun += self._window < 0
            if byte == _CTRL_C[0] and self._chip is not None and self._chip.busy:
                self._chip.interrupt()
            else:
                self._input.append(byte)

    def _restart(self, code: int) -> bool:
        """A reset starts the chip anew on the same line; into the boot loader the line goes away."""
        self._stop_chip()
        if code in (EXIT_BOOT_LOADER, EXIT_POWER_CUT):
            if code == EXIT_BOOT_LOADER:
                self.line.unplug()
                self.on_boot_loader()
            return False
        self.restarts += 1
        self._boot()
        return True

    def _send(self, data: bytes) -> None:
        """While a program boots, what it prints is all that is said, without a raw REPL's endings."""
        shown = data.replace(b"\x04", b"") if self._silent_end else data
        self.told += shown
        if not self.mute:
            self.line.write(shown)

    def _finished(self) -> None:
        self._send(b">" if self._raw else b"\r\nMicroPython v" + self.version.encode() + b"; simulated\r\n>>> ")

    # --- the REPL ---------------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        if self._pasting:
            self._paste()
        else:
            key = bytes(self._input[:1])
            del self._input[:1]
            (self._raw_key if self._raw else self._friendly_key)(key)

    def _friendly_key(self, key: bytes) -> None:
        if key == _CTRL_A:
            self._raw = True
            self._silent_end = False
            self._command.clear()
            self._send(_RAW_PROMPT)
        elif key == _CTRL_D:
            self._send(b"\r\nMPY: soft reboot\r\n")
            self._silent_end = True
            self._soft_reset().run(_START)
        elif key in (b"\r", _CTRL_B, _CTRL_C):
            self._send(b"\r\n>>> ")

    def _raw_key(self, key: bytes) -> None:
        if key == _CTRL_A and self._command == b"\x05A":
            self._begin_paste()
        elif key == _CTRL_A:
            self._command.clear()
            self._send(_RAW_PROMPT)
        elif key == _CTRL_B:
            self._raw = False
            self._silent_end = True
            self._send(b"\r\n>>> ")
        elif key == _CTRL_C:
            self._command.clear()
        elif key == _CTRL_D:
            self._end_command()
        else:
            self._command += key

    def _end_command(self) -> None:
        if self._command:
            self._send(b"OK")
            self._run()
        else:
            self._send(b"OK\r\nMPY: soft reboot\r\n")
            self._soft_reset()
            self._send(_RAW_PROMPT)

    def _soft_reset(self) -> Chip:
        """The storage stays, what commands have defined is gone."""
        self._stop_chip()
        return self._start_chip()

    def _begin_paste(self) -> None:
        """Two windows may be under way at once: the one announced and the one granted with it."""
        self._command.clear()
        self._pasting = True
        self._window = 2 * _WINDOW
        self._granted = _WINDOW
        self._send(b"R\x01" + _WINDOW.to_bytes(2, "little") + b"\x01")

    def _paste(self) -> None:
        end = self._input.find(_CTRL_D)
        part = bytes(self._input if end < 0 else self._input[:end])
        del self._input[: len(part) + (end >= 0)]
        self._command += part
        while len(self._command) >= self._granted and end < 0:
            self._granted += _WINDOW
            self._window += _WINDOW
            self._send(_CTRL_A)
        if end >= 0:
            self._pasting = False
            self._send(_CTRL_D)
            self._run()

    def _run(self) -> None:
        command = bytes(self._command)
        self._command.clear()
        if self._chip is not None:
            self._chip.run(command)
