"""Lines of anyone's CSV file, gzip or plain, of which some columns are wanted: quick, and whole or not at all."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from aircue_cloud.errors import CommandError


def read(path: Path, needed: Sequence[str], more: Sequence[str] = ()) -> Iterator[tuple[int, list[str]]]:
    """The number of each line, and its cells in the order of needed and more; "" where the file has no such column.
    CommandError names the line and what was expected. Other columns are left alone."""
    try:
        with _opened(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            places = _places(path, next(reader, []), needed, more)
            for row in reader:
                if row:
                    yield reader.line_num, _cells(path, reader.line_num, row, places)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise CommandError(f"{path}: no CSV in UTF-8 ({error}); save it as one") from error


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _places(path: Path, header: Sequence[str], needed: Sequence[str], more: Sequence[str]) -> list[int]:
    """-1 for a column that the file has not."""
    missing = [name for name in needed if name not in header]
    if missing:
        told = ", ".join(header) or "nothing"
        raise CommandError(f"{path}, line 1: no column {', '.join(missing)}; its columns are {told:.300}")
    return [header.index(name) if name in header else -1 for name in (*needed, *more)]


def _cells(path: Path, line: int, row: Sequence[str], places: Sequence[int]) -> list[str]:
    if max(places) >= len(row):
        raise CommandError(f"{path}, line {line}: {len(row)} cells, expected {max(places) + 1} or more")
    return [row[place] if place >= 0 else "" for place in places]
