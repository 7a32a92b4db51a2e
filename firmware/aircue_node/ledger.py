"""The loss ledger: how many samples of each boot this node had to drop, and between which sequences.

A row is (boot, first, last, samples). Whoever reads it knows a row by its boot and first, so first never changes; last
and samples only grow. A boot has one row, and a further one only where a sequence before the row's first is lost.

There are at most 12 rows. When one more is needed, the oldest that the gateway is known to have leaves; where there is
none, the two oldest become one under the elder's boot and first, with the samples of both: the sum stays exact.
"""

MYPY = False
if MYPY:
    from aircue_node.ports import Loss
    from aircue_node.records import Packer, Reader

_MOST_ROWS = 12
_BOOT, _FIRST, _LAST, _SAMPLES, _CHANGED = 0, 1, 2, 3, 4


class Ledger:
    """serial grows with every change, so that the newest of several snapshots is known."""

    def __init__(self) -> None:
        self.serial = 0
        self._rows: list[list[int]] = []
        self._told = 0
        self._known = 0

    @property
    def rows(self) -> "list[Loss]":
        return [(row[_BOOT], row[_FIRST], row[_LAST], row[_SAMPLES]) for row in self._rows]

    def lose(self, boot: int, sequence: int, samples: int = 1) -> None:
        """Samples of a boot from this sequence on."""
        self.serial += 1
        for row in self._rows:
            if row[_BOOT] == boot and row[_FIRST] <= sequence:
                _grow(row, sequence + samples - 1, samples)
                row[_CHANGED] = self.serial
                return
        self._rows.append([boot, sequence, sequence + samples - 1, samples, self.serial])
        if len(self._rows) > _MOST_ROWS:
            self._shorten()

    def _shorten(self) -> None:
        for index in range(len(self._rows) - 1):
            if self._rows[index][_CHANGED] <= self._known:
                self._rows.pop(index)
                return
        second = self._rows.pop(1)
        _grow(self._rows[0], 0, second[_SAMPLES])
        self._rows[0][_CHANGED] = self.serial

    def tell(self) -> None:
        """The gateway is told now."""
        self._told = self.serial

    def told(self) -> None:
        """The gateway stored something that it was sent after that."""
        self._known = self._told

    def copy(self) -> "Ledger":
        other = Ledger()
        other.take(self)
        return other

    def take(self, other: "Ledger") -> None:
        """Becomes what the other is."""
        self.serial, self._told, self._known = other.serial, other._told, other._known
        self._rows = [list(row) for row in other._rows]

    def pack(self, packer: "Packer") -> None:
        packer.put(self.serial)
        for boot, first, last, samples, _ in self._rows:
            packer.put(boot)
            packer.put(first)
            packer.put(last - first)
            packer.put(samples)

    def unpack(self, reader: "Reader") -> bool:
        """Takes a snapshot where it is newer; whether it was."""
        serial = reader.number()
        if serial <= self.serial:
            return False
        self.serial = serial
        self._rows = []
        while reader.left:
            boot, first, span, samples = reader.number(), reader.number(), reader.number(), reader.number()
            self._rows.append([boot, first, first + span, samples, serial])
        return True


def _grow(row: list[int], last: int, samples: int) -> None:
    """A row never names more samples than lie between its ends."""
    row[_SAMPLES] += samples
    row[_LAST] = max(row[_LAST], last, row[_FIRST] + row[_SAMPLES] - 1)
