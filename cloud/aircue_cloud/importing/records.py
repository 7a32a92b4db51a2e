"""Records of a CSV file, one at a time: bounded memory however large the file is.

A line that breaks CSV's rules is one bad record, and reading goes on with the line after it: a quote that is never
closed costs its own line and no other. gzip is read as it is.

Errors: FileRefused for what makes the whole file unreadable: its encoding, its header.
"""

import csv
import gzip
import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aircue_cloud.importing.errors import FileRefused

ENCODINGS = ("utf-8", "latin-1", "cp1252")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
# What a file of rejected rows says beside the rows: left out when it is taken in again.
LINE, REASON = "rejected_line", "rejected_reason"

_LONGEST_LINE = 1024 * 1024  # bytes
_BOM = b"\xef\xbb\xbf"
_SHOWN = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """line: where it begins, from 1. cells: by column, those that are not empty. error: why it is none."""

    line: int
    cells: dict[str, str]
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file is written. delimiter: the one that gives the columns that are needed, unless given. columns: of a
    file without a header."""

    encoding: str = "utf-8"
    delimiter: str | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Those that a file must have, and those it may have beside them; None: any."""

    needed: tuple[str, ...]
    more: tuple[str, ...] | None = ()


class Source:
    """A file that is being read. columns: its header; sha256 grows with what was read."""

    def __init__(self, path: Path, dialect: Dialect, wanted: Columns) -> None:
        self._path = path
        self._dialect = dialect
        self._wanted = wanted
        self._digest = hashlib.sha256()
        self.columns: tuple[str, ...] = ()
        self.bytes_read = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def records(self) -> Iterator[Record]:
        with _opened(self._path) as file:
            feeder = _Feeder(self._lines(file))
            delimiter = self._begin(feeder)
            for line, row, error in _rows(feeder, delimiter, len(self.columns)):
                yield self._record(line, row, error)

    def _begin(self, feeder: "_Feeder") -> str:
        """The delimiter, once the columns are known."""
        if self._dialect.columns is not None:
            self.columns = self._dialect.columns
            return self._dialect.delimiter or ","
        first = next(feeder, None)
        if first is None:
            raise FileRefused(f"{self._path} is empty; expected a header and rows")
        found = {name: _header(first, name) for name in self._delimiters()}
        delimiter = max(found, key=lambda name: len(set(self._wanted.needed) & set(found[name])))
        self.columns = found[delimiter]
        self._check_header(delimiter)
        return delimiter

    def _delimiters(self) -> Sequence[str]:
        given = self._dialect.delimiter
        return tuple(DELIMITERS.values()) if given is None else (given,)

    def _check_header(self, delimiter: str) -> None:
        names = ", ".join(self.columns)[:200]
        missing = [name for name in self._wanted.needed if name not in self.columns]
        if missing:
            raise FileRefused(f"{self._path} line 1: no column {', '.join(missing)}; its header is: {names}")
        if len(set(self.columns)) < len(self.columns):
            raise FileRefused(f"{self._path} line 1: a column is named twice; its header is: {names}")
        known = None if self._wanted.more is None else {*self._wanted.needed, *self._wanted.more, LINE, REASON}
        odd = [] if known is None else [name for name in self.columns if name not in known]
        if known is not None and odd:
            listed = ", ".join((*self._wanted.needed, *(self._wanted.more or ())))
            raise FileRefused(f"{self._path} line 1: unknown column {', '.join(odd)[:100]}; known ones: {listed}")

    def _record(self, line: int, row: list[str], error: str | None) -> Record:
        if error is not None:
            return Record(line=line, cells=dict(zip(self.columns, row, strict=False)), error=error)
        cells = {name: cell for name, cell in zip(self.columns, row, strict=True) if cell}
        cells.pop(LINE, None)
        cells.pop(REASON, None)
        return Record(line=line, cells=cells)

    def _lines(self, file: IO[bytes]) -> Iterator[str]:
        number = 0
        while True:
            try:
                line = file.readline(_LONGEST_LINE)
            except (OSError, EOFError) as error:
                raise FileRefused(f"{self._path} after line {number} cannot be read: {error}") from error
            if not line:
                return
            number += 1
            self._digest.update(line)
            self.bytes_read += len(line)
            yield self._text(line, number)

    def _text(self, line: bytes, number: int) -> str:
        if len(line) >= _LONGEST_LINE:
            raise FileRefused(f"{self._path} line {number} is over {_LONGEST_LINE} bytes; is this a CSV file?")
        try:
            return line.removeprefix(_BOM).decode("utf-8") if self._is_utf8(number) else self._decoded(line)
        except UnicodeDecodeError as error:
            byte = f"byte {line[error.start]:#04x} at place {error.start + 1}"
            others = ", ".join(name for name in ENCODINGS if name != self._dialect.encoding)
            raise FileRefused(
                f"{self._path} line {number}: {byte} is no {self._dialect.encoding}; "
                f"name the right encoding (--encoding, one of {others}); nothing was stored"
            ) from error

    def _is_utf8(self, number: int) -> bool:
        return number == 1 and self._dialect.encoding == "utf-8"

    def _decoded(self, line: bytes) -> str:
        return line.decode(self._dialect.encoding)


class _Feeder(Iterator[str]):
    """Lines for a CSV reader, which may be put back. taken: those since it was cleared. at: how many went out."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._back: deque[str] = deque()
        self.taken: list[str] = []
        self.at = 0

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines)
        self.at += 1
        self.taken.append(line)
        return line

    def put_back(self, lines: Sequence[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.at -= len(lines)


def _rows(feeder: _Feeder, delimiter: str, width: int) -> Iterator[tuple[int, list[str], str | None]]:
    """The line, its cells (`width` of them at most), and what is wrong with it by itself.

    A quote may join lines into one row; where that row is none, only its first line is bad and the others are read
    again.
    """
    reader = csv.reader(feeder, delimiter=delimiter, strict=True)
    while True:
        feeder.taken.clear()
        line = feeder.at + 1
        error = None
        try:
            row = next(reader, None)
        except csv.Error as problem:
            row, error = [], f"no CSV: {problem}"
        if row is None:
            return
        if row and len(row) != width:
            error = f"{len(row)} cells, expected {width} as in the header"
            row = [*row[: width - 1], delimiter.join(row[width - 1 :])] if len(row) > width else row
        if error is not None and (len(feeder.taken) > 1 or not row):
            bad, *others = feeder.taken
            feeder.put_back(others)
            reader = csv.reader(feeder, delimiter=delimiter, strict=True)
            row = [bad.rstrip("\r\n")]
        if row:
            yield line, row, error


def _header(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return (line[:_SHOWN],)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        file: IO[bytes] = path.open("rb")
    except OSError as error:
        raise FileRefused(f"{path} cannot be opened: {error.strerror}") from error
    with file:
        yield gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file  # type: ignore[misc]  # it reads as IO does
