"""The pipeline as it is configured by default, with one short way for the values that no check has any doubt about."""

from aircue_gateway.batch import Status
from aircue_gateway.cleaning.pipeline import Pipeline, Watch
from aircue_gateway.cleaning.range import Range
from aircue_gateway.cleaning.rate import Rate
from aircue_gateway.cleaning.smoothing import Median
from aircue_gateway.cleaning.spike import CLIP, WARM_UP, Spike
from aircue_gateway.cleaning.stuck import FEWEST, Stuck

_OK = Status.OK
_NEVER = float("inf")


class Usual(Pipeline):
    """Range, rate, stuck and spike, in this order, the median, no deadband: what Pipeline makes of them, sooner.

    After a value that passed all checks, each of them has it as its last one. A next value that comes in time, lies in
    range and jumps no further than either check allows passes them all again, and what they learn from it is done here,
    on their own state, in the order and with the arithmetic of their own update(). Any other value goes the long way.
    A test feeds both ways the same series.

    _at, _value: the last value, where it passed all checks; _at is infinite where it did not. _alone: the window of the
    median holds the last value and nothing else, and was not told so yet.
    """

    def __init__(self, *, filters: tuple[Range, Rate, Stuck, Spike], median: Median, watch: Watch) -> None:
        super().__init__(filters=filters, smoother=median, watch=watch, deadband=None)
        range_, rate, stuck, spike = filters
        self._rate, self._stuck, self._doubts, self._median = rate, stuck, spike, median
        self._low, self._high = range_.low, range_.high
        self._jump = rate.jump if rate.per_s >= 0 else -1.0
        self._longest_s = min(rate.max_gap_s, stuck.max_gap_s, spike.max_gap_s)
        self._window_s = median.window_s
        self._at = _NEVER
        self._value = 0.0
        self._alone = False

    def update(self, at: float, value: float) -> tuple[Status, bool]:
        passed = at - self._at
        if not (0 < passed <= self._longest_s and self._low <= value <= self._high):
            return self._the_long_way(at, value)
        change = value - self._value
        size = change if change >= 0 else -change
        stuck, spike = self._stuck, self._doubts
        if size > self._jump or (size > spike.reach and spike.seen >= WARM_UP):
            return self._the_long_way(at, value)
        if size:
            if size < stuck.smallest or self._at - stuck.since > stuck.longest_s:
                stuck.learn(size, self._at - stuck.since)
            stuck.value = value
            stuck.since = at
            stuck.count = 1
            scale = spike.scale
            if spike.changes < spike.memory:
                spike.changes += 1
            spike.scale = scale = scale + ((min(size, CLIP * scale)) - scale) / spike.changes
            spike.reach = spike.k * (max(spike.floor, scale))
        else:
            if at - stuck.since > stuck.limit_s and stuck.count + 1 >= FEWEST:
                return self._the_long_way(at, value)
            stuck.count += 1
        rate = self._rate
        rate.at = stuck.last_at = spike.last_at = at
        rate.value = value
        spike.older, spike.old, spike.last = spike.old, spike.last, value
        spike.seen += 1
        if self._at <= at - self._window_s:
            self._alone = True
            smoothed = value
        else:
            if self._alone:
                self._alone = False
                self._median.restart(self._at, self._value)
            smoothed = self._median.update(at, value)
        self._at = at
        self._value = value
        self.smoothed = smoothed
        return _OK, self._watch(at, smoothed)

    def _the_long_way(self, at: float, value: float) -> tuple[Status, bool]:
        if self._alone:
            self._alone = False
            self._median.restart(self._at, self._value)
        answer = super().update(at, value)
        self._at = at if answer[0] is _OK else _NEVER
        self._value = value
        return answer
