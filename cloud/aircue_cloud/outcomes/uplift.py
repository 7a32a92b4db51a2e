"""The difference between two arms by intent to treat, with its interval. Pure.

Spending has a long tail, so it is cut off first (winsorised) at a percentile of what spenders spent, both arms
together: the effect is one on spending so cut. What a unit spent before, x, which no push can have changed, then takes
out of what it spent, y, the part that was to be expected:

    y' = y - theta (x - mean of x),   theta = sum over arms of cov(x, y) / sum over arms of var(x)

(CUPED: Deng, Xu, Kohavi, Walker, WSDM 2013). With theta from within the arms the difference of the means of y' is the
coefficient of an analysis of covariance. The arms' variances are kept apart (Welch), because one arm is small.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import t as student

from aircue_cloud.outcomes.units import Mask, Numbers, Units
from aircue_cloud.recommender.evaluating.bootstrap import Interval

CUT = 99.0  # percentile of spenders' spending
LEVEL = 0.05
_CLEAR = 3.0  # standard errors that the holdout's mean must lie from 0 for a ratio to it


@dataclass(frozen=True, kw_only=True)
class Uplift:
    """difference: treatment less holdout, a unit. means: of the arms, cut and adjusted. relative: difference over the
    holdout's mean; None where that is too near 0 to divide by. explained: the share of the variance that `pre` took
    out. raw: the difference of what was measured, neither cut nor adjusted. cap: where outcomes were cut off."""

    difference: Interval
    standard_error: float
    degrees: float
    p: float
    means: dict[str, float]
    relative: Interval | None
    explained: float
    raw: float
    cap: float

    @property
    def significant(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """y' of every unit."""

    values: Numbers
    explained: float
    cap: float


def uplift(units: Units, cut: float = CUT) -> Uplift:
    adjusted = adjust(units.outcome, units.pre, units.treated, cut)
    one, other = adjusted.values[units.treated], adjusted.values[~units.treated]
    difference, error, degrees = welch(one, other)
    means = {"treatment": float(one.mean()), "holdout": float(other.mean())}
    raw = units.outcome[units.treated].mean() - units.outcome[~units.treated].mean()
    return Uplift(
        difference=_interval(difference, error, degrees),
        standard_error=error,
        degrees=degrees,
        p=_p(difference, error, degrees),
        means=means,
        relative=_relative(one, other, degrees),
        explained=adjusted.explained,
        raw=float(raw),
        cap=adjusted.cap,
    )


def cap(values: Numbers, cut: float = CUT) -> float:
    """Of what is not 0, or most of a column of rare purchases would be cut to nothing.

    >>> cap(np.array([0.0, 0.0, 0.0, 1.0, 1.0]))
    1.0
    """
    spent = np.abs(values[values != 0])
    return float(np.percentile(spent, cut)) if len(spent) else 0.0


def winsorise(values: Numbers, cut: float = CUT) -> Numbers:
    """Refunds may be larger than purchases; both ends are cut alike."""
    limit = cap(values, cut)
    return np.clip(values, -limit, limit)


def adjust(outcome: Numbers, pre: Numbers | None, treated: Mask, cut: float = CUT) -> Adjusted:
    limit = cap(outcome, cut)
    y = np.clip(outcome, -limit, limit)
    if pre is None:
        return Adjusted(values=y, explained=0.0, cap=limit)
    x = winsorise(pre, cut)
    values = y - _theta(x, y, treated) * (x - x.mean())
    before, after = _within(y, y, treated), _within(values, values, treated)
    return Adjusted(values=values, explained=1 - after / before if before > 0 else 0.0, cap=limit)


def _theta(x: Numbers, y: Numbers, treated: Mask) -> float:
    spread = _within(x, x, treated)
    return _within(x, y, treated) / spread if spread > 0 else 0.0


def _within(x: Numbers, y: Numbers, treated: Mask) -> float:
    """The sum of products of deviations from each arm's own mean."""
    found = 0.0
    for arm in (treated, ~treated):
        found += float(((x[arm] - x[arm].mean()) * (y[arm] - y[arm].mean())).sum())
    return found


def welch(one: Numbers, other: Numbers) -> tuple[float, float, float]:
    """Difference of the means, its standard error, and Satterthwaite's degrees of freedom."""
    a, b = float(one.var(ddof=1)) / len(one), float(other.var(ddof=1)) / len(other)
    below = a**2 / (len(one) - 1) + b**2 / (len(other) - 1)
    degrees = (a + b) ** 2 / below if below > 0 else float(len(one) + len(other) - 2)
    return float(one.mean() - other.mean()), sqrt(a + b), degrees


def _interval(value: float, error: float, degrees: float) -> Interval:
    half = float(student.ppf(1 - LEVEL / 2, degrees)) * error
    return Interval(value=value, low=value - half, high=value + half)


def _p(difference: float, error: float, degrees: float) -> float:
    """Two-sided. Two arms without any spread are the same or are not."""
    if error == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * student.sf(abs(difference) / error, degrees))


def _relative(one: Numbers, other: Numbers, degrees: float) -> Interval | None:
    """By the delta method: the ratio of two independent means."""
    a, b = float(one.var(ddof=1)) / len(one), float(other.var(ddof=1)) / len(other)
    base = float(other.mean())
    if base <= _CLEAR * sqrt(b):
        return None
    ratio = float(one.mean()) / base
    return _interval(ratio - 1, sqrt(a + ratio**2 * b) / base, degrees)
