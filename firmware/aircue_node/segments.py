"""The journal's folder: segments of at most one flash block each, the births of their boots, ledger and cursor.

    <number>.seg    samples, oldest number first; one addition is one append, and nothing is appended after a restart
    <number>.new    a file being made; what is there at a start was cut short and is removed
    <number>.bad    a segment of which nothing can be read, set aside (at most two)
    <boot>.birth    what a boot would have said of itself, there before its first sample is
    <boot>.clock    when a boot began, where samples of it were stored before the time was known
    ledger          the newest snapshot of the loss ledger, where the segment that carried it went
    cursor          up to where the gateway has everything; may lag behind

Two neighbours become one segment under the elder's number: it is written to .new, renamed over the elder, then the
younger is removed. Its first record says up to which number it stands for, so that a start removes what a power cut
left. It carries the ledger, so that samples leave and are counted in one act, the rename.

Errors: OSError, from the file system, or where nothing more can be thinned.
"""

import os

from aircue_node import records
from aircue_node.records import Reader, SamplePacker, Unreadable
from aircue_node.unload import unload

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ledger import Ledger
    from aircue_node.ports import Sample
    from aircue_node.ring import Ring

    Birth = Callable[[], bytes] | None

BLOCK = 4096
FEWEST_BLOCKS = 8
# Past this an addition opens a new segment: the rest is for the head and the ledger when it is merged.
_SEALED = BLOCK - 2 * records.LONGEST
# A file being made, and the ledger.
_SPARE_BLOCKS = 2
_NO_SPACE = 28


