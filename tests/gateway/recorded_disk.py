"""Simulated disks behind the spool's own verbs: one that records, and every state in which a power cut may leave it.

The model is meaner than ext4: until a file was synced each 512-byte sector of each write to it may be there or not, in
any order; until the folder was synced, names may be those of any moment since. A file is what was written to it,
whatever it is called: a rename that is lost leaves new content under the old name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

SECTOR = 512


@dataclass(frozen=True)
class Operation:
    """verb: write, truncate, sync (file: its number); name, unname, sync_names (name, and the file it stands for)."""

    verb: str
    file: int = 0
    offset: int = 0
    data: bytes = b""
    name: str = ""


class MemoryDisk:
    """A folder in memory."""

    def __init__(self, names: dict[str, int] | None = None, files: dict[int, bytearray] | None = None) -> None:
        self._names = names if names is not None else {}
        self._files = files if files is not None else {}

    def names(self) -> list[str]:
        return sorted(self._names)

    def size(self, name: str) -> int:
        return len(self._content(name))

    def read(self, name: str, offset: int, size: int) -> bytes:
        return bytes(self._content(name)[offset : offset + size])

    def create(self, name: str, size: int) -> None:
        if name not in self._names:
            number = max(self._files, default=0) + 1
            self._do(Operation("write", number))
            self._do(Operation("name", number, name=name))
        self._do(Operation("truncate", self._names[name], 0))
        self._do(Operation("write", self._names[name], 0, bytes(size)))

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._content(name)
        self._do(Operation("write", self._names[name], offset, bytes(data)))

    def truncate(self, name: str, size: int) -> None:
        self._do(Operation("truncate", self._names[name], size))

    def sync(self, name: str) -> None:
        self._do(Operation("sync", self._names[name]))

    def rename(self, old: str, new: str) -> None:
        number = self._names[old]
        self._do(Operation("unname", name=old))
        self._do(Operation("name", number, name=new))

    def remove(self, name: str) -> None:
        self._content(name)
        self._do(Operation("unname", name=name))

    def sync_names(self) -> None:
        self._do(Operation("sync_names"))

    def close(self) -> None:
        """Nothing is open."""

    def _content(self, name: str) -> bytearray:
        if name not in self._names:
            raise FileNotFoundError(2, "No such file", name)
        return self._files[self._names[name]]

    def _do(self, operation: Operation) -> None:
        apply(operation, self._names, self._files)


def apply(operation: Operation, names: dict[str, int], files: dict[int, bytearray]) -> None:
    if operation.verb == "write":
        content = files.setdefault(operation.file, bytearray())
        content += bytes(max(0, operation.offset + len(operation.data) - len(content)))
        content[operation.offset : operation.offset + len(operation.data)] = operation.data
    elif operation.verb == "truncate":
        del files.setdefault(operation.file, bytearray())[operation.offset :]
    elif operation.verb == "name":
        names[operation.name] = operation.file
    elif operation.verb == "unname":
        names.pop(operation.name, None)


class RecordedDisk(MemoryDisk):
    """Remembers what it was told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def _do(self, operation: Operation) -> None:
        self.operations.append(operation)
        super()._do(operation)


class ForgetsToSync(RecordedDisk):
    """The fault to be seen: files are never synced."""

    def sync(self, name: str) -> None:
        self._content(name)


class ForgetsToSyncNames(RecordedDisk):
    """The fault to be seen: the folder is never synced."""

    def sync_names(self) -> None:
        """Does nothing."""


class SyncsTooLate(RecordedDisk):
    """The fault to be seen: a sync returns before it is done, which is when the next verb begins."""

    def __init__(self) -> None:
        super().__init__()
        self._owed: list[int] = []

    def sync(self, name: str) -> None:
        self._owed.append(self._names[name])

    def _do(self, operation: Operation) -> None:
        owed, self._owed = self._owed, []
        for number in owed:
            super()._do(Operation("sync", number))
        super()._do(operation)


