"""Makes room in a full journal: joins small neighbours, else keeps every second sample of the two oldest least thinned.

Past level 4 (one sample in 16) the oldest segment goes. What goes is in the ledger of the segment that replaces it.
Loaded when the journal is full for the first time.
"""

import os

from aircue_node import records
from aircue_node.records import Unreadable
from aircue_node.segments import BLOCK

MYPY = False
if MYPY:
    from typing import BinaryIO

    from aircue_node.ledger import Ledger
    from aircue_node.ports import Sample
    from aircue_node.segments import Segments

_HIGHEST_LEVEL = 4
# Head and ledger of a merged segment.
_ROOM = 280


def thin(segments: "Segments", ledger: "Ledger") -> bool:
    """Takes a block, or samples, out of the segments that are not being handed over; False where nothing is left."""
    first = 0
    while first < len(segments.numbers) and segments.numbers[first] <= segments.pinned:
        first += 1
    count = len(segments.numbers) - first
    if count == 0 or (count == 1 and segments.counts[first] == 0):
        return False
    if count == 1:
        _merge(segments, first, [_step(segments.levels[first])], ledger)
        return True
    small = _small_pair(segments, first)
    if small is not None:
        _merge(segments, small, [1, 1], ledger)
        return True
    index = _least_thinned(segments, first)
    if _pair_level(segments, index) < _HIGHEST_LEVEL:
        _merge(segments, index, [2, 2], ledger)
    else:
        _merge(segments, first, [0, 1], ledger)
    return True


def _step(level: int) -> int:
    return 2 if level < _HIGHEST_LEVEL else 0


def forget_births(segments: "Segments") -> None:
    """Of boots that have no sample any more."""
    if len(segments.births) < 2:
        return
    boots: set[int] = {segments.boot}
    reader = segments.reader
    for number in segments.numbers:
        try:
            with open(segments.path(number, ".seg"), "rb") as file:
                while reader.load(file):
                    if reader.kind == records.SAMPLES:
                        boots.add(reader.group()[0])
        except (OSError, Unreadable):
            return
    segments.forget([boot for boot in segments.births if boot not in boots])


def _pair_level(segments: "Segments", index: int) -> int:
    return max(segments.levels[index], segments.levels[index + 1])


def _least_thinned(segments: "Segments", first: int) -> int:
    best = first
    for index in range(first, len(segments.numbers) - 1):
        if _pair_level(segments, index) < _pair_level(segments, best):
            best = index
    return best


def _small_pair(segments: "Segments", first: int) -> int | None:
    """The oldest neighbours that fit into one block as they are."""
    before = BLOCK
    for index in range(first, len(segments.numbers)):
        size = os.stat(segments.path(segments.numbers[index], ".seg"))[6]
        if before + size <= BLOCK - _ROOM:
            return index - 1
        before = size
    return None


def _merge(segments: "Segments", index: int, steps: list[int], ledger: "Ledger") -> None:
    """One segment for one or two; steps: of each, every which sample stays (0: none)."""
    while True:
        after = ledger.copy()
        copied = _copy(segments, index, steps, after)
        if copied is not None:
            break
        steps = [step + 1 if step != 0 else 0 for step in steps]
    number, last = segments.numbers[index], index + len(steps) - 1
    os.rename(segments.path(number, ".new"), segments.path(number, ".seg"))
    ledger.take(after)
    segments.saved, segments.home = ledger.serial, number
    segments.levels[index] = _level(segments, index, steps)
    if last > index:
        segments.remove(segments.numbers[last], ".seg")
        segments.take_out(last)
    segments.counts[index] = copied


def _level(segments: "Segments", index: int, steps: list[int]) -> int:
    level = max([segments.levels[index + place] for place in range(len(steps)) if steps[place]] or [0])
    return level + 1 if max(steps) > 1 else level


def _copy(segments: "Segments", index: int, steps: list[int], ledger: "Ledger") -> int | None:
    """Writes the merged segment beside the old ones. Samples in it; None where it is larger than a block."""
    last = segments.numbers[index + len(steps) - 1]
    packer = segments.packer
    with open(segments.path(segments.numbers[index], ".new"), "wb") as file:
        packer.start(records.MERGED)
        packer.put(_level(segments, index, steps))
        packer.put(last)
        copy = Copy(segments, file, ledger, file.write(packer.finish()))
        for place, step in enumerate(steps):
            copy.segment(index + place, step)
        copy.close()
    return copy.count if copy.size <= BLOCK else None


class Copy:
    """Samples on their way into a merged segment."""

    def __init__(self, segments: "Segments", file: "BinaryIO", ledger: "Ledger", size: int) -> None:
        self._segments = segments
        self._file = file
        self._ledger = ledger
        self._kind: tuple[int, bool, int] = (0, False, 0)
        self._seen = 0
        self.count = 0
        self.size = size
        segments.packer.count = 0

    def segment(self, index: int, step: int) -> None:
        """All of one segment. What can no longer be read of it is lost, and counted."""
        reader, number = self._segments.reader, self._segments.numbers[index]
        left, boot, sequence = self._segments.counts[index], 0, 0
        try:
            with open(self._segments.path(number, ".seg"), "rb") as file:
                while left and reader.load(file):
                    if reader.kind != records.SAMPLES:
                        continue
                    kind = reader.group()
                    for sample in reader.samples(kind[2]):
                        boot, sequence = kind[0], sample[0]
                        self._take(kind, sample, step)
                    left -= reader.count
        except Unreadable:
            print(f"journal: {number}.seg is damaged, {left} samples of it are lost")
        if left > 0:
            self._ledger.lose(boot, sequence + 1, left)

    def _take(self, kind: tuple[int, bool, int], sample: "Sample", step: int) -> None:
        self._seen += 1
        if step == 0 or self._seen % step:
            self._ledger.lose(kind[0], sample[0])
            return
        packer = self._segments.packer
        if packer.count and kind != self._kind:
            self._write()
        if not packer.count:
            packer.open(*kind)
        self._kind = kind
        if not packer.add(sample):
            self._write()
            packer.open(*kind)
            packer.add(sample)
        self.count += 1

    def _write(self) -> None:
        """Past the block's end nothing is written any more: this copy is given up."""
        record = self._segments.packer.finish()
        self._segments.packer.count = 0
        self.size += len(record)
        if self.size <= BLOCK:
            self._file.write(record)

    def close(self) -> None:
        packer = self._segments.packer
        if packer.count:
            self._write()
        packer.start(records.LEDGER)
        self._ledger.pack(packer)
        record = packer.finish()
        self.size += len(record)
        if self.size <= BLOCK:
            self._file.write(record)
