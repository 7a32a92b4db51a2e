"""Gaps: readings that should be there and are not, explicit, and bridged only where the bridge is short.

The cadence is learnt: the mean of the last pauses, long ones clipped. A gap is a pause of over `_MISSING` cadences.
"""

from typing import NamedTuple

_MISSING = 1.75
_MEMORY = 16
_CLIP = 2.0


class Missing(NamedTuple):
    """A reading that is not there. value: on the straight line between its neighbours, None where the gap is too long
    for one. It is no measurement, whatever it says."""

    at: float
    value: float | None


class Gaps:
    """Names the readings that are missing before each one that is there.

    interval_s: the cadence, None to learn it. A gap of more than longest_s is not bridged; one of more than `most`
    cadences is named once, by the time it began, without a value.

    >>> gaps = Gaps(interval_s=60, longest_s=300)
    >>> [gaps.update(at, value) for at, value in [(0, 20.0), (60, 20.0), (180, 22.0)]]
    [[], [], [Missing(at=120.0, value=21.0)]]
    """

    def __init__(self, *, longest_s: float, interval_s: float | None = None, most: int = 1000) -> None:
        self._longest_s = longest_s
        self._interval_s = interval_s
        self._learns = interval_s is None
        self._most = most
        self._count = 1
        self._last: tuple[float, float] | None = None

    def update(self, at: float, value: float) -> list[Missing]:
        last, self._last = self._last, (at, value)
        if last is None or at <= last[0]:
            return []
        passed = at - last[0]
        interval_s = self._cadence(passed)
        if passed <= _MISSING * interval_s:
            return []
        return self._between(last, (at, value), interval_s)

    def _cadence(self, passed: float) -> float:
        """As it was before this pause, for the first pause cannot be a gap."""
        before = passed if self._interval_s is None else self._interval_s
        if self._learns:
            self._count = min(self._count + 1, _MEMORY)
            self._interval_s = before + (min(passed, _CLIP * before) - before) / self._count
        return before

    def _between(self, last: tuple[float, float], now: tuple[float, float], interval_s: float) -> list[Missing]:
        (start, left), (end, right) = last, now
        count = round((end - start) / interval_s) - 1
        if count > self._most:
            return [Missing(start + interval_s, None)]
        bridged = end - start <= self._longest_s
        times = [start + (end - start) * (index + 1) / (count + 1) for index in range(count)]
        slope = (right - left) / (end - start)
        return [Missing(time, left + slope * (time - start) if bridged else None) for time in times]