@dataclass
class _Kept:
    """What is on the disk for certain, and what since then may be: per file, and of the names."""

    names: dict[str, int] = field(default_factory=dict)
    files: dict[int, bytearray] = field(default_factory=dict)
    unsure: dict[int, list[Operation]] = field(default_factory=dict)
    unsure_names: list[Operation] = field(default_factory=list)

    def take(self, operation: Operation) -> None:
        if operation.verb == "sync":
            for one in self.unsure.pop(operation.file, []):
                apply(one, self.names, self.files)
        elif operation.verb == "sync_names":
            for one in self.unsure_names:
                apply(one, self.names, self.files)
            self.unsure_names = []
        elif operation.verb in ("name", "unname"):
            self.unsure_names.append(operation)
        else:
            self.unsure.setdefault(operation.file, []).append(operation)

    def left(self, choose: "Choose") -> MemoryDisk:
        """The disk as it is found with the unsure things that were chosen."""
        names, files = dict(self.names), {number: bytearray(content) for number, content in self.files.items()}
        for operations in self.unsure.values():
            for part in choose.of(operations):
                apply(part, names, files)
        for operation in self.unsure_names[: choose.names(len(self.unsure_names))]:
            apply(operation, names, files)
        for number in names.values():
            files.setdefault(number, bytearray())
        return MemoryDisk(names, files)


@dataclass
class Choose:
    """Which of the unsure things are there: each sector with this chance, or the first `sectors` of the last write
    alone where that is given."""

    random: Random
    chance: float
    names_chance: float
    sectors: int | None = None

    def of(self, operations: list[Operation]) -> Iterator[Operation]:
        for operation in operations[:-1] if self.sectors is not None else operations:
            yield from (part for part in _sectors(operation) if self.random.random() < self.chance)
        if self.sectors is not None and operations:
            yield from _sectors(operations[-1])[: self.sectors]

    def names(self, count: int) -> int:
        return sum(self.random.random() < self.names_chance for _ in range(count))


def _sectors(operation: Operation) -> list[Operation]:
    """A write in the parts that the disk writes whole."""
    if operation.verb != "write" or not operation.data:
        return [operation]
    first = operation.offset - operation.offset % SECTOR
    edges = range(first, operation.offset + len(operation.data), SECTOR)
    pieces = []
    for edge in edges:
        start, end = max(edge, operation.offset), min(edge + SECTOR, operation.offset + len(operation.data))
        data = operation.data[start - operation.offset : end - operation.offset]
        pieces.append(Operation("write", operation.file, start, data))
    return pieces


def certain(operations: list[Operation]) -> MemoryDisk:
    """What is there for sure after these."""
    kept = _Kept()
    for operation in operations:
        kept.take(operation)
    return kept.left(Choose(Random(0), 0, 0))


def states(operations: list[Operation], seed: int, samples: int) -> Iterator[tuple[int, str, MemoryDisk]]:
    """(operations done, what became of the unsure ones, the disk) for every prefix. samples: drawn subsets for each
    prefix that has anything unsure; none of it, all of it, and the last write torn are always among the states."""
    random, kept = Random(seed), _Kept()
    for done in range(len(operations) + 1):
        unsure = kept.unsure or kept.unsure_names
        yield done, "nothing unsure is there", kept.left(Choose(random, 0, 0))
        if unsure:
            yield done, "all is there", kept.left(Choose(random, 1, 1))
            yield done, "names alone", kept.left(Choose(random, 0, 1))
            yield done, "content alone", kept.left(Choose(random, 1, 0))
            yield done, "torn at the first sector", kept.left(Choose(random, 1, 1, sectors=1))
            yield done, "torn in the middle", kept.left(Choose(random, 1, 0, sectors=random.randrange(2, 9)))
        for number in range(samples if unsure else 0):
            yield done, f"subset {number}", kept.left(Choose(random, random.random(), random.random()))
        if done < len(operations):
            kept.take(operations[done])
