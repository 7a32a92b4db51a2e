"""Stuck-at: a sensor that repeats one exact value far longer than its resolution and its noise allow."""

import math

from aircue_gateway.batch import Status

_TIMES_THE_LONGEST = 4
_FEWEST = 30
_NOT_ROUNDING = 1e-6


class Stuck:
    """Flags the repeats of a value once they have lasted longer than this sensor is known to stand still.

    A sensor whose smallest change so far is no larger than `step`, the movement of a quiet room's air, never stands
    still for long: its limit is fine_s. Any other one (a DHT11 tells whole degrees) and one that has not changed yet
    may honestly repeat itself over a quiet night: its limit is coarse_s. Either limit grows to four times the longest
    repeat that ended by itself. Values in rests, such as 0 ug/m3, are never flagged, nor are fewer than 30 repeats.
    After a gap over max_gap_s, or a clock set back, the repeat is counted anew.

    >>> stuck = Stuck(step=0.1, fine_s=3600, coarse_s=86400, max_gap_s=3600, rests=())
    >>> _ = [stuck.update(60.0 * i, 21.0 + 0.01 * (i % 2)) for i in range(10)]
    >>> [stuck.update(600.0 + 60.0 * i, 21.0).name for i in (0, 59, 61)]
    ['OK', 'OK', 'OK']
    >>> _ = [stuck.update(4260.0 + 60.0 * i, 21.0) for i in range(30)]
    >>> stuck.update(6060.0, 21.0).name
    'STUCK'
    """

    def __init__(
        self, *, step: float, fine_s: float, coarse_s: float, max_gap_s: float, rests: tuple[float, ...]
    ) -> None:
        self._step = step
        self._fine_s = fine_s
        self._coarse_s = coarse_s
        self._max_gap_s = max_gap_s
        self._rests = rests
        self._value = math.nan
        self._since = self._last_at = -math.inf
        self._count = 0
        self._smallest = math.inf
        self._longest_s = 0.0
        self._limit_s = coarse_s

    def update(self, at: float, value: float) -> Status:
        if value != self._value or not 0 <= at - self._last_at <= self._max_gap_s:
            self._begin(at, value)
            return Status.OK
        self._last_at = at
        self._count += 1
        if at - self._since <= self._limit_s or self._count < _FEWEST or value in self._rests:
            return Status.OK
        return Status.STUCK

    def _begin(self, at: float, value: float) -> None:
        if 0 <= at - self._last_at <= self._max_gap_s:
            self._learn(abs(value - self._value), self._last_at - self._since)
        self._value = value
        self._since = self._last_at = at
        self._count = 1

    def _learn(self, change: float, lasted_s: float) -> None:
        """A repeat that was flagged teaches nothing about the honest ones."""
        if change > _NOT_ROUNDING and change < self._smallest:
            self._smallest = change
        elif lasted_s <= self._longest_s:
            return
        if lasted_s <= self._limit_s:
            self._longest_s = max(self._longest_s, lasted_s)
        least_s = self._fine_s if self._smallest <= self._step + _NOT_ROUNDING else self._coarse_s
        self._limit_s = max(least_s, _TIMES_THE_LONGEST * self._longest_s)
