"""Follows a course that is read whole each time, so that the same data give the same episodes however often it is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from aircue_cloud.layers import episodes
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.episodes import Arrivals
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs.needs import Needs

Read = Callable[[Series, int, int], list[Point]]  # points of a series from one instant to another, both included, in ms

_SPAN_MS = 2 * 86_400_000  # that is looked at first
_EVERYTHING_MS = 1000 * 86_400_000


def point(at_ms: int, value: float) -> Point:
    """No reading of a node stands behind it."""
    return Point(at_ms, 0, 0, 0, value)


class Courses:
    """The courses of series as a function reads them, up to now."""

    def __init__(self, read: Read, until_ms: int) -> None:
        self._read, self._until_ms = read, until_ms

    def before(self, series: Series, at_ms: int, size: int) -> list[Point]:
        """Further and further back, until there are enough or no more."""
        span_ms = _SPAN_MS
        while True:
            first_ms = at_ms - span_ms if span_ms < _EVERYTHING_MS else 0
            found = self._read(series, first_ms, at_ms - 1)
            if len(found) >= size or first_ms <= 0:
                return found[-size:]
            span_ms *= 4

    def after(self, series: Series, at_ms: int) -> Iterable[Point]:
        return self._read(series, at_ms + 1, self._until_ms)


def follow(
    connection: Connection,
    needs: Needs,
    courses: Sequence[tuple[Series, list[Point]]],
    read: Read,
    until_ms: int,
    now: datetime,
) -> list[Started]:
    """courses: the latest points of each series, at least one. The episodes that are new. One of which nothing more was
    told for max_gap_s has ended by then; with what is told later it stands again."""
    arrivals = [
        Arrivals(series=series, points=points, followed_ms=None, again=True, lapses_ms=until_ms)
        for series, points in courses
    ]
    return episodes.follow(connection, needs, arrivals, Courses(read, until_ms), now) if arrivals else []
