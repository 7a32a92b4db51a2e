"""Intervals for means and ratios of means, by drawing users with replacement (Efron, Tibshirani 1993, ch. 13).

Paired: both models are measured on the same drawn users, so what differs between users does not blur what differs
between models.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Interval:
    """low and high: of 95 %, percentiles of the draws."""

    value: float
    low: float
    high: float


def mean(values: npt.NDArray[np.float64], draws: int = 2000, seed: int = 7) -> Interval:
    return _interval(float(values.mean()), _means(values[None], draws, seed)[0])


def difference(
    ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], draws: int = 2000, seed: int = 7
) -> Interval:
    """Of the means, paired by user."""
    return mean(ours - theirs, draws, seed)


def ratio(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], draws: int = 2000, seed: int = 7) -> Interval:
    """mean(ours) / mean(theirs), paired by user. ValueError where theirs has no mean to divide by."""
    if not theirs.mean() > 0:
        raise ValueError("the other model found nothing at all, so there is no ratio to it")
    above, below = _means(np.stack([ours, theirs]), draws, seed)
    return _interval(float(ours.mean() / theirs.mean()), above / np.maximum(below, np.finfo(float).tiny))


def _means(values: npt.NDArray[np.float64], draws: int, seed: int) -> npt.NDArray[np.float64]:
    """Means of the same drawn users for each row of values: shape (rows, draws)."""
    random = np.random.default_rng(seed)
    users = values.shape[1]
    blocks = []
    for begin in range(0, draws, _AT_ONCE):
        drawn = random.integers(users, size=(min(_AT_ONCE, draws - begin), users))
        blocks.append(values[:, drawn].mean(axis=2))
    return np.concatenate(blocks, axis=1)


def _interval(value: float, drawn: npt.NDArray[np.float64]) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value=value, low=float(low), high=float(high))
