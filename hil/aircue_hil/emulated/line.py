"""The board's end of a serial cable: a pseudo terminal behind a path that stays the same while boards come and go."""

import os
import pty
import select
import tty
from pathlib import Path


class Line:
    """path: what the computer opens; it is there while the cable is plugged in.

    The computer's end is not held open here, so that whoever has it open is a program of the computer's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = -1

    @property
    def plugged(self) -> bool:
        return self._handle >= 0

    def plug(self) -> None:
        self._handle, slave = pty.openpty()
        tty.setraw(slave)
        name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._handle, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(name)

    def unplug(self) -> None:
        """Whoever has the path open gets an error from now on."""
        if self.plugged:
            self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = -1

    def read(self) -> bytes:
        """What the computer sent since; empty where that is nothing, or nobody has the line open."""
        try:
            return os.read(self._handle, 4096) if self.plugged else b""
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        """Waits for the computer to read on, as a board's USB does; what comes after the cable is pulled is lost."""
        while data and self.plugged:
            select.select([], [self._handle], [], 0.1)
            try:
                data = data[os.write(self._handle, data) :]
            except BlockingIOError:
                if not self.open_elsewhere():
                    return
            except OSError:
                return

    def open_elsewhere(self) -> bool:
        """Whether a program of the computer's has the line open."""
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    def fileno(self) -> int:
        return self._handle
