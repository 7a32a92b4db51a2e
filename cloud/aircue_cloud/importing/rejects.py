"""The rows that an import did not take, as CSV beside its file: each with its line and the reason.

Spreadsheets run what looks like a formula, so such cells are written as text.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from aircue_cloud.importing.cells import harmless
from aircue_cloud.importing.records import LINE, REASON, Source


def place(path: Path) -> Path:
    return path.with_name(f"{path.name}.rejected.csv")


def write(path: Path, source: Source, rejections: Iterator[tuple[int, str]]) -> None:
    """source: the same file anew. The list stands whole under its name, or not at all."""
    draft = place(path).with_suffix(".part")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in _rows(source, rejections):
            writer.writerow(map(harmless, row))
    draft.replace(place(path))


def _rows(source: Source, rejections: Iterator[tuple[int, str]]) -> Iterator[list[str]]:
    wanted = next(rejections, None)
    columns: tuple[str, ...] = ()
    for record in source.records():
        if not columns:
            columns = tuple(name for name in source.columns if name not in (LINE, REASON))
            yield [*columns, LINE, REASON]
        if wanted is not None and record.line == wanted[0]:
            yield [*(record.cells.get(name, "") for name in columns), str(wanted[0]), wanted[1]]
            wanted = next(rejections, None)
            if wanted is None:
                return
