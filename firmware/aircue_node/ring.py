"""The ring: samples in RAM, as rows of one buffer made at the start. Keeping a sample allocates nothing."""

import struct

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Sample

_GAP = -(2**31)
# sequence, uptime in ms, epoch in s, sent at in ms, state; then the values.
_ROW = "<IQIQB"
_SENT_AT = 16
_STATE = 24
_VALUES = 25
_TRIED = 1
_SENT = 2


class Ring:
    """Rows from the oldest (0) to the newest. A row is waiting, or sent (on its way); tried: it was sent before.

    Rows lie at the beginning of the buffer and close ranks when some leave: moving bytes is quick, and an index is a
    place.
    """

    def __init__(self, capacity: int, width: int) -> None:
        self._capacity = capacity
        self.width = width
        self._values = f"<{width}i"
        self._size = struct.calcsize(_ROW) + 4 * width
        self._rows = bytearray(capacity * self._size)
        self._view = memoryview(self._rows)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def full(self) -> bool:
        return self._count == self._capacity

    @property
    def nearly_full(self) -> bool:
        return 4 * self._count >= 3 * self._capacity

    def append(self, sample: "Sample") -> None:
        """The ring must not be full. A value past 32 bits is no reading: it is kept as a gap."""
        sequence, uptime_ms, epoch_s, values = sample
        at = self._count * self._size
        struct.pack_into(_ROW, self._rows, at, sequence, uptime_ms, epoch_s, 0, 0)
        struct.pack_into(self._values, self._rows, at + _VALUES, *[_cell(value) for value in values])
        self._count += 1

    def sample(self, index: int) -> "Sample":
        at = index * self._size
        sequence, uptime_ms, epoch_s, _, _ = struct.unpack_from(_ROW, self._rows, at)
        cells = struct.unpack_from(self._values, self._rows, at + _VALUES)
        return sequence, uptime_ms, epoch_s, [None if cell == _GAP else cell for cell in cells]

    def sequence(self, index: int) -> int:
        number: int = struct.unpack_from("<I", self._rows, index * self._size)[0]
        return number

    def uptime_ms(self, index: int) -> int:
        number: int = struct.unpack_from("<Q", self._rows, index * self._size + 4)[0]
        return number

    def sent(self, index: int) -> bool:
        return bool(self._rows[index * self._size + _STATE] & _SENT)

    def tried(self, index: int) -> bool:
        return bool(self._rows[index * self._size + _STATE] & _TRIED)

    def hand_over(self, index: int, now_ms: int) -> "Sample":
        at = index * self._size
        struct.pack_into("<QB", self._rows, at + _SENT_AT, now_ms, _SENT | _TRIED)
        return self.sample(index)

    def recall(self, sent_before_ms: int | None = None) -> None:
        """What was sent before this moment, or at all, waits again."""
        for index in range(self._count):
            at = index * self._size
            if sent_before_ms is None or struct.unpack_from("<Q", self._rows, at + _SENT_AT)[0] < sent_before_ms:
                self._rows[at + _STATE] &= ~_SENT

    def remove(self, leaves: "Callable[[int], bool]") -> int:
        """Takes out the rows whose index is named; how many they were."""
        size, view, kept = self._size, self._view, 0
        for index in range(self._count):
            if leaves(index):
                continue
            if kept != index:
                view[kept * size : (kept + 1) * size] = view[index * size : (index + 1) * size]
            kept += 1
        removed = self._count - kept
        self._count = kept
        return removed


def _cell(value: int | None) -> int:
    return _GAP if value is None or not _GAP < value < -_GAP else value
