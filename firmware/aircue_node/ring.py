"""The ring: samples in RAM, as rows of buffers made at the start. Keeping a sample allocates nothing.

The buffers are small, because the heap of a node that has loaded its program has no large pieces left.
"""

import struct

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Sample

_GAP = -(2**31)
_BUFFER = 1024
# sequence, uptime in ms, epoch in s, sent at in ms, state; then the values.
_ROW = "<IQIQB"
_UPTIME = 4
_SENT_AT = 16
_STATE = 24
_VALUES = 25
_TRIED = 1
_SENT = 2


class Ring:
    """Rows from the oldest (0) to the newest. A row is waiting, or sent (on its way); tried: it was sent before.

    Rows close ranks when some leave: moving bytes is quick, and an index is a place.
    """

    def __init__(self, capacity: int, width: int) -> None:
        self.width = width
        self._capacity = capacity
        self._values = f"<{width}i"
        self._size = struct.calcsize(_ROW) + 4 * width
        self._each = max(1, _BUFFER // self._size)
        buffers = (capacity + self._each - 1) // self._each
        self._buffers = [bytearray(self._each * self._size) for _ in range(buffers)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        return self._count == self._capacity

    @property
    def nearly_full(self) -> bool:
        return 4 * self._count >= 3 * self._capacity

    def _buffer(self, index: int) -> bytearray:
        return self._buffers[index // self._each]

    def _at(self, index: int) -> int:
        """Where a row begins in its buffer."""
        return index % self._each * self._size

    def append(self, sample: "Sample") -> None:
        """The ring must not be full. A value past 32 bits is no reading: it is kept as a gap."""
        sequence, uptime_ms, epoch_s, values = sample
        buffer, at = self._buffer(self._count), self._at(self._count)
        struct.pack_into(_ROW, buffer, at, sequence, uptime_ms, epoch_s, 0, 0)
        struct.pack_into(self._values, buffer, at + _VALUES, *[_cell(value) for value in values])
        self._count += 1

    def sample(self, index: int) -> "Sample":
        buffer, at = self._buffer(index), self._at(index)
        sequence, uptime_ms, epoch_s, _, _ = struct.unpack_from(_ROW, buffer, at)
        cells = struct.unpack_from(self._values, buffer, at + _VALUES)
        return sequence, uptime_ms, epoch_s, [None if cell == _GAP else cell for cell in cells]

    def sequence(self, index: int) -> int:
        number: int = struct.unpack_from("<I", self._buffer(index), self._at(index))[0]
        return number

    def uptime_ms(self, index: int) -> int:
        number: int = struct.unpack_from("<Q", self._buffer(index), self._at(index) + _UPTIME)[0]
        return number

    def sent(self, index: int) -> bool:
        return bool(self._buffer(index)[self._at(index) + _STATE] & _SENT)

    def tried(self, index: int) -> bool:
        return bool(self._buffer(index)[self._at(index) + _STATE] & _TRIED)

    def hand_over(self, index: int, now_ms: int) -> "Sample":
        struct.pack_into("<QB", self._buffer(index), self._at(index) + _SENT_AT, now_ms, _SENT | _TRIED)
        return self.sample(index)

    def recall(self, sent_before_ms: int | None = None) -> None:
        """What was sent before this moment, or at all, waits again."""
        for index in range(self._count):
            buffer, at = self._buffer(index), self._at(index)
            if sent_before_ms is None or struct.unpack_from("<Q", buffer, at + _SENT_AT)[0] < sent_before_ms:
                buffer[at + _STATE] &= ~_SENT

    def remove(self, leaves: "Callable[[int], bool]") -> int:
        """Takes out the rows whose index is named; how many they were."""
        kept = 0
        for index in range(self._count):
            if leaves(index):
                continue
            if kept != index:
                self._move(index, kept)
            kept += 1
        removed = self._count - kept
        self._count = kept
        return removed

    def _move(self, index: int, to: int) -> None:
        source, target = self._at(index), self._at(to)
        self._buffer(to)[target : target + self._size] = self._buffer(index)[source : source + self._size]


def _cell(value: int | None) -> int:
    return _GAP if value is None or not _GAP < value < -_GAP else value
