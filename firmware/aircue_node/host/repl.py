"""A board's MicroPython over its serial port, through mpremote's transport."""

import contextlib
import io
import os
import struct
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aircue_node.host.errors import FlashError, Silent

_BAUD = 115200
_READ_S = 3.0
_ANSWER_S = 3.0
_LEFT_S = 0.5
_CHUNK = 768  # bytes a write command carries: 1 KiB in base64

_WHO = (
    "import sys\n"
    "try:\n import network\n radio=hasattr(network,'WLAN')\n"
    "except ImportError:\n radio=False\n"
    "print(sys.implementation[0],*sys.implementation[1][:3],int(radio),"
    "getattr(sys.implementation,'_machine',''),sep='|')"
)
# A program that was stopped may have left the watchdog running, and nothing can stop that: it is fed while we work.
_PRELUDE = (
    "import os,hashlib,machine\n"
    "from binascii import a2b_base64,hexlify\n"
    "try:\n _fed=machine.WDT(timeout=8000).feed\n"
    "except Exception:\n _fed=lambda:None\n"
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The MicroPython that answered. machine ends in the chip's name, "" of a very old one; radio: it has Wi-Fi."""

    machine: str
    version: tuple[int, ...]
    radio: bool

    @property
    def chip(self) -> str:
        """Without the instruction set that MicroPython names behind a hyphen."""
        return self.machine.rpartition(" with ")[2].partition("-")[0]


class Repl:
    """One session with the board's raw REPL. Whatever program ran is stopped and stays so until the board is reset.

    Errors: Silent where no MicroPython answers; FlashError where the board goes away or a command fails on it.
    """

    def __init__(self, transport: Any, port: str) -> None:
        self._transport = transport
        self.port = port

    def who(self) -> Found:
        said = self.run(_WHO).strip()
        name, *rest = said.split("|")
        if name != "micropython" or len(rest) != 5:
            raise Silent(f"{self.port}: {said!r} answers instead of MicroPython: write MicroPython to the board first")
        return Found(machine=rest[4], version=tuple(map(int, rest[:3])), radio=rest[3] == "1")

    def prepare(self) -> None:
        """What the commands below need on the board."""
        self.run(_PRELUDE)

    def run(self, command: str) -> str:
        """What the command printed. Raises FlashError with the board's last line where it failed there."""
        from mpremote.transport import TransportExecError

        try:
            with _translated(self.port):
                return bytes(self._transport.exec(command)).decode().replace("\r\n", "\n")
        except TransportExecError as error:
            raise FlashError(told(self.port, str(error))) from error

    def write(self, path: str, data: bytes, progress: Callable[[int], None] = lambda done: None) -> None:
        self.run(f"f=open({path!r},'wb')")
        for start in range(0, len(data), _CHUNK):
            text = b2a_base64(data[start : start + _CHUNK], newline=False)
            self.run(f"_fed();f.write(a2b_base64({text!r}))")
            progress(min(start + _CHUNK, len(data)))
        self.run("f.close()")

    def leave(self, command: str) -> None:
        """Runs a command after which the board is gone (a reset), and waits until it is."""
        with _translated(self.port):
            self._transport.exec_raw_no_follow(command)
        time.sleep(_LEFT_S)


def told(port: str, traceback: str) -> str:
    """A traceback from the board in one line, with what to do where that is known."""
    last = traceback.strip().splitlines()[-1]
    if "ENOSPC" in last or last.startswith("OSError: 28"):
        return f"{port}: the board's storage is full; remove files of yours from it, then run the same command again"
    return f"{port}: the board says: {last}"


@contextlib.contextmanager
def _translated(port: str) -> Iterator[None]:
    """mpremote's own errors and those of the line below it, said our way; what mpremote prints is not for the user."""
    from mpremote.transport import TransportError, TransportExecError

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except TransportExecError:
        raise
    except (TransportError, OSError, struct.error) as error:
        raise FlashError(
            f"{port}: the board went away ({error}); plug it in again and run the same command again"
        ) from error


@contextlib.contextmanager
def session(port: str, *, afresh: bool = False, answer_s: float = _ANSWER_S) -> Iterator[Repl]:
    """A raw REPL on the port; afresh: with the memory of the program that ran given back.

    Raises Silent where none answers within `answer_s`.
    """
    transport = _open(port)
    try:
        _enter(transport, port, afresh, answer_s)
        yield Repl(transport, port)
    finally:
        with contextlib.suppress(OSError):
            transport.close()


def _open(port: str) -> Any:
    from mpremote.transport import TransportError
    from mpremote.transport_serial import SerialTransport

    try:
        return SerialTransport(os.path.realpath(port), _BAUD, timeout=_READ_S)
    except (TransportError, OSError) as error:
        raise Silent(f"{port}: cannot be opened ({error}); see whether another program uses it") from error


def _enter(transport: Any, port: str, afresh: bool, answer_s: float) -> None:
    from mpremote.transport import TransportError

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            transport.enter_raw_repl(soft_reset=afresh, timeout_overall=answer_s)
    except (TransportError, OSError) as error:
        raise Silent(
            f"{port}: no MicroPython answers; press the board's reset button and try again, or leave out"
            " --skip-micropython so that MicroPython is written first"
        ) from error


def wait_for(port: Callable[[], str | None], seconds: float, pause_s: float = 0.2) -> Found:
    """Who answers on the port as soon as somebody does; `port` gives None while there is none yet."""
    end = time.monotonic() + seconds
    while True:
        time.sleep(pause_s)
        try:
            return _ask(port())
        except FlashError:  # a board that is just starting may answer and go away once more
            if time.monotonic() > end:
                raise


def _ask(port: str | None) -> Found:
    if port is None:
        raise Silent("no serial port appeared: unplug the board, plug it in again and run the same command again")
    with session(port) as repl:
        return repl.who()
