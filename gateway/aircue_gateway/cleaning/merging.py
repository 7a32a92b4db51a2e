"""Merging: one value for a room from several sensors of one quantity, by what each of them is worth.

A sensor's weight is the inverse of its variance (the best linear unbiased mean of independent sensors, Cochran 1937),
where the variance is that of its own residual noise: half the mean squared difference of neighbouring readings, clipped
(von Neumann et al. 1941), so that a drift of the room does not count as noise. A sensor that strays from the weighted
median of all by d is believed 1 / (1 + (d / agree)^2) as much (Cauchy's weight in robust regression); a flagged reading
a twentieth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

_MEMORY = 64
_CLIP2 = 25.0
_FLAGGED = 0.05


class Merged(NamedTuple):
    """weights: by sensor, they sum to 1. apart: the sensors further than agree from the value."""

    value: float
    weights: Mapping[str, float]
    apart: tuple[str, ...]


@dataclass
class _Sensor:
    at: float
    value: float
    variance: float
    trusted: bool
    count: int = 1


class Merge:
    """step: the least noise a sensor is credited with. A reading older than max_age_s says nothing any more.

    >>> merge = Merge(step=0.1, agree=0.5, max_age_s=300)
    >>> _ = merge.update("shelf", 0.0, 21.0), merge.update("desk", 0.0, 21.2)
    >>> merged = merge.update("window", 1.0, 35.0)
    >>> round(merged.value, 1), merged.apart
    (21.1, ('window',))
    """

    def __init__(self, *, step: float, agree: float, max_age_s: float) -> None:
        self._least = step * step
        self._agree2 = agree * agree
        self._max_age_s = max_age_s
        self._sensors: dict[str, _Sensor] = {}

    def update(self, sensor: str, at: float, value: float, trusted: bool = True) -> Merged:
        """trusted: no stage has flagged this reading."""
        known = self._sensors.get(sensor)
        if known is None:
            self._sensors[sensor] = _Sensor(at, value, self._least, trusted)
        else:
            self._note(known, at, value, trusted)
        return self._merged([(name, one) for name, one in self._sensors.items() if at - one.at <= self._max_age_s])

    def _note(self, sensor: _Sensor, at: float, value: float, trusted: bool) -> None:
        if trusted and sensor.trusted and 0 < at - sensor.at <= self._max_age_s:
            square = min((value - sensor.value) ** 2 / 2, _CLIP2 * max(sensor.variance, self._least))
            sensor.count = min(sensor.count + 1, _MEMORY)
            sensor.variance += (square - sensor.variance) / sensor.count
        sensor.at, sensor.value, sensor.trusted = at, value, trusted

    def _merged(self, sensors: list[tuple[str, _Sensor]]) -> Merged:
        worth = {name: self._worth(one) for name, one in sensors}
        middle = _median([(one.value, worth[name]) for name, one in sensors])
        weights = {name: worth[name] / (1 + (one.value - middle) ** 2 / self._agree2) for name, one in sensors}
        total = sum(weights.values())
        value = sum(weights[name] * one.value for name, one in sensors) / total
        apart = tuple(name for name, one in sensors if (one.value - value) ** 2 > self._agree2)
        return Merged(value, {name: weight / total for name, weight in weights.items()}, apart)

    def _worth(self, sensor: _Sensor) -> float:
        return (1.0 if sensor.trusted else _FLAGGED) / max(sensor.variance, self._least)


def _median(rows: list[tuple[float, float]]) -> float:
    """Of (value, weight): the value at which half of the weight is reached, or the middle of the two around it."""
    rows.sort()
    half, so_far = sum(weight for _, weight in rows) / 2, 0.0
    for index, (value, weight) in enumerate(rows):
        so_far += weight
        if so_far == half and index + 1 < len(rows):
            return (value + rows[index + 1][0]) / 2
        if so_far > half:
            return value
    return rows[-1][0]
