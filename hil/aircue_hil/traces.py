"""Replays measured air from CSV files: rooms mapped to columns by a table, linear in between, gaps kept as gaps.

Errors: TraceError, naming the file, the line and what to do about it.
"""

import bisect
import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aircue_hil.air import Air

DEFAULT_MAX_GAP_S = 3600


class TraceError(ValueError):
    """A trace cannot be read; the message says where and what to do."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold a room: CSV header names. `co2` is None where the set has none."""

    temperature: str
    humidity: str
    co2: str | None = None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A wide file: one row a moment, columns for each room."""

    at: str
    rooms: Mapping[str, Columns]


LAYOUTS: dict[str, Layout] = {
    # UCI 374, Candanedo 2017: one house in Belgium, ten-minute means, 2016-01 to 2016-03.
    "home_climate": Layout(
        at="date",
        rooms={
            "kitchen": Columns(temperature="T1", humidity="RH_1"),
            "living": Columns(temperature="T2", humidity="RH_2"),
            "laundry": Columns(temperature="T3", humidity="RH_3"),
            "office": Columns(temperature="T4", humidity="RH_4"),
            "bathroom": Columns(temperature="T5", humidity="RH_5"),
            "outdoors": Columns(temperature="T6", humidity="RH_6"),
            "ironing": Columns(temperature="T7", humidity="RH_7"),
            "bedroom": Columns(temperature="T8", humidity="RH_8"),
            "parents": Columns(temperature="T9", humidity="RH_9"),
        },
    ),
}
LONG = "long"  # one row a room and moment: room,at,temperature,humidity[,co2]
LAYOUT_NAMES = (LONG, *LAYOUTS)
_BOUNDS = {"temperature": (-60.0, 80.0), "humidity": (0.0, 100.0), "co2": (0.0, 40_000.0)}


@dataclass(frozen=True, kw_only=True)
class _Row:
    room: str
    at: int
    air: Air


class Trace:
    """Measured air of some rooms. Times are us since 1970; a stretch longer than `max_gap_s` without rows is a gap."""

    def __init__(self, rows: Mapping[str, list[tuple[int, Air]]], *, max_gap_s: int, shift_us: int = 0) -> None:
        self._rows = rows
        self._times = {room: [at for at, _ in found] for room, found in rows.items()}
        self._max_gap_us = max_gap_s * 1_000_000
        self._max_gap_s = max_gap_s
        self._shift = shift_us

    @property
    def rooms(self) -> tuple[str, ...]:
        return tuple(self._rows)

    @property
    def first(self) -> int:
        """The earliest moment that any room has."""
        return min(times[0] for times in self._times.values()) + self._shift

    @property
    def last(self) -> int:
        return max(times[-1] for times in self._times.values()) + self._shift

    def shifted(self, by_us: int) -> "Trace":
        """The same air, later by `by_us`; whole days keep the time of day."""
        return Trace(self._rows, max_gap_s=self._max_gap_s, shift_us=self._shift + by_us)

    def has_co2(self, room: str) -> bool:
        return any(air.co2_ppm is not None for _, air in self._rows[room])

    def air(self, room: str, at: int) -> Air | None:
        """Linear between two rows; None before the first, after the last and within a gap."""
        at -= self._shift
        times = self._times[room]
        after = bisect.bisect_left(times, at)
        if after < len(times) and times[after] == at:
            return self._rows[room][after][1]
        if after in (0, len(times)) or times[after] - times[after - 1] > self._max_gap_us:
            return None
        share = (at - times[after - 1]) / (times[after] - times[after - 1])
        return _between(self._rows[room][after - 1][1], self._rows[room][after][1], share)


def load(path: Path, layout: str, *, max_gap_s: int = DEFAULT_MAX_GAP_S) -> Trace:
    """Reads a CSV file (.gz or plain) whose layout is a name of LAYOUTS or "long"."""
    if layout != LONG and layout not in LAYOUTS:
        raise TraceError(f"{path}: unknown layout {layout!r}; known are {', '.join(LAYOUT_NAMES)}")
    rows: dict[str, list[tuple[int, Air]]] = {}
    for row in _long(path) if layout == LONG else _wide(path, LAYOUTS[layout]):
        known = rows.setdefault(row.room, [])
        if known and known[-1][0] == row.at:
            raise TraceError(f"{path}: two rows for {row.room} at {_iso(row.at)}; delete one")
        known.append((row.at, row.air))
    if not rows:
        raise TraceError(f"{path}: no row holds temperature and humidity; check the file and its layout ({layout})")
    return Trace({room: sorted(found, key=lambda one: one[0]) for room, found in rows.items()}, max_gap_s=max_gap_s)


def _lines(path: Path, needed: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """("file:line", row) with stripped cells."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TraceError(f"{path}: cannot be read ({error}); a CSV file in UTF-8, plain or .gz, is expected") from error
    missing = [name for name in needed if name not in (reader.fieldnames or [])]
    if missing:
        raise TraceError(f"{path}:1: no column {', '.join(missing)}; name it in the header line")
    for row in reader:
        yield f"{path}:{reader.line_num}", {key: (cell or "").strip() for key, cell in row.items() if key is not None}


