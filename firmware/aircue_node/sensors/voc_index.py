"""The VOC index: how the air compares with what this place is used to, 1 to 500, 100 being the usual.

The mathematics are those that Sensirion publishes with its gas index algorithm (version 3.2), at one raw signal a
second. In short: the place's mean and deviation are learnt with a time constant of 12 hours, quickly at first; a rise
far beyond the deviation closes a gate, so that an event is not learnt as the usual; a logistic curve turns the distance
into the index; a low-pass follows large changes quickly and small ones slowly.

Made for 32-bit floats: the mean is kept as a distance from a whole number, so that small steps are not rounded away.
"""

from math import exp, sqrt

# Seconds at the start without an index, and the raw signals that are believed.
BLACKOUT_S = 45
_RAW_LEAST = 20000
_RAW_SPAN = 32767
_RAW_END = 65000

_GAIN = 230.0
_EXTRA_DEVIATION = 220.0
_FIRST_DEVIATION = 50.0
_INDEX_MOST = 500.0
_INDEX_MIDDLE = 213.0
_INDEX_STEEPNESS = -0.0065

# Shares of the difference that a second's signal moves the learnt values by: 1 s / (time constant + 1 s).
_SHARE = 1.0 / (12 * 3600 + 1)
_FIRST_SHARE_MEAN = 1.0 / (20 + 1)
_FIRST_SHARE_VARIANCE = 1.0 / (2500 + 1)
# How long the first shares hold, in seconds, and how softly they end.
_FIRST_MEAN_S = 2700
_FIRST_VARIANCE_S = 5220
_SOFTNESS = 0.01
_AGE_MOST = 32766

# The gate: the index above which nothing is learnt, later and at first; a gate closed for too long opens.
_GATE = 340.0
_GATE_FIRST = 510.0
_GATE_STEEPNESS = 0.09
_OPENS_AT = 0.3
_HELD_MOST_S = 3 * 3600.0

_RECENTRE = 100.0

_FAST_S = 20.0
_SLOW_S = 500.0
_HASTE = -0.2
_INDEX_LEAST = 0.5


def _step_down(value: float, at: float, steepness: float) -> float:
    """A logistic step from 1 to 0 around `at`."""
    x = steepness * (value - at)
    if x < -50.0:
        return 1.0
    if x > 50.0:
        return 0.0
    return 1.0 / (1.0 + exp(x))


class _Usual:
    """What the place is used to: mean and deviation of the raw signal; knows nothing before the first signal."""

    def __init__(self) -> None:
        self._centre = 0
        self._mean = 0.0
        self.deviation = _FIRST_DEVIATION
        self._known = False
        self._age_s = 0
        self._gate_age_s = 0
        self._held_s = 0.0

    def distance(self, raw: int) -> float:
        """From the mean; up is cleaner air."""
        return (raw - self._centre) - self._mean

    def learn(self, raw: int, index: float) -> None:
        if not self._known:
            self._known, self._centre = True, raw
            return
        self._recentre()
        distance = self.distance(raw)
        share_mean, share_variance = self._shares(index)
        variance = self.deviation * self.deviation + share_variance * distance * distance
        self.deviation = sqrt((1.0 - share_variance) * variance)
        self._mean += share_mean * distance

    def _recentre(self) -> None:
        if self._mean >= _RECENTRE or self._mean <= -_RECENTRE:
            whole = int(self._mean)
            self._centre += whole
            self._mean -= whole

    def _shares(self, index: float) -> "tuple[float, float]":
        self._age_s = min(self._age_s + 1, _AGE_MOST)
        self._gate_age_s = min(self._gate_age_s + 1, _AGE_MOST)
        early_mean = _step_down(self._age_s, _FIRST_MEAN_S, _SOFTNESS)
        early_variance = _step_down(self._age_s, _FIRST_VARIANCE_S, _SOFTNESS)
        open_mean = self._open(index, _FIRST_MEAN_S)
        open_variance = self._open(index, _FIRST_VARIANCE_S)
        self._hold(open_mean)
        share_mean = _SHARE + (_FIRST_SHARE_MEAN - _SHARE) * early_mean
        share_variance = _SHARE + (_FIRST_SHARE_VARIANCE - _SHARE) * (early_variance - early_mean)
        return share_mean * open_mean, share_variance * open_variance

    def _open(self, index: float, first_s: int) -> float:
        """How far the gate is open, 0 to 1."""
        gate = _GATE + (_GATE_FIRST - _GATE) * _step_down(self._gate_age_s, first_s, _SOFTNESS)
        return _step_down(index, gate, _GATE_STEEPNESS)

    def _hold(self, opened: float) -> None:
        """Counts up while the gate is shut and down while it is open; too long, and the gate is as at first again."""
        self._held_s = max(self._held_s + (1.0 - opened) * (1.0 + _OPENS_AT) - _OPENS_AT, 0.0)
        if self._held_s > _HELD_MOST_S:
            self._gate_age_s = 0


class _Smooth:
    """A low-pass whose time constant falls from slow to fast as the signal moves."""

    def __init__(self, first: float) -> None:
        self._fast = self._slow = self._smooth = first

    def update(self, value: float) -> float:
        self._fast += (value - self._fast) / (_FAST_S + 1.0)
        self._slow += (value - self._slow) / (_SLOW_S + 1.0)
        moving = abs(self._fast - self._slow)
        time_s = _FAST_S + (_SLOW_S - _FAST_S) * exp(_HASTE * moving)
        self._smooth += (value - self._smooth) / (time_s + 1.0)
        return self._smooth


class VocIndex:
    """Give it the raw signal of each second; a second without one is left out."""

    def __init__(self) -> None:
        self._blackout_s = 0
        self._raw = 0
        self._usual = _Usual()
        self._smooth: _Smooth | None = None

    def update(self, raw: int) -> int:
        """1 to 500; 0 in the first 45 s. A raw signal beyond 1 to 64999 counts as the one before."""
        if self._blackout_s <= BLACKOUT_S:
            self._blackout_s += 1
            return 0
        if 0 < raw < _RAW_END:
            self._raw = min(max(raw - _RAW_LEAST, 1), _RAW_SPAN)
        index = self._filtered(self._index())
        if self._raw > 0:
            self._usual.learn(self._raw, index)
        return int(index + 0.5)

    def _index(self) -> float:
        away = -_GAIN * self._usual.distance(self._raw) / (self._usual.deviation + _EXTRA_DEVIATION)
        return _INDEX_MOST * _step_down(away, _INDEX_MIDDLE, _INDEX_STEEPNESS)

    def _filtered(self, value: float) -> float:
        if self._smooth is None:
            self._smooth = _Smooth(value)
        return max(self._smooth.update(value), _INDEX_LEAST)
