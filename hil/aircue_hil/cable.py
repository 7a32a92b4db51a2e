"""The USB cable between a node's console and a host: a pseudo-terminal at either end, and a plug.

What the node writes while the host's end is pulled out, or read by nobody, is dropped, as MicroPython's USB driver does
without a host. A simulated cable, real ttys.
"""

import asyncio
import contextlib
import os
import pty
import tty
from pathlib import Path

_CHUNK = 4096


class Cable:
    """path: where the host finds the tty while the cable is plugged in. log: everything the node writes.

    node_end: the tty for the node's program, there until close().
    """

    def __init__(self, path: Path, log: Path) -> None:
        self._path = path
        self._log = log
        self._node, self.node_end = _pair()
        self._host: tuple[int, int] | None = None
        asyncio.get_running_loop().add_reader(self._node, self._from_node)

    def plug(self) -> None:
        if self._host is None:
            self._host = _pair()
            self._path.symlink_to(os.ttyname(self._host[1]))
            asyncio.get_running_loop().add_reader(self._host[0], self._from_host)

    def unplug(self) -> None:
        """At once: the host's program reads an end of file, whatever is on its way is gone."""
        if self._host is not None:
            asyncio.get_running_loop().remove_reader(self._host[0])
            self._path.unlink()
            for end in self._host:
                os.close(end)
            self._host = None

    def close(self) -> None:
        self.unplug()
        asyncio.get_running_loop().remove_reader(self._node)
        os.close(self._node)
        os.close(self.node_end)

    def _from_node(self) -> None:
        data = os.read(self._node, _CHUNK)
        with self._log.open("ab") as log:
            log.write(data)
        if self._host is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._host[0], data)

    def _from_host(self) -> None:
        assert self._host is not None
        data = os.read(self._host[0], _CHUNK)
        with contextlib.suppress(BlockingIOError):
            os.write(self._node, data)


def _pair() -> tuple[int, int]:
    """(our end, the program's end), both raw, ours never waiting. The program's end stays open here as well: without
    anybody at it, ours would report an end of file."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    return ours, theirs
