"""The chip of a simulated board: MicroPython's unix port on a littlefs of the board's size, kept in a file.

It is real MicroPython and real littlefs; the chip's speed, memory, float width and peripherals are not simulated.
"""

import os
import select
import signal
import subprocess
from binascii import b2a_base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_RUNNER = Path(__file__).parent / "on_board" / "runner.py"
EXIT_RESET, EXIT_BOOT_LOADER, EXIT_POWER_CUT = 42, 43, 44
# As on_board/runner.py says them.
_RUNS, _END, _INTERRUPTED, _THERE, _ARE_YOU_THERE = b"\x06", b"\x04", b"\x15", b"\x16", b"?\n"
_HEAP = "1m"
BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class ChipKind:
    """machine: as sys.implementation._machine has it. blocks: of 4 KiB, the size of the board's storage."""

    machine: str
    platform: str
    radio: bool
    blocks: int


KINDS = {
    "esp32": ChipKind(machine="Generic ESP32 module with ESP32", platform="esp32", radio=True, blocks=512),
    "esp32c3": ChipKind(machine="ESP32C3 module with ESP32C3", platform="esp32", radio=True, blocks=512),
    "esp32s3": ChipKind(machine="Generic ESP32S3 module with ESP32S3", platform="esp32", radio=True, blocks=512),
    "pico": ChipKind(machine="Raspberry Pi Pico with RP2040", platform="rp2", radio=False, blocks=352),
    "pico_w": ChipKind(machine="Raspberry Pi Pico W with RP2040", platform="rp2", radio=True, blocks=212),
    "pico2": ChipKind(machine="Raspberry Pi Pico2 with RP2350", platform="rp2", radio=False, blocks=352),
    "pico2_w": ChipKind(machine="Raspberry Pi Pico 2 W with RP2350", platform="rp2", radio=True, blocks=212),
}


class Chip:
    """One chip that is powered on. Output goes to `out` as a raw REPL sends it, lines ending in CR LF."""

    def __init__(
        self, micropython: Path, flash: Path, kind: ChipKind, version: str, out: Callable[[bytes], None], cut: int
    ) -> None:
        self._out = out
        self._endings = 0
        self._started = False
        self._interrupted = False
        self._watchdog_ms: int | None = None
        self._words = b""
        self._process = subprocess.Popen(
            [micropython, "-X", f"heapsize={_HEAP}", _RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_environment(flash, kind, version, cut)},
        )

    @property
    def busy(self) -> bool:
        """Whether something runs that was started."""
        return self._endings > 0

    @property
    def output(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def watchdog_ms(self) -> int | None:
        """The watchdog's time, where it was started or fed since this was last asked."""
        assert self._process.stderr is not None
        if not select.select([self._process.stderr], [], [], 0)[0]:
            return None
        *words, self._words = (self._words + os.read(self._process.stderr.fileno(), 4096)).split(b"\n")
        for word in words:
            if word.startswith(b"start "):
                self._watchdog_ms = int(word[6:])
        return self._watchdog_ms if words else None

    def run(self, source: bytes) -> None:
        """Its output, 0x04, its traceback and 0x04 follow through `forward`."""
        if self._interrupted:
            self._let_it_pass()
        self._endings = 2
        self._started = self._interrupted = False
        self._tell(b2a_base64(source))

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _let_it_pass(self) -> None:
        """A Ctrl-C that came too late may still be on its way; it must not break into what comes next."""
        said = _INTERRUPTED
        while said and _THERE not in said:
            if _INTERRUPTED in said:
                self._tell(_ARE_YOU_THERE)
            said = os.read(self.output, 4096)

    def forward(self) -> int | None:
        """Passes on what there is; the exit code once the chip has stopped, which is a reset or a power cut."""
        if not select.select([self.output], [], [], 0)[0]:
            return None
        data = os.read(self.output, 4096)
        if not data:
            return self._process.wait()
        data = self._of_what_runs(data)
        self._endings -= data.count(_END)
        self._out(data.replace(b"\n", b"\r\n"))
        return None

    def _of_what_runs(self, data: bytes) -> bytes:
        """Without what is said between two programs, about a Ctrl-C that came too late."""
        if self.busy and not self._started:
            data = self._begin(data)
        ended = data.split(_END)[:-1]
        return data if len(ended) < self._endings else b"".join(one + _END for one in ended[: self._endings])

    def _begin(self, data: bytes) -> bytes:
        """Takes the byte off that says what was passed in runs now, and what an earlier Ctrl-C left before it."""
        _, found, rest = data.partition(_RUNS)
        self._started = bool(found)
        if found and self._interrupted:
            self.interrupt()
        return rest

    def interrupt(self) -> None:
        """Ctrl-C reaches what runs; before it runs, the moment it does."""
        self._interrupted = True
        if self._started:
            self._process.send_signal(signal.SIGINT)

    def power_off(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def _environment(flash: Path, kind: ChipKind, version: str, cut: int) -> dict[str, str]:
    return {
        "AIRCUE_FLASH": str(flash),
        "AIRCUE_BLOCKS": str(kind.blocks),
        "AIRCUE_MACHINE": kind.machine,
        "AIRCUE_PLATFORM": kind.platform,
        "AIRCUE_RADIO": str(int(kind.radio)),
        "AIRCUE_VERSION": version,
        "AIRCUE_CUT": str(cut),
        "MICROPYPATH": ".frozen",
    }
