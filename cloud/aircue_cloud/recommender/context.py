"""The context of a home: how far its air is from what is usual there, and where it is going. Pure.

The norm of a quantity is its mean by hour of the day and season, each cell shrunk toward the hour's mean, and that
toward the overall one:

    m_h  = (sum of the hour's values + s m) / (n_h + s)
    m_sh = (sum of the cell's values + s m_h) / (n_sh + s)

so that a home has a norm from its first days and a sharper one with every season. s is worth a few days, for an hour's
values on following days hang together. The forecast is damped persistence: with d = x - norm, the deviation now,

    x(t + h) = norm(t + h) + phi_h d(t)

with phi_h the regression of d(t + h) on d(t) in the home's own past (0 to 1), and its error what that regression left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from aircue_cloud.recommender.errors import DatasetError

HOUR_S = 3600
SEASONS = ("winter", "spring", "summer", "autumn")  # three months each from December on, as the north has them
TRUST = 5.0  # days that a coarser mean is worth
_LEAST_HOURS = 48

Numbers = npt.NDArray[np.float64]
Hours = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Hourly:
    """Hourly means of one quantity in one room. hour: since 1970-01-01, ascending; local_offset_h: what the home's
    clock adds to UTC, so that a morning is a morning. Hours without a value are absent."""

    hour: Hours = field(repr=False)
    value: Numbers = field(repr=False)
    local_offset_h: int = 0

    def __post_init__(self) -> None:
        if len(self.hour) != len(self.value) or not np.isfinite(self.value).all():
            raise DatasetError("hourly values: as many hours as values and all of them numbers; leave gaps out")
        if not (np.diff(self.hour) > 0).all():
            raise DatasetError("hourly values: hours have to ascend and stand there once each")

    def between(self, begin: int, end: int) -> "Hourly":
        kept = (self.hour >= begin) & (self.hour < end)
        return Hourly(hour=self.hour[kept], value=self.value[kept], local_offset_h=self.local_offset_h)


@dataclass(frozen=True, kw_only=True)
class Norm:
    """mean: shape (4 seasons, 24 hours); spread: standard deviation of what is left, 1 number; hours: learnt from."""

    mean: Numbers = field(repr=False)
    spread: float
    hours: int
    local_offset_h: int

    def at(self, hour: Hours) -> Numbers:
        season, of_day = cells(hour, self.local_offset_h)
        return np.asarray(self.mean[season, of_day])

    def deviation(self, hour: Hours, value: Numbers) -> Numbers:
        """In standard deviations of this home."""
        return (value - self.at(hour)) / self.spread


def cells(hour: Hours, local_offset_h: int) -> tuple[Hours, Hours]:
    """Place of the season and hour of the day."""
    local = hour + local_offset_h
    months = local.astype("datetime64[h]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return months % 12 // 3, local % 24


def norm(past: Hourly, trust: float = TRUST) -> Norm:
    """DatasetError where there are less than two days."""
    if len(past.hour) < _LEAST_HOURS:
        raise DatasetError(f"{len(past.hour)} hours of the home: at least {_LEAST_HOURS} are needed to know its norm")
    season, of_day = cells(past.hour, past.local_offset_h)
    overall = float(past.value.mean())
    by_hour = _shrunk(of_day, past.value, np.full(24, overall), trust)
    mean = _shrunk(season * 24 + of_day, past.value, np.tile(by_hour, 4), trust).reshape(4, 24)
    spread = float((past.value - mean[season, of_day]).std())
    return Norm(mean=mean, spread=max(spread, 1e-6), hours=len(past.hour), local_offset_h=past.local_offset_h)


def _shrunk(cell: Hours, value: Numbers, toward: Numbers, trust: float) -> Numbers:
    n = np.bincount(cell, minlength=len(toward))
    return np.asarray((np.bincount(cell, value, minlength=len(toward)) + trust * toward) / (n + trust))


def above(recent: Hourly, threshold: float, now: int, window_h: int = 24) -> float | None:
    """The share of the hours known of the window before `now` (an hour) that lie strictly above; None of no hour."""
    known = recent.between(now - window_h, now).value
    return float((known > threshold).mean()) if len(known) else None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """For each horizon of 1, 2, ... hours. error: standard deviation of what the past left unexplained."""

    hour: Hours
    value: Numbers
    error: Numbers

    def exceeds(self, threshold: float, sigmas: float = 0.0) -> int | None:
        """The first hour that is expected above, by so many errors; None where none is."""
        over = np.flatnonzero(self.value - sigmas * self.error > threshold)
        return int(self.hour[over[0]]) if len(over) else None

    def chance(self, threshold: float, above: bool = True) -> float:
        """Of the hour in which it is likeliest, that the value lies beyond the threshold there, errors taken as normal:
        at most the chance that it does so in any of the hours."""
        beyond = (self.value - threshold) / np.maximum(self.error, 1e-9)
        return float(ndtr(beyond if above else -beyond).max(initial=0.0))


@dataclass(frozen=True, kw_only=True)
class Forecaster:
    """phi, error: by horizon from 1 on."""

    norm: Norm
    phi: Numbers
    error: Numbers

    def forecast(self, now: int, value: float) -> Forecast:
        """From the value of the hour `now`."""
        hour = now + np.arange(1, len(self.phi) + 1)
        deviation = value - float(self.norm.at(np.array([now]))[0])
        return Forecast(hour=hour, value=self.norm.at(hour) + self.phi * deviation, error=self.error)


def forecaster(past: Hourly, horizons: int = 12, trust: float = TRUST) -> Forecaster:
    usual = norm(past, trust)
    d = past.value - usual.at(past.hour)
    fits = [_damping(past, d, usual.spread, h) for h in range(1, horizons + 1)]
    phi, error = np.array(fits).T
    return Forecaster(norm=usual, phi=phi, error=error)


def _damping(past: Hourly, d: Numbers, spread: float, h: int) -> tuple[float, float]:
    now, later = pairs(past, h)
    squares = float(d[now] @ d[now])
    phi = min(1.0, max(0.0, float(d[now] @ d[later]) / squares)) if squares > 0 else 0.0
    return phi, float(np.sqrt(np.mean((d[later] - phi * d[now]) ** 2))) if len(now) else spread


def pairs(hourly: Hourly, h: int) -> tuple[Hours, Hours]:
    """Places of hours and of those h later, both known."""
    later = np.searchsorted(hourly.hour, hourly.hour + h)
    there = later < len(hourly.hour)
    there[there] = hourly.hour[later[there]] == hourly.hour[there] + h
    return np.flatnonzero(there), later[there]


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """Of a home's last hour. deviation: from its own norm, in standard deviations; beyond: the share of the last day's
    hours past the threshold; chance: that a need with this threshold holds, 1 where it does by the last hour's mean,
    else that it does within the horizons."""

    deviation: float
    beyond: float
    chance: float


def outlook(past: Hourly, threshold: float, above_it: bool = True, horizons: int = 12) -> Outlook:
    """above_it: whether the need holds above the threshold, or below. DatasetError of less than two days."""
    return outlook_of(past, forecaster(past, horizons), threshold, above_it)


def outlook_of(past: Hourly, known: Forecaster, threshold: float, above_it: bool = True) -> Outlook:
    """known: learnt of this past, which takes longer than to ask it."""
    now, value = int(past.hour[-1]), float(past.value[-1])
    day = past.between(now - 23, now + 1).value
    over = day > threshold if above_it else day < threshold
    return Outlook(
        deviation=float(known.norm.deviation(np.array([now]), np.array([value]))[0]),
        beyond=float(over.mean()),
        chance=1.0 if over[-1] else known.forecast(now, value).chance(threshold, above_it),
    )


def hourly_means(times: Sequence[float], values: Sequence[float], local_offset_h: int = 0) -> Hourly:
    """From readings at epoch seconds, in any order."""
    hour, place = np.unique(np.asarray(times) // HOUR_S, return_inverse=True)
    sums = np.bincount(place, np.asarray(values, dtype=np.float64))
    return Hourly(hour=hour.astype(np.int64), value=sums / np.bincount(place), local_offset_h=local_offset_h)
