"""`aircue-gateway clean`: a trace through the configured pipeline, to see what it does before it does it to a home.

Reads a trace (trace.py), writes each row with its flag and its filtered value, in the order of the file, and prints one
line of JSON: how many rows, how many flagged and how, which rows were bad. Flags are written as they stand after the
three samples that may correct them. Exit status 0, or 1 where a row was bad or the file is none, or 2 where the
configuration is wrong.
"""

import argparse
import json
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.cleaning.gaps import Gaps
from aircue_gateway.cleaning.merging import Merge
from aircue_gateway.cleaning.spike import LONGEST
from aircue_gateway.config import CleaningConfig, ConfigError, load_cleaning
from aircue_gateway.offline.plot import Plot
from aircue_gateway.offline.trace import Bad, Reading, TraceError, read, writer
from aircue_gateway.quantities import LIMITS

COLUMNS = ("node", "quantity", "measured_at", "value", "flag", "filtered")
INTERPOLATED = "INTERPOLATED"
_MOST_BAD_LISTED = 100
_MOST_WAITING = 4096  # rows held back for a correction that never comes: a series that has ended
_MERGE_AGE_S = 900.0


@dataclass
class Row:
    """A row of the answer. filtered: the smoothed value, None where nothing trusted is there to be smoothed."""

    node: str
    quantity: str
    at: float
    value: float | None
    flag: str
    filtered: float | None
    final: bool = True

    def columns(self) -> tuple[Any, ...]:
        return (self.node, self.quantity, _iso(self.at), self.value, self.flag, self.filtered)


@dataclass
class Summary:
    rows: int = 0
    added: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    bad: list[Bad] = field(default_factory=list)
    bad_rows: int = 0

    def note(self, bad: Bad) -> None:
        self.bad_rows += 1
        if len(self.bad) < _MOST_BAD_LISTED:
            self.bad.append(bad)

    def document(self) -> dict[str, Any]:
        listed = [{"line": one.line, "reason": one.reason} for one in self.bad]
        return {
            "rows": self.rows,
            "added": self.added,
            "flags": dict(sorted(self.flags.items())),
            "bad_rows": self.bad_rows,
            "bad": listed,
        }


class Series:
    """One quantity of one node on its way through the pipeline. Rows come out of it in order of arrival."""

    def __init__(self, config: CleaningConfig, node: str, quantity: str, fill: bool) -> None:
        self._node, self._quantity = node, quantity
        self._handed: dict[float, float] = {}
        self._stages = pipeline.build(config, quantity, self._watch)
        self._gaps = _gaps(config) if fill else None
        self._level: float | None = None
        self._suspects: deque[Row] = deque()

    def _watch(self, at: float, value: float) -> bool:
        self._handed[at] = value
        return False

    def take(self, at: float, value: float | None) -> list[Row]:
        if value is None:
            return [Row(self._node, self._quantity, at, None, Status.GAP.name, None)]
        self._handed.clear()
        status, _ = self._stages.update(at, value)
        row = Row(self._node, self._quantity, at, value, status.name, self._handed.get(at))
        self._correct(row)
        return [*self._filled(row), row]

    def _correct(self, row: Row) -> None:
        """Corrects what this row taught about those before, and lets those go that nothing can correct any more."""
        for suspect in self._stages.revised:
            for one in self._suspects:
                if one.at == suspect.at and not one.final:
                    one.flag, one.filtered, one.final = Status.OK.name, self._handed.get(one.at), True
        self._stages.revised.clear()
        row.final = row.flag != Status.SPIKE.name
        if row.flag == Status.OK.name:
            self._settle()
        self._suspects.append(row)
        if len(self._suspects) > LONGEST:
            self._suspects.popleft().final = True

    def _settle(self) -> None:
        for one in self._suspects:
            one.final = True
        self._suspects.clear()

    def _filled(self, row: Row) -> Iterator[Row]:
        """A flagged reading is there, and no gap; the bridge to it ends at the last trusted level."""
        if row.filtered is not None:
            self._level = row.filtered
        if self._gaps is None or self._level is None:
            return
        for at, value in self._gaps.update(row.at, self._level):
            flag = Status.GAP.name if value is None else INTERPOLATED
            yield Row(self._node, self._quantity, at, None, flag, value)


