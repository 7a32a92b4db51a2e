"""Readings as they go into the lake: batches side by side, duplicates left out, units made canonical. Pure.

A run is what one batch says about one quantity of one group: its rows share everything but sequence, value, flag,
clock and times.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aircue_cloud.ingest.columns import Columns, Stretch
from aircue_gateway.batch import Status
from aircue_gateway.intervals import Intervals
from aircue_gateway.units import UnitError, line

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Names of flags by their number: those of a batch, and what only the cloud can tell.
FLAGS = (*(status.name for status in Status), "FUTURE")
OK, FUTURE = Status.OK.value, len(Status)
CLOCKS = ("node", "gateway")
# A reading that says it was measured later than this after it arrived is kept, and trusted by nobody: as the latest
# one of its series it would hide all that come after it.
FUTURE_MS = timedelta(hours=24) // timedelta(milliseconds=1)
NOBODYS = 0  # the installation of what no node has sent: theirs are drawn at random
_CARRIES = np.array([status.carries_value for status in Status])
_FINER = 100  # times the scale, for a value whose unit is converted
_SCALE_LIMIT = 10**9
_VALUE_LIMIT = 10**15

Stream = tuple[str, int, int]  # node, installation, boot


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A batch that the base layer holds."""

    id: str
    number: int
    columns: Columns
    ingested_ms: int


class Run(NamedTuple):
    batch: int  # its place among those that arrived
    site: str
    node: str
    installation: int
    boot: int
    quantity: str
    scale: int
    unit: str


@dataclass(frozen=True, kw_only=True)
class Rows:
    """runs, and columns of one length: which run, and what the run does not share. Times in ms. by_time: whether its
    sample has its time for a number."""

    arrived: Sequence[Arrived]
    runs: Sequence[Run]
    run: Ints
    sequence: Ints
    value: Ints
    flag: npt.NDArray[np.uint8]
    clock: npt.NDArray[np.uint8]
    measured_at: Ints
    received_at: Ints
    by_time: Bools

    def __len__(self) -> int:
        return len(self.run)

    def only(self, keep: Bools) -> "Rows":
        """Those that are marked, of the same runs."""
        if keep.all():
            return self
        columns = {name: column[keep] for name, column in vars(self).items() if name not in ("arrived", "runs")}
        return replace(self, **columns)

    def of_runs(self, values: Sequence[int]) -> Ints:
        """A column from one value for each run."""
        return np.array(values, np.int64)[self.run] if len(self.run) else np.zeros(0, np.int64)


class Delivered:
    """Which samples are there, by stream, and how that changes: ranges to be written and taken away."""

    def __init__(self, known: Mapping[Stream, Intervals]) -> None:
        self._known = known
        self._before: dict[Stream, dict[int, int]] = {}

    def fresh(self, stretch: Stretch, sequences: Ints) -> Bools:
        """Which samples of a group are new; they count as delivered from now on. The first of a sample wins."""
        stream = (stretch.node, stretch.installation, stretch.boot)
        seen = self._known[stream]
        self._before.setdefault(stream, dict(seen))
        if len(sequences) and _is_run(sequences) and seen.extend(int(sequences[0]), int(sequences[-1])):
            return np.ones(len(sequences), np.bool_)
        return np.fromiter(map(seen.add, sequences.tolist()), np.bool_, len(sequences))

    def changes(self) -> tuple[list[tuple[Stream, int, int]], list[tuple[Stream, int]]]:
        """(stream, first, last) to be written, (stream, first) to be taken away."""
        written, gone = [], []
        for stream, before in self._before.items():
            now = dict(self._known[stream])
            written += [(stream, first, last) for first, last in now.items() if before.get(first) != last]
            gone += [(stream, first) for first in before if first not in now]
        return written, gone


def _is_run(sequences: Ints) -> bool:
    """Whether each follows the one before it."""
    return bool(sequences[-1] - sequences[0] == len(sequences) - 1 and np.all(np.diff(sequences) == 1))


