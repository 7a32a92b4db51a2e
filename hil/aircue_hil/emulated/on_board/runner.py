"""A simulated board's chip: littlefs on a flash kept in a file, and what the REPL passes in is run.

Started by aircue_hil.emulated.chip, which passes in programs, a line of base64 each. What is run tells its start by a
byte 0x06 and its end, as a raw REPL does, by 0x04, its traceback and 0x04. A line "?" is answered with 0x16; where
Ctrl-C broke into the reading of a line, 0x15 says so. Environment: AIRCUE_FLASH (file),
AIRCUE_BLOCKS, AIRCUE_MACHINE, AIRCUE_RADIO (0 or 1), AIRCUE_VERSION (1.29.0), AIRCUE_PLATFORM (esp32 or rp2),
AIRCUE_CUT (power goes at this write to flash, -1: never).
"""

import os
import sys
from binascii import a2b_base64

import vfs

_BLOCK = 4096
_BLOCKS = int(os.getenv("AIRCUE_BLOCKS"))
_EXIT_RESET, _EXIT_BOOT_LOADER, _EXIT_POWER_CUT = 42, 43, 44


class Flash:
    """A block device; a power cut happens in the middle of a block's write and takes the process with it."""

    def __init__(self, path, cut):
        self._file = open(path, "r+b")  # noqa: SIM115 -- for as long as the chip has power
        self._writes_left = cut
        self._powered = True

    def readblocks(self, number, buffer, offset=0):
        self._file.seek(number * _BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, number, buffer, offset=0):
        """What a file that is closed on the way out still wants to write comes after the cut, and is not written."""
        if self._powered:
            self._powered = self._writes_left != 0
            self._writes_left -= 1
            self._file.seek(number * _BLOCK + offset)
            self._file.write(buffer if self._powered else memoryview(buffer)[: len(buffer) // 2])
            self._file.flush()
        if not self._powered:
            _end(_EXIT_POWER_CUT)

    def ioctl(self, operation, argument):
        return {4: _BLOCKS, 5: _BLOCK}.get(operation, 0)


class _Ended(BaseException):
    """Leaves everything up to the loop below, past any except clause of the program."""


_code = 0


def _end(code):
    global _code
    _code = code
    raise _Ended


class _Watchdog:
    """Runs outside, as a chip's does: it hears on stderr that it was started or fed."""

    feeds = 0

    def __init__(self, id=0, timeout=5000):
        sys.stderr.write("start %d\n" % timeout)

    def feed(self):
        _Watchdog.feeds += 1
        sys.stderr.write("feed\n")


class _Machine:
    WDT = _Watchdog

    @staticmethod
    def reset():
        _end(_EXIT_RESET)

    @staticmethod
    def bootloader(timeout=0):
        _end(_EXIT_BOOT_LOADER)


class _Network:
    WLAN = object


class _Implementation(tuple):
    _machine = os.getenv("AIRCUE_MACHINE")


class _Sys:
    platform = os.getenv("AIRCUE_PLATFORM")
    implementation = _Implementation(
        (
            "micropython",
            tuple(int(part) for part in os.getenv("AIRCUE_VERSION").split(".")),
            os.getenv("AIRCUE_MACHINE"),
        )
    )

    def __getattr__(self, name):
        return getattr(sys, name)


def mount():
    flash = Flash(os.getenv("AIRCUE_FLASH"), int(os.getenv("AIRCUE_CUT")))
    try:
        system = vfs.VfsLfs2(flash)
    except OSError:
        vfs.VfsLfs2.mkfs(flash)
        system = vfs.VfsLfs2(flash)
    vfs.umount("/")
    vfs.mount(system, "/")


def run(waiting, names):
    """waiting: a list of one program, taken out when it begins. Ctrl-C can come at any time, also too late."""
    failure = None
    try:
        source = waiting.pop()
        sys.stdout.buffer.write(b"\x06")
        exec(compile(a2b_base64(source), "<stdin>", "exec"), names)
    except SystemExit:
        pass
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- a REPL shows whatever it was
        failure = error
    ending = [
        lambda: sys.stdout.buffer.write(b"\x04"),
        lambda: failure is None or sys.print_exception(failure),
        lambda: sys.stdout.buffer.write(b"\x04"),
    ]
    while ending:
        try:
            ending[0]()
            ending.pop(0)
        except KeyboardInterrupt:
            pass


def start(names):
    """As a board starts: boot.py, then main.py."""
    for name in ("/boot.py", "/main.py"):
        try:
            os.stat(name)
        except OSError:
            continue
        with open(name) as file:
            exec(compile(file.read(), name[1:], "exec"), names)


def main():
    mount()
    sys.modules["machine"] = _Machine
    sys.modules["sys"] = _Sys()
    if os.getenv("AIRCUE_RADIO") == "1":
        sys.modules["network"] = _Network
    names = {"__name__": "__main__", "_start": start}
    names["_names"] = names
    waiting = []
    while True:
        try:
            if not waiting:
                waiting.append(sys.stdin.buffer.readline())
            if not waiting[0]:
                return
            if waiting[0] in (b"?\n", b"\n"):  # the latter is what an interrupted reading left of it
                sys.stdout.buffer.write(b"\x16" if len(waiting.pop()) > 1 else b"")
            else:
                run(waiting, names)
        except KeyboardInterrupt:  # meant for what has just ended
            sys.stdout.buffer.write(b"\x15")


if __name__ == "__main__":
    try:
        main()
    except _Ended:
        pass
    sys.exit(_code)
