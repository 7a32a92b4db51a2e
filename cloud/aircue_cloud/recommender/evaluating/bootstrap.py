"""Intervals for means and ratios of means, by drawing users with replacement (Efron, Tibshirani 1993, ch. 13).

Paired: both models are measured on the same drawn users, so what differs between users does not blur what differs
between models.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_AT_ONCE = 200

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """low and high: of 95 %, percentiles of the draws."""

    value: float
    low: float
    high: float


def mean(values: Values, draws: int = 2000, seed: int = 7) -> Interval:
    return means(values[:, None], draws, seed)[0]


def means(columns: Values, draws: int = 2000, seed: int = 7) -> list[Interval]:
    """Of each column of shape (users, columns), all on the same drawn users."""
    drawn = drawn_means(columns, draws, seed)
    return [_interval(float(value), one) for value, one in zip(columns.mean(axis=0), drawn.T, strict=True)]


def difference(ours: Values, theirs: Values, draws: int = 2000, seed: int = 7) -> Interval:
    """Of the means, paired by user."""
    return mean(ours - theirs, draws, seed)


def ratio(ours: Values, theirs: Values, draws: int = 2000, seed: int = 7) -> Interval:
    """mean(ours) / mean(theirs), paired by user. ValueError where theirs has no mean to divide by."""
    if not theirs.mean() > 0:
        raise ValueError("the other model found nothing at all, so there is no ratio to it")
    above, below = drawn_means(np.stack([ours, theirs], axis=1), draws, seed).T
    return _interval(float(ours.mean() / theirs.mean()), above / np.maximum(below, np.finfo(float).tiny))


def drawn_means(columns: Values, draws: int = 2000, seed: int = 7) -> Values:
    """The columns' means of each draw, shape (draws, columns). A user drawn twice counts twice: a draw is a vector of
    counts, and all columns take it by one product."""
    counts = _counts(len(columns), draws, np.random.default_rng(seed))
    return np.concatenate([block @ columns / len(columns) for block in counts])


def _counts(users: int, draws: int, random: np.random.Generator) -> Iterator[Values]:
    """Blocks of shape (some draws, users)."""
    for begin in range(0, draws, _AT_ONCE):
        some = min(_AT_ONCE, draws - begin)
        drawn = random.integers(users, size=(some, users)) + users * np.arange(some)[:, None]
        yield np.bincount(drawn.ravel(), minlength=some * users).reshape(some, users).astype(np.float64)


def _interval(value: float, drawn: Values) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value=value, low=float(low), high=float(high))
