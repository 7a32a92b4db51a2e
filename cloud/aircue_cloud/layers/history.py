"""The course of series, out of the lake."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection

from aircue_cloud.layers.course import Point
from aircue_cloud.layers.lake import Lake, Span, asked
from aircue_cloud.layers.settling import Series

_NAMES = ("measured_at", "installation", "boot", "sequence", "value")
_FIRST_WINDOW_MS = 6 * 3_600_000
_LONGEST_WINDOW_MS = 400 * 86_400_000
_EVER_MS = -(2**61)
_POINTS = """
SELECT wanted.place AS place, measured_at, installation, boot, sequence, value / scale AS value
FROM lake JOIN wanted USING (site, node, quantity)
WHERE flag = 'OK' AND measured_at >= $first
ORDER BY place, measured_at, installation, boot, sequence
"""
Columns = dict[str, npt.NDArray[Any]]


class LakeHistory:
    """Reads the files that hold the newest of the course first, for all series together, and goes back as it is asked.

    series: all that may be asked for. first_ms: where reading may begin.
    """

    def __init__(self, lake: Lake, connection: Connection, series: Sequence[Series], first_ms: int) -> None:
        self._lake = lake
        self._connection = connection
        self._places = {one: place for place, one in enumerate(series)}
        self._loaded_ms: int | None = None
        self._window_ms = _FIRST_WINDOW_MS
        self._first_ms = first_ms
        self._courses: dict[Series, Columns] = {}

    def before(self, series: Series, at_ms: int, size: int) -> list[Point]:
        while True:
            course = self._course(series, at_ms - self._window_ms)
            end = int(np.searchsorted(course["measured_at"], at_ms))
            if end >= size or self._loaded_ms == _EVER_MS:
                return list(_points(course, max(0, end - size), end))
            self._window_ms *= 8
            if self._window_ms > _LONGEST_WINDOW_MS:
                self._window_ms = -_EVER_MS

    def after(self, series: Series, at_ms: int) -> Iterator[Point]:
        course = self._course(series, at_ms)
        begin = int(np.searchsorted(course["measured_at"], at_ms, side="right"))
        return _points(course, begin, len(course["measured_at"]))

    def _course(self, series: Series, first_ms: int) -> Columns:
        if self._loaded_ms is None or first_ms < self._loaded_ms:
            self._load(min(first_ms, self._first_ms - self._window_ms))
        return self._courses[series]

    def _load(self, first_ms: int) -> None:
        """Everything from an instant on."""
        first_ms = _EVER_MS if first_ms < 0 else first_ms
        stored = self._stored(first_ms)
        begins = np.searchsorted(stored["place"], np.arange(len(self._places) + 1))
        for series, place in self._places.items():
            self._courses[series] = {name: stored[name][begins[place] : begins[place + 1]] for name in _NAMES}
        self._loaded_ms = first_ms

    def _stored(self, first_ms: int) -> Columns:
        names = list(self._places)
        wanted = pa.table(
            {
                "place": np.arange(len(names)),
                **{key: [getattr(one, key) for one in names] for key in ("site", "node", "quantity")},
            }
        )
        span = Span(first_ms=max(first_ms, 0))
        with self._lake.open(self._connection, span, {"wanted": wanted}) as opened:
            found = asked(opened, _POINTS, {"first": first_ms})
        return {name: found[name].to_numpy() for name in found.column_names}


def _points(course: Columns, begin: int, end: int) -> Iterator[Point]:
    return map(Point, *(course[name][begin:end].tolist() for name in _NAMES))