def _gaps(config: CleaningConfig) -> Gaps:
    return Gaps(longest_s=config.gaps.bridge_s, interval_s=config.gaps.interval_s or None)


class Room:
    """Several nodes as one: after every trusted reading the merged value, as a row of the room."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._merges: dict[str, Merge] = {}

    def take(self, row: Row) -> Row | None:
        if row.value is None or row.flag == INTERPOLATED:
            return None
        limits = LIMITS[row.quantity]
        if row.quantity not in self._merges:
            self._merges[row.quantity] = Merge(step=limits.step, agree=limits.agree, max_age_s=_MERGE_AGE_S)
        trusted = row.filtered is not None
        value = row.filtered if row.filtered is not None else row.value
        merged = self._merges[row.quantity].update(row.node, row.at, value, trusted)
        flag = "APART" if merged.apart else Status.OK.name
        return Row(self._name, row.quantity, row.at, None, flag, merged.value)


class Options(NamedTuple):
    """fill: rows for the readings that are missing. room: rows for all nodes merged, under this name."""

    fill: bool = False
    room: str | None = None


def cleaned(
    config: CleaningConfig, readings: Iterable[Reading | Bad], summary: Summary, options: Options
) -> Iterator[Row]:
    """The rows in the order of the readings, each once its flag is final."""
    series: dict[tuple[str, str], Series] = {}
    room = None if options.room is None else Room(options.room)
    waiting: deque[Row] = deque()
    for reading in readings:
        if isinstance(reading, Bad):
            summary.note(reading)
            continue
        key = (reading.node, reading.quantity)
        if key not in series:
            series[key] = Series(config, *key, options.fill)
        waiting += series[key].take(reading.at, reading.value)
        yield from _ready(waiting, room, summary)
    for row in waiting:
        row.final = True
    yield from _ready(waiting, room, summary)


def _ready(waiting: deque[Row], room: Room | None, summary: Summary) -> Iterator[Row]:
    while waiting and (waiting[0].final or len(waiting) > _MOST_WAITING):
        row = waiting.popleft()
        yield _counted(row, summary)
        merged = None if room is None else room.take(row)
        if merged is not None:
            yield _counted(merged, summary)


def _counted(row: Row, summary: Summary) -> Row:
    if row.value is None and row.flag != Status.GAP.name:
        summary.added += 1
    else:
        summary.rows += 1
    summary.flags[row.flag] += 1
    return row


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def add(commands: Any) -> None:
    """The command, into the parser's table of them."""
    summary = "run a CSV or JSON trace through the cleaning, to see what it flags and smooths"
    command = commands.add_parser("clean", help=summary, description=summary)
    command.add_argument("--config", type=Path, help="whose [cleaning] to use (default: the settings that ship)")
    columns = "columns: node, quantity, measured_at, value and, if you like, unit"
    command.add_argument("--in", type=Path, required=True, dest="trace", metavar="FILE", help=columns)
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help=f"columns: {', '.join(COLUMNS)}")
    command.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw before and after")
    command.add_argument("--fill", action="store_true", help="add rows for the readings that are missing")
    command.add_argument("--merge", metavar="ROOM", help="add rows for all nodes as one room of this name")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    try:
        config = CleaningConfig() if options.config is None else load_cleaning(options.config)
        return run(config, options)
    except ConfigError as error:
        print(f"aircue-gateway: {error}", file=sys.stderr)
        return 2
    except (TraceError, OSError) as error:
        print(f"aircue-gateway: {error}", file=sys.stderr)
        return 1


def run(config: CleaningConfig, options: argparse.Namespace) -> int:
    if options.out.resolve() == options.trace.resolve():
        raise TraceError(f"{options.out}: is the file that is read; name another one with --out")
    summary, plot = Summary(), None if options.plot is None else Plot(options.plot)
    with options.out.open("w", encoding="utf-8", newline="") as file:
        write = writer(file, options.out, COLUMNS)
        for row in cleaned(config, read(options.trace), summary, Options(options.fill, options.merge)):
            write(row.columns())
            if plot is not None:
                plot.add(row.node, row.quantity, row.at, row.value, row.flag, row.filtered)
    if plot is not None:
        plot.save()
    for bad in summary.bad:
        print(f"{options.trace}: line {bad.line}: {bad.reason}", file=sys.stderr)
    print(json.dumps(summary.document()))
    return 1 if summary.bad_rows else 0
