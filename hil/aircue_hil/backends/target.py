"""The sensors of a node's I2C buses, asked byte by byte: an emulated or a second chip clocks bytes, the board knows
whole transactions.
"""

import struct
from collections.abc import Callable

from aircue_hil.board import Board, TransactionError
from aircue_hil.transactions import Moment

_NOBODY = 0xFF  # what a bus that nobody drives reads


class I2cTarget:
    """One bus. start, then take or give a byte at a time, then stop; a repeated start is a start without a stop.

    A write is made known to its sensor with its last byte. What a read gives is looked at when it starts and taken when
    it stops, because only then it is known how long it was.
    """

    def __init__(self, bus: int, board: Board, now: Callable[[], Moment]) -> None:
        self._bus, self._board, self._now = bus, board, now
        self._address = 0
        self._written: bytearray | None = None
        self._given: bytes | None = None
        self._read_at: Moment | None = None
        self._count = 0

    def start(self, address: int, *, reading: bool) -> bool:
        """Whether somebody acknowledges the address."""
        self.stop()
        self._address = address
        return self._start_read() if reading else self._start_write()

    def take(self, byte: int, *, last: bool) -> bool:
        """A byte that is written; whether it is acknowledged."""
        if self._written is None:
            return False
        self._written.append(byte)
        return self._flush() if last else True

    def give(self) -> int:
        """A byte that is read."""
        place, self._count = self._count, self._count + 1
        return self._given[place] if self._given is not None and place < len(self._given) else _NOBODY

    def stop(self) -> None:
        if self._written is not None:
            self._flush()
        if self._read_at is not None:
            self._read(self._count, self._read_at)
            self._read_at = None

    def _start_write(self) -> bool:
        self._written = bytearray()
        if self._board.held(self._bus):
            return self._flush()
        return self._board.fitted(self._bus, self._address)

    def _start_read(self) -> bool:
        at = self._now()
        self._given, self._count = self._board.foresee(self._bus, self._address, at), 0
        if self._given is None:
            self._read(0, at)
            return False
        self._read_at = at
        return True

    def _flush(self) -> bool:
        written, self._written = bytes(self._written or b""), None
        return self._ask("W", bytes((self._bus, self._address)) + written, self._now())

    def _read(self, count: int, at: Moment) -> None:
        self._ask("R", struct.pack(">BBH", self._bus, self._address, count), at)

    def _ask(self, operation: str, payload: bytes, at: Moment) -> bool:
        try:
            self._board.handle(ord(operation), payload, at)
        except TransactionError:
            return False
        return True