class Segments:
    """numbers, levels (how often thinned) and counts (of samples) are of the segments, from the oldest.

    births: boots with a birth or a clock on flash; bad: how many segments were set aside; next: the number of the next
    segment. pinned: up to this number segments are being handed over; they are not thinned.
    """

    def __init__(self, folder: str, most_bytes: int, boot: int) -> None:
        self.folder = folder
        self._most_blocks = most_bytes // BLOCK
        self.boot = boot
        self._born = False  # this boot's birth is on flash
        self.reader = Reader()
        self.packer = SamplePacker()
        self.numbers: list[int] = []
        self.levels: list[int] = []
        self.counts: list[int] = []
        self.pinned = 0
        self.saved = 0  # serial of the newest ledger on flash
        self.home = 0  # the segment that carries it; 0: the file
        self.births: list[int] = []
        self.bad = 0
        self.next = 1
        self._size = 0  # of the newest segment while it takes additions

    def path(self, name: object, kind: str = "") -> str:
        return f"{self.folder}/{name}{kind}"

    # --- at the start

    def mount(self, ledger: "Ledger") -> tuple[int, int]:
        """Reads what there is. The cursor: (number of a segment, samples of it that the gateway has). What does it is
        in memory for as long alone."""
        from aircue_node import mounting

        try:
            return mounting.mount(self, ledger)
        finally:
            unload("aircue_node.mounting")

    # --- adding

    def append(
        self, ring: "Ring", rows: list[int], dated: "Callable[[Sample], Sample]", ledger: "Ledger", birth: "Birth"
    ) -> int:
        """Stores rows of the ring in one append to the newest segment, or to a new one. How many of them fitted."""
        new = not self._size
        if new:
            self._begin(ledger, birth)
        number = self.next if new else self.numbers[-1]
        self.next += new
        size, self._size, count = self._size, 0, 0  # after an error nothing more is added to this one
        try:
            with open(self.path(number, ".seg"), "ab") as file:
                if ledger.serial != self.saved:
                    size += file.write(self._ledger_record(ledger))
                while count < len(rows):
                    packed = self._pack(ring, rows, count, dated)
                    record = self.packer.finish()
                    if size + len(record) > BLOCK:
                        break
                    size += file.write(record)
                    count += packed
        except OSError:
            if new:
                self.remove(number, ".seg")
            raise
        if new:
            self.add(number, 0, 0)
        self.counts[-1] += count
        self._size = size if count == len(rows) and size < _SEALED else 0
        if ledger.serial != self.saved:
            self.saved, self.home = ledger.serial, number
        return count

    def _begin(self, ledger: "Ledger", birth: "Birth") -> None:
        """Room for a segment, and before the first of this boot its birth."""
        if birth is not None and not self._born:
            self._make_room(2, ledger)
            self._write_birth(birth())
        self._make_room(1, ledger)

    def _write_birth(self, birth: bytes) -> None:
        with open(self.path(self.boot, ".new"), "wb") as file:
            file.write(birth)
        os.rename(self.path(self.boot, ".new"), self.path(self.boot, ".birth"))
        self._born = True
        self._note_boot()

    def _note_boot(self) -> None:
        if self.boot not in self.births:
            self.births.append(self.boot)

    def _pack(self, ring: "Ring", rows: list[int], start: int, dated: "Callable[[Sample], Sample]") -> int:
        """As many rows of one kind as one record holds."""
        again = ring.tried(rows[start])
        packer = self.packer
        packer.open(self.boot, again, ring.width)
        for index in range(start, len(rows)):
            if ring.tried(rows[index]) is not again or not packer.add(dated(ring.sample(rows[index]))):
                break
        return packer.count

    def _make_room(self, blocks: int, ledger: "Ledger") -> None:
        while self._used() + blocks > self._most_blocks:
            from aircue_node import thinning

            if not thinning.thin(self, ledger):
                raise OSError(_NO_SPACE)
            thinning.forget_births(self)

    def _used(self) -> int:
        return len(self.numbers) + len(self.births) + self.bad + _SPARE_BLOCKS

    def add(self, number: int, level: int, count: int) -> None:
        self.numbers.append(number)
        self.levels.append(level)
        self.counts.append(count)

    # --- reading

    def read(self, number: int, skip: int, limit: int) -> "tuple[int, bool, list[Sample]]":
        """(boot, handed over before, samples of one kind) of a segment behind the first ones; none: unreadable."""
        boot, again, at = 0, False, 0
        samples: list[Sample] = []
        reader = self.reader
        try:
            with open(self.path(number, ".seg"), "rb") as file:
                while len(samples) < limit and reader.load(file):
                    if reader.kind != records.SAMPLES:
                        continue
                    at += reader.count
                    if at <= skip:
                        continue
                    kind = reader.group()
                    if samples and kind[:2] != (boot, again):
                        break
                    boot, again = kind[:2]
                    samples.extend(reader.samples(kind[2]))
                    samples = self._cut(samples, at, skip, limit)
        except (OSError, Unreadable):
            pass
        return boot, again, samples

    def _cut(self, samples: "list[Sample]", at: int, skip: int, limit: int) -> "list[Sample]":
        """Without those before skip, which only a first record has, and past the limit. at: place behind the last."""
        surplus = len(samples) - (at - skip)
        return samples[max(0, surplus) :][:limit]

    def birth_of(self, boot: int) -> bytes | None:
        try:
            with open(self.path(boot, ".birth"), "rb") as file:
                return file.read()
        except OSError:
            return None

    def clock_of(self, boot: int) -> int | None:
        """When a boot began, in ms since 1970."""
        return self.reader.number() if self.load(f"{boot}.clock", records.CLOCK) else None

    @property
    def undated(self) -> bool:
        """Whether an earlier run of this boot (of a node that slept since) stored samples, and not when it began."""
        return self.boot in self.births and self.clock_of(self.boot) is None

    # --- tiny files

    def write_clock(self, epoch_ms: int) -> None:
        self.packer.start(records.CLOCK)
        self.packer.put(epoch_ms)
        self._write(f"{self.boot}.clock", self.packer.finish())
        self._note_boot()

    def write_cursor(self, number: int, count: int) -> None:
        self.packer.start(records.CURSOR)
        self.packer.put(number)
        self.packer.put(count)
        self._write("cursor", self.packer.finish())

    def save_ledger(self, ledger: "Ledger") -> None:
        self._write("ledger", self._ledger_record(ledger))
        self.saved, self.home = ledger.serial, 0

    def _ledger_record(self, ledger: "Ledger") -> memoryview:
        self.packer.start(records.LEDGER)
        ledger.pack(self.packer)
        return self.packer.finish()

    def _write(self, name: str, record: memoryview) -> None:
        with open(self.path(name), "wb") as file:
            file.write(record)

    def load(self, name: str, kind: int) -> bool:
        """Whether the file's one record is there, whole and of this kind."""
        try:
            with open(self.path(name), "rb") as file:
                return self.reader.load(file) and self.reader.kind == kind
        except (OSError, Unreadable):
            return False

    # --- removing

    def remove_before(self, number: int, ledger: "Ledger") -> None:
        """The gateway has everything of the segments before this one."""
        before = len(self.numbers)
        while self.numbers and self.numbers[0] < number:
            if self.numbers[0] == self.home:
                self.save_ledger(ledger)
            self.remove(self.numbers[0], ".seg")
            self.take_out(0)
        if len(self.numbers) < before and self.births:
            first = self._first_boot()
            self.forget([boot for boot in self.births if boot < first and boot != self.boot])

    def take_out(self, index: int) -> None:
        """From the lists. The newest one takes no more additions then."""
        if index == len(self.numbers) - 1:
            self._size = 0
        for column in (self.numbers, self.levels, self.counts):
            column.pop(index)

    def _first_boot(self) -> int:
        """Boots follow one another through the segments, so nothing of an earlier one is left."""
        for number in self.numbers:
            boot, _, samples = self.read(number, 0, 1)
            if samples:
                return boot
        return self.boot

    def forget(self, boots: list[int]) -> None:
        for boot in boots:
            self.remove(boot, ".birth")
            self.remove(boot, ".clock")
            self.births.remove(boot)

    def remove(self, name: int, kind: str) -> None:
        try:
            os.remove(self.path(name, kind))
        except OSError:
            pass  # it was never there, or a start tries again
