"""Clocks for what wears with use instead of time: a purifier's filter ages by the dust it has seen. Pure.

The dose of a home at a time t is the integral of a quantity over the hours up to t. Of the hours that no sensor told of
it takes the home's mean, and of a home without a sensor the usual level of the others: a filter ages whether or not it
is looked at. Where nobody measures, every dose grows evenly, and the clock is time itself.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from statistics import fmean

HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True)
class Dose:
    """hours: (hour since 1970, mean of the quantity in it), ascending. usual: the level of hours that are not there.
    Units: of the quantity, times hours."""

    hours: Sequence[tuple[int, float]] = ()
    usual: float = 1.0

    def at(self, seconds: float) -> float:
        """The dose up to a time; it never falls."""
        hour, part = divmod(seconds / HOUR_S, 1.0)
        before = bisect_left(self._starts, hour)
        running = self.hours[before][1] if before < len(self.hours) and self._starts[before] == hour else self.usual
        return self.usual * hour + self._beyond[before] + part * running

    @cached_property
    def _starts(self) -> list[int]:
        return [hour for hour, _ in self.hours]

    @cached_property
    def _beyond(self) -> list[float]:
        """What the first n hours are over the usual level."""
        return [0.0, *accumulate(level - self.usual for _, level in self.hours)]


def doses(told: Mapping[str, Iterable[tuple[int, float]]], homes: Iterable[str]) -> dict[str, Dose]:
    """Of each home, from (hour, level) as sensors told them; several of one hour are averaged. Levels under 0 are a
    sensor's zero error and count as 0."""
    levels = {home: _hourly(hours) for home, hours in told.items()}
    means = {home: fmean(level for _, level in hours) for home, hours in levels.items() if hours}
    usual = fmean(means.values()) if means else 1.0
    return {home: Dose(hours=levels.get(home, ()), usual=_above_0(means.get(home, usual), usual)) for home in homes}


def _hourly(told: Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    hours: dict[int, list[float]] = {}
    for hour, level in told:
        hours.setdefault(hour, []).append(max(level, 0.0))
    return tuple((hour, fmean(found)) for hour, found in sorted(hours.items()))


def _above_0(mean: float, usual: float) -> float:
    """A clock has to move: in air without any dust it is the others'."""
    return mean if mean > 0 else usual if usual > 0 else 1.0