def gather(arrived: Sequence[Arrived], delivered: Delivered) -> Rows:
    """The rows of these batches, in their order; those that are numbered by time all of them, the others once each."""
    runs: list[Run] = []
    fresh, by_time, sample_at, counts, samples = [], [], [], [], 0
    for place, one in enumerate(arrived):
        for stretch in one.columns.stretches:
            part = one.columns.sequences[stretch.first : stretch.first + stretch.count]
            timed = _is_by_time(one.columns, stretch)
            by_time.append(np.full(stretch.count, timed))
            fresh.append(np.ones(stretch.count, np.bool_) if timed else delivered.fresh(stretch, part))
            for channel in stretch.channels:
                names = (stretch.site, stretch.node, stretch.installation, stretch.boot)
                runs.append(Run(place, *names, channel.quantity, channel.scale, channel.unit))
                sample_at.append(samples)
                counts.append(stretch.count)
            samples += stretch.count
    count = np.array(counts, np.int64)
    run = np.repeat(np.arange(len(runs)), count)
    within = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    sample = np.repeat(np.array(sample_at, np.int64), count) + within
    statuses = _joined([one.columns.statuses for one in arrived], np.uint8)
    keep = _CARRIES[statuses] & _joined(fresh, np.bool_)[sample]
    run, sample = run[keep], sample[keep]
    columns = {
        "sequence": _joined([one.columns.sequences for one in arrived], np.int64)[sample],
        "clock": _joined([one.columns.clock for one in arrived], np.uint8)[sample],
        "measured_at": _joined([one.columns.measured_at for one in arrived], np.int64)[sample],
        "received_at": _joined([one.columns.received_at for one in arrived], np.int64)[sample],
        "by_time": _joined(by_time, np.bool_)[sample],
    }
    value = _joined([one.columns.values for one in arrived], np.int64)[keep]
    rows = Rows(arrived=arrived, runs=runs, run=run, value=value, flag=statuses[keep], **columns)
    return _canonical(_dated(rows))


def _is_by_time(batch: Columns, stretch: Stretch) -> bool:
    if stretch.installation != NOBODYS:
        return False
    mine = slice(stretch.first, stretch.first + stretch.count)
    return np.array_equal(batch.sequences[mine], batch.measured_at[mine])


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def _dated(rows: Rows) -> Rows:
    ingested = rows.of_runs([rows.arrived[run.batch].ingested_ms for run in rows.runs])
    rows.flag[rows.measured_at > ingested + FUTURE_MS] = FUTURE
    return rows


def _canonical(rows: Rows) -> Rows:
    """With each value in its quantity's unit."""
    runs = list(rows.runs)
    for place, run in enumerate(rows.runs):
        symbol = _SYMBOLS.get(run.quantity, run.unit)
        if run.unit != symbol:
            runs[place] = _converted(rows, place, run, symbol)
    return Rows(**{**vars(rows), "runs": runs})


def _converted(rows: Rows, place: int, run: Run, symbol: str) -> Run:
    """The run with another unit, its values changed in rows; itself where its unit says nothing, or too much."""
    try:
        factor, offset = line(run.quantity, run.unit)
    except UnitError:
        return run
    scale = run.scale if (factor, offset) == (1.0, 0.0) else min(run.scale * _FINER, _SCALE_LIMIT)
    mine = rows.run == place
    values = np.rint((rows.value[mine] / run.scale * factor + offset) * scale)
    if np.any(np.abs(values) > _VALUE_LIMIT):
        return run
    if scale != run.scale:
        rows.value[mine] = values.astype(np.int64)
    return run._replace(unit=symbol, scale=scale)


_SYMBOLS = {
    "temperature": "Cel",
    "humidity": "%RH",
    "co2": "ppm",
    "pm1": "ug/m3",
    "pm25": "ug/m3",
    "pm10": "ug/m3",
    "pressure": "hPa",
    "voc_index": "1",
    "gas_ratio": "1",
}


def with_flags(rows: Rows, said: Mapping[tuple[str, int, int, int, str], int]) -> list[int]:
    """Gives rows the flags that revisions ask for, by node, installation, boot, sequence and quantity; the places of
    those that are in here. A reading of the future stays one."""
    by_run: dict[tuple[str, int, int, str], list[int]] = {}
    wanted = {(node, installation, boot, quantity) for node, installation, boot, _, quantity in said}
    for place, run in enumerate(rows.runs):
        key = (run.node, run.installation, run.boot, run.quantity)
        if key in wanted:
            by_run.setdefault(key, []).append(place)
    found = []
    for (node, installation, boot, sequence, quantity), flag in said.items():
        for place in by_run.get((node, installation, boot, quantity), ()):
            first, last = np.searchsorted(rows.run, [place, place + 1])
            for row in first + np.flatnonzero(rows.sequence[first:last] == sequence):
                found.append(int(row))
                if rows.flag[row] != FUTURE:
                    rows.flag[row] = flag
    return found


def streams(arrived: Iterable[Arrived]) -> set[Stream]:
    return {(s.node, s.installation, s.boot) for one in arrived for s in one.columns.stretches}


class Groups(NamedTuple):
    """Rows of equal keys: order brings them together, each group begins at a place in it."""

    order: Ints
    begins: Ints
    keys: Ints


def grouped(*keys: Ints) -> Groups:
    """Groups by the first key; within a group in the order of the others. keys: of one length."""
    order = np.lexsort(keys[::-1])
    first = keys[0][order]
    begins = np.flatnonzero(np.r_[True, first[1:] != first[:-1]]) if len(first) else np.zeros(0, np.int64)
    return Groups(order, begins, first[begins])
