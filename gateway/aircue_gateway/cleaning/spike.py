"""Spike: a causal Hampel filter (Hampel 1974; Pearson 2002), which judges a value by the last few before it."""

from collections import deque

from aircue_gateway.batch import Status

_MAD_TO_SIGMA = 1.4826  # of a normal distribution


class Spike:
    """Flags a value further than k scales from the median of the last `window` values, itself included.

    scale = max(1.4826 MAD, floor). Flagged values stay in the window: a real step fills half of it and passes at its
    (window + 1) // 2-th sample at the latest, and a bad first value is outvoted. Nothing is flagged before that many
    samples are there; after a gap over max_gap_s, or a clock set back, the filter starts anew.

    >>> spike = Spike(window=7, k=3, floor=0.5, max_gap_s=120)
    >>> [spike.update(30.0 * i, v).name for i, v in enumerate([21, 21, 21.1, 21, 85, 21.1])]
    ['OK', 'OK', 'OK', 'OK', 'SPIKE', 'OK']
    """

    def __init__(self, *, window: int, k: float, floor: float, max_gap_s: float) -> None:
        self._values: deque[float] = deque(maxlen=window)
        self._warm_up = (window + 1) // 2
        self._k = k
        self._floor = floor
        self._max_gap_s = max_gap_s
        self._last_at: float | None = None

    def update(self, at: float, value: float) -> Status:
        if self._last_at is None or not 0 < at - self._last_at <= self._max_gap_s:
            self._values.clear()
        self._last_at = at
        self._values.append(value)
        if len(self._values) < self._warm_up:
            return Status.OK
        middle = _median(list(self._values))
        scale = max(_MAD_TO_SIGMA * _median([abs(one - middle) for one in self._values]), self._floor)
        return Status.SPIKE if abs(value - middle) > self._k * scale else Status.OK


def _median(values: list[float]) -> float:
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
