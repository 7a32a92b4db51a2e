"""The log: numbered segments of records in one folder; the newest is written to, the older ones are read.

A segment is a file of fixed size, full of zeros or of what an earlier life left, so that writing into it changes no
size. It gets its name once its checkpoint is on the disk: a file called a segment begins with a whole one. The newest
two are always kept: with the checkpoint of the one before, the newest can be done without its own.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from aircue_gateway import log
from aircue_gateway.spool.book import Position
from aircue_gateway.spool.disk import Disk, told
from aircue_gateway.spool.records import HEAD_BYTES, Kind, Record, frame, read_at, scan

SEGMENT_BYTES = 1024 * 1024
UNFINISHED = "next.segment-new"
SPARE = "spare.segment-old"
_SUFFIX = ".segment"
_DIGITS = 10
_CHECKPOINTS_A_SEGMENT = 8  # a segment is at least this many times as large as its checkpoint


class Place(NamedTuple):
    """Where a record is."""

    segment: int
    offset: int
    end: int


def file_name(segment: int) -> str:
    return f"{segment:0{_DIGITS}d}{_SUFFIX}"


def segments(disk: Disk) -> list[int]:
    """The numbers of those there are, ascending."""
    stems = (name.removesuffix(_SUFFIX) for name in disk.names() if name.endswith(_SUFFIX))
    return sorted(int(stem) for stem in stems if len(stem) == _DIGITS and stem.isdecimal())


def contents(disk: Disk, segment: int, offset: int = 0) -> bytes:
    name = file_name(segment)
    return disk.read(name, offset, disk.size(name) - offset)


class Log:
    """end: where the next record goes. first_serials: of each segment there is. checkpoint: asked for the body of the
    record that a new segment begins with."""

    def __init__(self, disk: Disk, segment_bytes: int, checkpoint: Callable[[], bytes]) -> None:
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._checkpoint = checkpoint
        self._trusted = False
        self._size = 0
        self._spare_bytes = 0
        self._unfinished_bytes = 0
        self.current = 0
        self.end = 0
        self.serial = 1
        self.first_serials: dict[int, int] = {}
        self.sizes: dict[int, int] = {}

    def resume(self, segment: int, end: int, serial: int) -> None:
        """Goes on behind the last record that was read back, once all that was read is sure to be on the disk."""
        self.current, self.end, self.serial = segment, end, serial
        self._size = self.sizes[segment]
        with told(f"spool segment {file_name(segment)}"):
            self._disk.sync(file_name(segment))
            self._disk.sync_names()
        self._trusted = True

    def continue_elsewhere(self, segment: int, serial: int) -> None:
        """Goes on in a new segment: this one is damaged, or cannot be trusted."""
        self.current, self.serial, self._trusted = segment, serial, False

    @property
    def total_bytes(self) -> int:
        return sum(self.sizes.values()) + self._spare_bytes + self._unfinished_bytes

    @property
    def next_bytes(self) -> int:
        """What another segment would take."""
        return 0 if self._spare_bytes else self._segment_bytes

    def append(self, kind: Kind, body: bytes, deflate: bool = True) -> Place:
        """On the disk when this returns. After an error nothing is written behind the last good record of this
        segment any more: the system may have forgotten what it failed to write."""
        record = frame(self.current, self.serial, kind, body, deflate)
        if not self._trusted or self.end + len(record) > self._size:
            self._begin(len(record))
            record = frame(self.current, self.serial, kind, body, deflate)
        name, offset = file_name(self.current), self.end
        try:
            with told(f"spool segment {name}"):
                self._disk.write(name, offset, record)
                self._disk.sync(name)
        except BaseException:
            self._trusted = False
            raise
        self.end = offset + len(record)
        self.serial += 1
        return Place(self.current, offset, self.end)

    def _begin(self, room: int) -> None:
        """A new segment with the checkpoint of this moment, and room behind it."""
        number = self.current + 1
        first = frame(number, self.serial, Kind.CHECKPOINT, self._checkpoint())
        size = max(self._segment_bytes, _CHECKPOINTS_A_SEGMENT * len(first), len(first) + room)
        name = file_name(number)
        with told(f"spool segment {name}"):
            size = self._blank(size)
            self._disk.write(UNFINISHED, 0, first)
            self._disk.sync(UNFINISHED)
            self._disk.rename(UNFINISHED, name)
            self._unfinished_bytes, self.sizes[number] = 0, size
            self._disk.sync_names()
        self.first_serials[number] = self.serial
        self.current, self.end, self.serial, self._size, self._trusted = number, len(first), self.serial + 1, size, True

    def _blank(self, size: int) -> int:
        """A file under the name of the unfinished one, and its size."""
        if self._unfinished_bytes < size <= self._spare_bytes:
            self._disk.rename(SPARE, UNFINISHED)
            self._unfinished_bytes, self._spare_bytes = self._spare_bytes, 0
        if self._unfinished_bytes < size:
            self._create(size)
        return self._unfinished_bytes

    def _create(self, size: int) -> None:
        self._unfinished_bytes = 0
        try:
            self._disk.create(UNFINISHED, size)
        except OSError:
            self._forget(UNFINISHED)
            raise
        self._unfinished_bytes = size

    def _forget(self, name: str) -> None:
        try:
            self._disk.remove(name)
        except OSError as error:
            log.warning("spool_leftover", file=name, reason=error, remedy="removed at the next start")

    def spare(self, size: int) -> None:
        """There is a file from before that may be written over."""
        self._spare_bytes = size

    def drop(self, needed: Callable[[int], bool]) -> None:
        """Gives up the segments that nothing needs; one is kept to be written over."""
        for number in [one for one in self.sizes if one < self.current - 1 and not needed(one)]:
            with told(f"spool segment {file_name(number)}"):
                self._give_up(number)

    def _give_up(self, number: int) -> None:
        size = self.sizes[number]
        if self._spare_bytes or size != self._segment_bytes:
            self._disk.remove(file_name(number))
        else:
            self._disk.rename(file_name(number), SPARE)
            self._spare_bytes = size
        del self.sizes[number]
        del self.first_serials[number]

    def read(self, segment: int, offset: int, size: int) -> bytes:
        with told(f"spool segment {file_name(segment)}"):
            return self._disk.read(file_name(segment), offset, size)

    def records(self, start: Position) -> Iterator[tuple[int, Record]]:
        """(segment, record) from a place on, as far as they count."""
        numbers = sorted(one for one in self.sizes if one >= start.segment)
        for at, number in enumerate(numbers):
            offset = start.offset if number == start.segment else 0
            limit = self.serial if at + 1 == len(numbers) else self.first_serials[numbers[at + 1]]
            end = self.end if self._trusted and number == self.current else self.sizes[number]
            for record in scan(self.read(number, offset, max(0, end - offset)), number):
                if record.serial >= limit:
                    break
                yield number, record._replace(offset=record.offset + offset, end=record.end + offset)


class Found(NamedTuple):
    """A segment as it lies there. damaged: bytes between its records, or before its first, that are none."""

    number: int
    size: int
    records: list[Record]
    damaged: int


def found(disk: Disk, number: int) -> Found:
    """Reads a whole segment. What lies behind the last record is no damage: a write that never ended, or nothing."""
    data = contents(disk, number)
    records = list(scan(data, number))
    ends = [0, *(record.end for record in records)]
    damaged = sum(record.offset - end for record, end in zip(records, ends, strict=False))
    if not records:
        damaged = len(data)
    return Found(number, len(data), records, damaged)


def first_record(disk: Disk, number: int) -> Record | None:
    data = disk.read(file_name(number), 0, HEAD_BYTES)
    length = int.from_bytes(data[8:12], "little") if len(data) == HEAD_BYTES else 0
    return read_at(disk.read(file_name(number), 0, HEAD_BYTES + length), number, 0)
