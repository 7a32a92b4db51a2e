"""Reads what the journal's folder holds when a node starts. In memory only while it does: see segments.py."""

import os

from aircue_node import records
from aircue_node.records import Unreadable

MYPY = False
if MYPY:
    from aircue_node.ledger import Ledger
    from aircue_node.segments import Segments

_MOST_BAD = 2


def mount(segments: "Segments", ledger: "Ledger") -> tuple[int, int]:
    """Reads what there is. The cursor: (number of a segment, samples of it that the gateway has)."""
    numbers = _list(segments)
    _load_ledger(segments, ledger)
    cursor = _load_cursor(segments)
    boots: set[int] = set()
    covered = 0
    for number in numbers:
        if number <= covered:
            os.remove(segments.path(number, ".seg"))
        else:
            covered = _scan(segments, number, ledger, boots)
    segments.next = max(cursor[0], numbers[-1] if numbers else 0) + 1
    segments.saved = ledger.serial
    segments.forget([boot for boot in segments.births if boot not in boots])
    segments.remove_before(cursor[0], ledger)
    return cursor


def _list(segments: "Segments") -> list[int]:
    """Numbers of the segments, sorted; what was left half made is removed, what is not ours is left alone."""
    try:
        os.mkdir(segments.folder)
    except OSError:
        pass  # it is there; where it is not, the next line says so
    numbers = []
    for name in os.listdir(segments.folder):
        stem, _, kind = name.rpartition(".")
        if not stem.isdigit():
            continue
        if kind == "new":
            os.remove(segments.path(name))
        elif kind == "bad":
            segments.bad += 1
        elif kind == "seg":
            numbers.append(int(stem))
        elif kind in ("birth", "clock") and int(stem) not in segments.births:
            segments.births.append(int(stem))
    return sorted(numbers)


def _load_ledger(segments: "Segments", ledger: "Ledger") -> None:
    if segments.load("ledger", records.LEDGER):
        ledger.unpack(segments.reader)


def _load_cursor(segments: "Segments") -> tuple[int, int]:
    if segments.load("cursor", records.CURSOR):
        return segments.reader.number(), segments.reader.number()
    return 0, 0


def _scan(segments: "Segments", number: int, ledger: "Ledger", boots: set[int]) -> int:
    """Takes a segment into the lists as far as it can be read. Up to which number it stands."""
    level, covered, count, whole = -1, number, 0, True
    reader = segments.reader
    try:
        with open(segments.path(number, ".seg"), "rb") as file:
            while reader.load(file):
                if reader.kind == records.SAMPLES:
                    count += reader.count
                    boots.add(reader.group()[0])
                elif reader.kind == records.MERGED:
                    level, covered = reader.number(), reader.number()
                elif reader.kind == records.LEDGER and ledger.unpack(reader):
                    segments.home = number
    except Unreadable:
        whole = False
    if not whole:
        print(f"journal: {number}.seg is damaged after its first {count} samples, what follows there is lost")
    if count or level >= 0:
        segments.add(number, max(level, 0), count)
    else:
        _set_aside(segments, number, whole)
    return covered


def _set_aside(segments: "Segments", number: int, empty: bool) -> None:
    """A segment without samples: one that is empty was cut short when it was made."""
    if segments.home == number:
        segments.add(number, 0, 0)
    elif empty or segments.bad >= _MOST_BAD:
        os.remove(segments.path(number, ".seg"))
    else:
        segments.bad += 1
        os.rename(segments.path(number, ".seg"), segments.path(number, ".bad"))
