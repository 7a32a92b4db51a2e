"""The power goes within every write to a simulated file system that keeps what was written, byte by byte, in order.

littlefs does better (a file is as it was until it is closed; tests/hil plays that); FAT and a host's folder do not.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from tests.hil.programs.journal_story import Found, Story, complaints

from aircue_node import segments, thinning

# Where a write of n bytes is cut.
PLACES = (0, 9, 40)
# CI looks at every state, a person who waits at every fifth.
EVERY = 1 if os.environ.get("CI") else 5
Operation = tuple[str, str, bytes]


class RecordedFile:
    """A file open for writing that notes what it is told."""

    def __init__(self, path: str, mode: str, operations: list[Operation]) -> None:
        self._file = Path(path).open(mode)  # noqa: SIM115 -- closed in __exit__
        self._name = Path(path).name
        self._operations = operations
        operations.append(("empty" if mode == "wb" else "touch", self._name, b""))

    def __enter__(self) -> "RecordedFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def write(self, data: bytes | memoryview) -> int:
        self._operations.append(("write", self._name, bytes(data)))
        return self._file.write(data)


class RecordedSystem:
    """Stands in for os and open: does what it is asked and notes what changes a file."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.listdir, self.mkdir, self.stat = os.listdir, os.mkdir, os.stat

    def open(self, path: str, mode: str) -> object:
        return Path(path).open(mode) if mode == "rb" else RecordedFile(path, mode, self.operations)

    def remove(self, path: str) -> None:
        Path(path).unlink()
        self.operations.append(("remove", Path(path).name, b""))

    def rename(self, path: str, to: str) -> None:
        Path(path).replace(to)
        self.operations.append(("rename", Path(path).name, Path(to).name.encode()))


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> RecordedSystem:
    recorded = RecordedSystem()
    for module in (segments, thinning):
        monkeypatch.setattr(module, "os", recorded)
        monkeypatch.setattr(module, "open", recorded.open, raising=False)
    return recorded


def apply(files: dict[str, bytes], operation: Operation) -> None:
    kind, name, data = operation
    if kind in ("empty", "touch"):
        files[name] = b"" if kind == "empty" else files.get(name, b"")
    elif kind == "write":
        files[name] += data
    elif kind == "remove":
        del files[name]
    else:
        files[data.decode()] = files.pop(name)


def states(operations: list[Operation]) -> Iterator[tuple[int, dict[str, bytes]]]:
    """(operation, files as a power cut within it leaves them)."""
    files: dict[str, bytes] = {}
    for index, operation in enumerate(operations):
        kind, name, data = operation
        if kind == "write":
            for place in PLACES:
                if place < len(data):
                    yield index, {**files, name: files[name] + data[:place]}
        else:
            yield index, dict(files)
        apply(files, operation)
    yield len(operations), files


def found_in(folder: Path, files: dict[str, bytes]) -> Found:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return Found(str(folder))


def test_wherever_a_write_is_cut_nothing_stored_is_missing_or_wrong(tmp_path: Path, system: RecordedSystem) -> None:
    story = Story(str(tmp_path / "journal"), lambda: len(system.operations))
    story.tell()
    operations, points, tried = list(system.operations), story.checkpoints, 0
    assert {kind for kind, _, _ in operations} == {"empty", "touch", "write", "rename", "remove"}
    for index, files in itertools.islice(states(operations), 0, None, EVERY):
        at = max(place for place, point in enumerate(points) if point.position <= index)
        found = found_in(tmp_path / str(tried), files)
        wrong = complaints(story, points[at], points[min(at + 1, len(points) - 1)], found)
        assert wrong == [], f"cut in operation {index}, {operations[min(index, len(operations) - 1)][:2]}"
        tried += 1
    print(f"{tried} power cuts in {len(operations)} operations")
    assert tried * EVERY > len(operations)


def test_the_story_thins_and_writes_every_kind_of_file(tmp_path: Path, system: RecordedSystem) -> None:
    """What it never did, no power cut could have met."""
    story = Story(str(tmp_path / "journal"), lambda: len(system.operations))
    story.tell()
    names = {name for _, name, _ in system.operations}
    renamed = [data for kind, _, data in system.operations if kind == "rename"]
    assert {"ledger", "cursor", "1.clock", "2.clock"} <= names
    assert {b"1.birth", b"2.birth", b"3.birth"} <= set(renamed)
    assert sum(name.endswith(b".seg") for name in renamed) > 3
    assert story.journal.loss[0][3] > 100
