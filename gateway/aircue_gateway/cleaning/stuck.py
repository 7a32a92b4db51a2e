"""Stuck-at: a sensor that repeats one exact value far longer than its resolution and its noise allow."""

import math

from aircue_gateway.batch import Status

_TIMES_THE_LONGEST = 4
FEWEST = 30
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
        self.max_gap_s = max_gap_s
        self._rests = rests
        self.value = math.nan
        self.since = self.last_at = -math.inf
        self.count = 0
        self.smallest = math.inf
        self.longest_s = 0.0
        self.limit_s = coarse_s

    def update(self, at: float, value: float) -> Status:
        if value != self.value or not 0 <= at - self.last_at <= self.max_gap_s:
            self._begin(at, value)
            return Status.OK
        self.last_at = at
        self.count += 1
        if at - self.since <= self.limit_s or self.count < FEWEST or value in self._rests:
            return Status.OK
        return Status.STUCK

    def _begin(self, at: float, value: float) -> None:
        if 0 <= at - self.last_at <= self.max_gap_s:
            self.learn(abs(value - self.value), self.last_at - self.since)
        self.value = value
        self.since = self.last_at = at
        self.count = 1

    def learn(self, change: float, lasted_s: float) -> None:
        """A repeat that was flagged teaches nothing about the honest ones."""
        if change > _NOT_ROUNDING and change < self.smallest:
            self.smallest = change
        elif lasted_s <= self.longest_s:
            return
        if lasted_s <= self.limit_s:
            self.longest_s = max(self.longest_s, lasted_s)
        least_s = self._fine_s if self.smallest <= self._step + _NOT_ROUNDING else self._coarse_s
        self.limit_s = max(least_s, _TIMES_THE_LONGEST * self.longest_s)
