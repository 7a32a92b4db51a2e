"""Anyone's experiment as a CSV file: unit, arm, outcome and, if known, pre, cost, margin; a line a unit."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aircue_cloud.errors import CommandError
from aircue_cloud.outcomes.assignment import HOLDOUT, TREATMENT
from aircue_cloud.outcomes.units import Numbers, Units

REQUIRED = ("unit", "arm", "outcome")
OPTIONAL = ("pre", "cost", "margin")
ARMS = {TREATMENT: True, HOLDOUT: False, "control": False}
_MOST_TOLD = 5

Row = Mapping[str, str | None]


class _Taking:
    """Lines as they are read; what is wrong with them, in words."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = [name for name in columns if name != "unit"]
        self.values: list[list[float]] = []
        self.bad: list[str] = []
        self._lines: dict[str, int] = {}

    def take(self, line: int, row: Row) -> None:
        self._unit(line, row.get("unit") or "")
        self.values.append([self._value(line, column, row.get(column)) for column in self.columns])

    def _unit(self, line: int, unit: str) -> None:
        if not unit:
            self.bad.append(f"line {line}, column unit: empty, expected a name")
        elif unit in self._lines:
            first = self._lines[unit]
            self.bad.append(f"line {line}, column unit: {unit!r} stands in line {first} already; give each one line")
        self._lines.setdefault(unit, line)

    def _value(self, line: int, column: str, text: str | None) -> float:
        found, expected = (_arm(text), f"one of {', '.join(ARMS)}") if column == "arm" else (_number(text), "a number")
        if not np.isfinite(found):
            self.bad.append(f"line {line}, column {column}: {text!r}, expected {expected}")
        elif column == "cost" and found < 0:
            self.bad.append(f"line {line}, column {column}: {text!r}, expected a cost from 0 up")
        return found


def read_units(path: Path) -> Units:
    """CommandError names lines and columns."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            taking = _Taking(_columns(path, reader.fieldnames or ()))
            for row in reader:
                taking.take(reader.line_num, row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CommandError(f"{path}: no CSV in UTF-8 ({error}); save it as one") from error
    return _units(path, taking)


def _columns(path: Path, found: Sequence[str]) -> list[str]:
    missing = [name for name in REQUIRED if name not in found]
    unknown = [name for name in found if name not in REQUIRED + OPTIONAL]
    if missing or unknown:
        told = "; ".join(f"{what} {', '.join(names)}" for what, names in (("no column", missing), ("unknown column",
                         unknown)) if names)  # fmt: skip
        raise CommandError(f"{path}: {told}; expected {','.join(REQUIRED)}[,{','.join(OPTIONAL)}] in the first line")
    return list(found)


def _arm(text: str | None) -> float:
    return float(ARMS[text]) if text in ARMS else np.nan


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return np.nan


def _units(path: Path, taking: _Taking) -> Units:
    if taking.bad or not taking.values:
        told = "; ".join(taking.bad[:_MOST_TOLD]) or "no units"
        more = f"; and {len(taking.bad) - _MOST_TOLD} more" if len(taking.bad) > _MOST_TOLD else ""
        raise CommandError(f"{path}: {told}{more}")
    columns: dict[str, Numbers] = dict(zip(taking.columns, np.array(taking.values).T, strict=True))
    treated = columns.pop("arm") == 1
    return Units(treated=treated, **columns)
