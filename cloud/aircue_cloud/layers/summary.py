"""What many rows say together: the latest of each series, its trusted course, and its hours. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aircue_cloud.layers.rows import FUTURE, OK, Rows, grouped
from aircue_cloud.layers.settling import Series

HOUR_MS = 3_600_000
Columns = dict[str, npt.NDArray[Any]]


class Latest(NamedTuple):
    """The row that was measured last; of those of one instant the first."""

    series: Series
    row: int


class Course(NamedTuple):
    """A series' trusted rows in order. low, high: of its values."""

    series: Series
    columns: Columns
    low: float
    high: float


class Hour(NamedTuple):
    site: str
    node: str
    quantity: str
    hour: int
    scale: int
    readings: int
    low: int
    high: int
    total: int


def _series(rows: Rows) -> tuple[list[Series], npt.NDArray[np.int64]]:
    """All series, and the place of each row's."""
    places: dict[tuple[str, str, str], int] = {}
    codes = [places.setdefault((run.site, run.node, run.quantity), len(places)) for run in rows.runs]
    return [Series(site=s, node=n, quantity=q) for s, n, q in places], rows.of_runs(codes)


def latest(rows: Rows) -> list[Latest]:
    """Of each series, what no reading of the future is."""
    names, series = _series(rows)
    mine = np.flatnonzero(rows.flag != FUTURE)
    groups = grouped(series[mine], rows.measured_at[mine], -mine)
    ends = np.r_[groups.begins[1:], len(mine)][: len(groups.begins)] - 1
    return [
        Latest(names[key], int(mine[groups.order[end]]))
        for key, end in zip(groups.keys.tolist(), ends.tolist(), strict=True)
    ]


def courses(rows: Rows) -> list[Course]:
    names, series = _series(rows)
    mine = np.flatnonzero(rows.flag == OK)
    runs = mine, rows.of_runs([run.installation for run in rows.runs]), rows.of_runs([run.boot for run in rows.runs])
    at, installation, boot, sequence = rows.measured_at[mine], runs[1][mine], runs[2][mine], rows.sequence[mine]
    value = rows.value[mine] / rows.of_runs([run.scale for run in rows.runs])[mine]
    groups = grouped(series[mine], at, installation, boot, sequence)
    if not len(groups.begins):
        return []
    columns = {
        "measured_at": at[groups.order],
        "installation": installation[groups.order],
        "boot": boot[groups.order],
        "sequence": sequence[groups.order],
        "value": value[groups.order],
    }
    lows = np.minimum.reduceat(columns["value"], groups.begins).tolist()
    highs = np.maximum.reduceat(columns["value"], groups.begins).tolist()
    ends = [*groups.begins[1:].tolist(), len(mine)]
    return [
        Course(names[key], {name: column[begin:end] for name, column in columns.items()}, low, high)
        for key, begin, end, low, high in zip(
            groups.keys.tolist(), groups.begins.tolist(), ends, lows, highs, strict=True
        )
    ]


def hours(rows: Rows) -> list[Hour]:
    slots: dict[tuple[str, str, str, int], int] = {}
    codes = [slots.setdefault((run.site, run.node, run.quantity, run.scale), len(slots)) for run in rows.runs]
    mine = np.flatnonzero(rows.flag == OK)
    hour = rows.measured_at[mine] // HOUR_MS
    groups = grouped(rows.of_runs(codes)[mine] << 32 | hour)
    if not len(groups.begins):
        return []
    value = rows.value[mine][groups.order]
    figures = [
        np.diff(np.r_[groups.begins, len(mine)]),
        np.minimum.reduceat(value, groups.begins),
        np.maximum.reduceat(value, groups.begins),
        np.add.reduceat(value, groups.begins),
    ]
    names = list(slots)
    columns = zip(
        (groups.keys >> 32).tolist(), (groups.keys & 0xFFFFFFFF).tolist(), *(f.tolist() for f in figures), strict=True
    )
    found = []
    for slot, hour, *told in columns:
        site, node, quantity, scale = names[slot]
        found.append(Hour(site, node, quantity, hour, scale, *told))
    return found


def stored_by_batch(rows: Rows) -> Mapping[int, int]:
    """How many rows each batch has, by its place."""
    counts = np.bincount(rows.of_runs([run.batch for run in rows.runs]), minlength=len(rows.arrived))
    return dict(enumerate(counts.tolist()))
