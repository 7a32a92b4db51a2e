"""Smoothing: what the rules and the deadband look at, one class a method. The stored value stays as it was measured.

All of them go by time, not by samples: a shower in ten-minute means stays as it is, a jitter every five seconds does
not. A pause, a first value and a clock set back need no case of their own, except where a class says so.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

_SAME_INSTANT_S = 1e-3  # times on the wire are whole milliseconds


class Smoother(Protocol):
    def update(self, at: float, value: float) -> float: ...


class Plain:
    """No smoothing.

    >>> Plain().update(0.0, 21.5)
    21.5
    """

    def update(self, at: float, value: float) -> float:
        return value


class Median:
    """The median of the values of the last window_s, this one included. At most 99 values are kept.

    >>> median = Median(window_s=15)
    >>> [median.update(5.0 * i, v) for i, v in enumerate([70.0, 71.0, 99.0, 70.0, 72.0])]
    [70.0, 70.5, 71.0, 71.0, 72.0]
    """

    _MOST = 99

    def __init__(self, *, window_s: float) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque()
        self._values: deque[float] = deque()
        self._sorted: list[float] = []

    def update(self, at: float, value: float) -> float:
        times, values, ordered = self._times, self._values, self._sorted
        if times:
            if at < times[-1]:
                self._forget()
            first = at - self._window_s
            while times and (times[0] <= first or len(times) >= self._MOST):
                times.popleft()
                del ordered[bisect_left(ordered, values.popleft())]
        times.append(at)
        values.append(value)
        insort(ordered, value)
        half = len(ordered) >> 1
        return ordered[half] if len(ordered) & 1 else (ordered[half - 1] + ordered[half]) / 2

    def restart(self, at: float, value: float) -> None:
        """As update() after a pause longer than the window."""
        self._forget()
        self.update(at, value)

    @property
    def window_s(self) -> float:
        return self._window_s

    def _forget(self) -> None:
        self._times.clear()
        self._values.clear()
        self._sorted.clear()


class Ewma:
    """Exponentially weighted mean with time constant tau_s: weight 1 - exp(-dt / tau) for a value dt after the last
    (Wright 1986, for series whose samples are not evenly spaced).

    >>> ewma = Ewma(tau_s=60)
    >>> [round(ewma.update(at, value), 2) for at, value in [(0, 20.0), (60, 21.0), (6000, 25.0)]]
    [20.0, 20.63, 25.0]
    """

    def __init__(self, *, tau_s: float) -> None:
        self._tau_s = tau_s
        self._at = math.inf
        self._mean = 0.0

    def update(self, at: float, value: float) -> float:
        passed = at - self._at
        self._at = at
        if passed < 0:
            self._mean = value
        else:
            self._mean += (1.0 - math.exp(-passed / self._tau_s)) * (value - self._mean)
        return self._mean


class OneEuro:
    """The 1 euro filter (Casiez, Roussel, Vogel, CHI 2012): a low pass whose cutoff, cutoff_hz + beta |speed|, opens
    when the value moves. speed is smoothed itself with speed_cutoff_hz.

    >>> filter = OneEuro(cutoff_hz=0.01, beta=0.0, speed_cutoff_hz=0.01)
    >>> [round(filter.update(at, value), 3) for at, value in [(0, 20.0), (5, 21.0)]]
    [20.0, 20.239]
    """

    def __init__(self, *, cutoff_hz: float, beta: float, speed_cutoff_hz: float) -> None:
        self._cutoff_hz = cutoff_hz
        self._beta = beta
        self._speed_cutoff_hz = speed_cutoff_hz
        self._at = math.inf
        self._raw = self._value = self._speed = 0.0

    def update(self, at: float, value: float) -> float:
        passed = at - self._at
        if 0 <= passed < _SAME_INSTANT_S:
            return self._value
        self._at = at
        if passed < 0:
            self._raw = self._value = value
            self._speed = 0.0
            return value
        speed = (value - self._raw) / passed
        self._raw = value
        self._speed += _alpha(self._speed_cutoff_hz, passed) * (speed - self._speed)
        self._value += _alpha(self._cutoff_hz + self._beta * abs(self._speed), passed) * (value - self._value)
        return self._value


def _alpha(cutoff_hz: float, passed: float) -> float:
    omega = 2.0 * math.pi * cutoff_hz * passed
    return omega / (omega + 1.0)


class Kalman:
    """The scalar Kalman filter (Kalman 1960) of a random walk: it drifts by `drift` (standard deviation, units) in a
    minute and is read with `noise` (standard deviation, units). A pause lets the uncertainty grow, so that it follows
    at once.

    >>> kalman = Kalman(noise=0.2, drift=0.05)
    >>> [round(kalman.update(at, value), 3) for at, value in [(0, 20.0), (60, 20.4), (6e6, 25.0)]]
    [20.0, 20.206, 24.999]
    """

    def __init__(self, *, noise: float, drift: float) -> None:
        self._noise2 = noise * noise
        self._drift2_s = drift * drift / 60.0
        self._at = math.inf
        self._value = self._variance = 0.0

    def update(self, at: float, value: float) -> float:
        passed = at - self._at
        self._at = at
        if passed < 0:
            self._value, self._variance = value, self._noise2
            return value
        variance = self._variance + self._drift2_s * passed
        gain = variance / (variance + self._noise2)
        self._value += gain * (value - self._value)
        self._variance = (1.0 - gain) * variance
        return self._value


# By its name in the configuration, with the settings it reads there as they are.
METHODS: Mapping[str, tuple[Callable[..., Smoother], tuple[str, ...]]] = {
    "none": (Plain, ()),
    "median": (Median, ("window_s",)),
    "ewma": (Ewma, ("tau_s",)),
    "one-euro": (OneEuro, ("cutoff_hz", "beta", "speed_cutoff_hz")),
}
