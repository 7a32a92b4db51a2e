"""Follows a course that is read whole each time, so that the same data give the same episodes however often it is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from aircue_cloud.layers import episodes
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.episodes import Arrivals, Series, Started
from aircue_cloud.needs.needs import Needs

Read = Callable[[Series, int, int], list[Point]]  # points of a series from one instant to another, both included, in ms

_STEP_MS = 30 * 86_400_000


def point(at_ms: int, value: float) -> Point:
    """No reading of a node stands behind it."""
    return Point(at_ms, 0, 0, 0, value)


class Courses:
    """The courses of series as a function reads them, up to now."""

    def __init__(self, read: Read, until_ms: int) -> None:
        self._read, self._until_ms = read, until_ms

    def before(self, series: Series, at_ms: int, size: int) -> list[Point]:
        """Further and further back, until there are enough."""
        first, found = at_ms, list[Point]()
        while len(found) < size and first > 0:
            first = max(0, first - _STEP_MS * max(1, size // 512))
            found = self._read(series, first, at_ms - 1)
            if not found and first < self._until_ms - 12 * _STEP_MS:
                break
        return found[-size:]

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
    """courses: the latest points of each series, at least one. The episodes that are new."""
    arrivals = [Arrivals(series=series, points=points, followed_ms=None, again=True) for series, points in courses]
    return episodes.follow(connection, needs, arrivals, Courses(read, until_ms), now) if arrivals else []