def _wide(path: Path, layout: Layout) -> Iterator[_Row]:
    needed = [layout.at, *(name for one in layout.rooms.values() for name in (one.temperature, one.humidity))]
    for where, row in _lines(path, needed):
        at = _moment(row[layout.at], where, layout.at)
        for room, columns in layout.rooms.items():
            air = _air(row, columns, where)
            if air is not None:
                yield _Row(room=room, at=at, air=air)


def _long(path: Path) -> Iterator[_Row]:
    columns = Columns(temperature="temperature", humidity="humidity", co2="co2")
    for where, row in _lines(path, ["room", "at", "temperature", "humidity"]):
        air = _air(row, columns, where)
        if air is not None:
            yield _Row(room=row["room"], at=_moment(row["at"], where, "at"), air=air)


def _air(row: Mapping[str, str], columns: Columns, where: str) -> Air | None:
    """None where the row holds nothing for this room: a gap of the data, not an error."""
    temperature = _number(row, columns.temperature, "temperature", where)
    humidity = _number(row, columns.humidity, "humidity", where)
    if temperature is None or humidity is None:
        return None
    co2 = None if columns.co2 is None else _number(row, columns.co2, "co2", where)
    return Air(temperature_c=temperature, humidity_pct=humidity, co2_ppm=co2)


def _number(row: Mapping[str, str], column: str, quantity: str, where: str) -> float | None:
    cell = row.get(column, "")
    if cell == "":
        return None
    try:
        value = float(cell)
    except ValueError:
        raise TraceError(
            f"{where}: {column} is {cell!r}, a number is expected; correct the line or delete it"
        ) from None
    least, most = _BOUNDS[quantity]
    if not least <= value <= most:
        raise TraceError(
            f"{where}: {column} is {cell}, not within {least:g} to {most:g}; correct the line or delete it"
        )
    return value


def _moment(cell: str, where: str, column: str) -> int:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise TraceError(
            f"{where}: {column} is {cell!r}, a time like 2026-01-14 06:30:00 is expected; correct the line or delete it"
        ) from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1_000_000)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat()


def _between(one: Air, other: Air, share: float) -> Air:
    co2 = None
    if one.co2_ppm is not None and other.co2_ppm is not None:
        co2 = one.co2_ppm + (other.co2_ppm - one.co2_ppm) * share
    return Air(
        temperature_c=one.temperature_c + (other.temperature_c - one.temperature_c) * share,
        humidity_pct=one.humidity_pct + (other.humidity_pct - one.humidity_pct) * share,
        co2_ppm=co2,
    )
