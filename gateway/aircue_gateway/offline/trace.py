"""Traces: files of readings, CSV or JSON, one row at a time, so that a gigabyte takes no more memory than a page.

    node, quantity, measured_at, value [, unit]

CSV carries these names in its first line. JSON is an array of such objects, or one object a line. measured_at is
ISO 8601, UTC where it says nothing else, or seconds since 1970. An empty value (null in JSON) is a reading that is
missing. Without a unit the value is in the quantity's own (docs/contract.md).

Errors: TraceError, for a file that is no trace at all; a bad row is yielded as such, with its line.
"""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from aircue_gateway.quantities import LIMITS
from aircue_gateway.units import UnitError, converter

COLUMNS = ("node", "quantity", "measured_at", "value")
_CHUNK = 65_536
_LONGEST_ROW = 65_536


class TraceError(ValueError):
    """A file that is no trace; the text says what was expected of it."""


class Reading(NamedTuple):
    """value: in the quantity's own unit, None where it is missing. at: epoch seconds."""

    node: str
    quantity: str
    at: float
    value: float | None


class Bad(NamedTuple):
    """line: of the file for CSV and JSON lines, the number of the object in a JSON array."""

    line: int
    reason: str


class _RowError(ValueError):
    """What is wrong with a row."""


def read(path: Path) -> Iterator[Reading | Bad]:
    """Every row of a file: .json, .jsonl and .ndjson are JSON, everything else CSV."""
    converters: dict[tuple[str, str], Callable[[float], float]] = {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for line, row in _json_rows(file) if path.suffix in (".json", ".jsonl", ".ndjson") else _csv_rows(file, path):
            try:
                yield _reading(row, converters)
            except _RowError as error:
                yield Bad(line, str(error))


def _csv_rows(file: TextIO, path: Path) -> Iterator[tuple[int, Any]]:
    rows = csv.DictReader(file)
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise TraceError(f"{path}: its first line does not name {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    for row in rows:
        yield rows.line_num, row


def _json_rows(file: TextIO) -> Iterator[tuple[int, Any]]:
    first = file.read(1)
    while first.isspace():
        first = file.read(1)
    if first == "[":
        yield from enumerate(_array(file), start=1)
        return
    for number, text in enumerate(_lines(first, file), start=1):
        if text.strip():
            yield number, _parsed(text)


def _lines(first: str, file: TextIO) -> Iterator[str]:
    yield first + file.readline()
    yield from file


def _parsed(text: str) -> Any:
    """The object, or what is wrong with it as an error to be raised where the row is read."""
    try:
        return json.loads(text)
    except ValueError as error:
        return _RowError(f"is no JSON: {error}")


def _array(file: TextIO) -> Iterator[Any]:
    """The objects of an array that has been opened, decoded one after the other."""
    decoder, text, more = json.JSONDecoder(), "", True
    while True:
        text = text.lstrip(" \t\r\n,")
        if text.startswith("]"):
            return
        try:
            row, end = decoder.raw_decode(text)
        except ValueError as error:
            if more and len(text) < _LONGEST_ROW:
                chunk = file.read(_CHUNK)
                text, more = text + chunk, bool(chunk)
                continue
            yield _RowError(f"is no JSON, and the rest of the file was not read: {error}")
            return
        yield row
        text = text[end:]


def _reading(row: Any, converters: dict[tuple[str, str], Callable[[float], float]]) -> Reading:
    if isinstance(row, _RowError):
        raise row
    if not isinstance(row, dict):
        raise _RowError(f"expected an object with {', '.join(COLUMNS)}, found {row!r}")
    node, quantity = row.get("node"), row.get("quantity")
    if not isinstance(node, str) or not node:
        raise _RowError(f"node = {node!r}: expected a name")
    if quantity not in LIMITS:
        raise _RowError(f"quantity = {quantity!r}: expected one of {', '.join(LIMITS)}")
    at, value = _time(row.get("measured_at")), _number(row.get("value"))
    unit = row.get("unit")
    if value is None or not unit:
        return Reading(node, quantity, at, value)
    key = (quantity, str(unit))
    if key not in converters:
        converters[key] = _converter(*key)
    return Reading(node, quantity, at, converters[key](value))


def _converter(quantity: str, unit: str) -> Callable[[float], float]:
    try:
        return converter(quantity, unit)
    except UnitError as error:
        raise _RowError(f"expected {error}") from None


def _number(text: Any) -> float | None:
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    value = _float(text)
    if value is None:
        raise _RowError(f"value = {text!r}: expected a number, or nothing for a reading that is missing")
    return value


def _float(text: Any) -> float | None:
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _time(text: Any) -> float:
    seconds = _float(text)
    if seconds is not None:
        return seconds
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _RowError(f"measured_at = {text!r}: expected ISO 8601 or seconds since 1970") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def writer(file: TextIO, path: Path, columns: tuple[str, ...]) -> Callable[[Iterable[Any]], None]:
    """Writes a row: one JSON object a line where the file is named so, CSV otherwise."""
    if path.suffix in (".json", ".jsonl", ".ndjson"):
        return lambda row: print(json.dumps(dict(zip(columns, row, strict=True))), file=file)
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(columns)
    return rows.writerow
