"""The console of a board as a line to the gateway."""

import select
import sys

_LONGEST_READ = 256


class Console:
    """The console a board shares with its program's output: USB, or a UART where the board has no USB of its own."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)

    def read(self) -> bytes:
        """Byte by byte: a port waits until it has all that was asked for."""
        data = bytearray()
        while len(data) < _LONGEST_READ and self._poll.poll(0):
            byte = sys.stdin.buffer.read(1)
            if not byte:
                break
            data.extend(byte)
        return bytes(data)

    def write(self, data: bytes) -> object:
        return sys.stdout.buffer.write(data)
