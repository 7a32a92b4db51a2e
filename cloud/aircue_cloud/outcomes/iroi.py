"""What came back for what was spent, over what would have come anyway. Pure.

    iROI = (difference in margin a unit x treated units - cost) / cost

with the cost that the treated units had and the holdout had not: sends, discounts, and what is paid whatever happens.
The interval is by the delta method, of a ratio of two differences that hang together.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import norm

from aircue_cloud.errors import CommandError
from aircue_cloud.outcomes.units import Mask, Numbers, Units
from aircue_cloud.outcomes.uplift import CUT, LEVEL, adjust
from aircue_cloud.recommender.evaluating.bootstrap import Interval

_CLEAR = 3.0  # standard errors that the cost must lie over 0


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All that an experiment costs, in one currency. discounts: given away on what was bought; fixed: paid whatever
    happens (software, set-up, the team's time)."""

    sends: int
    per_send: float
    discounts: float = 0.0
    fixed: float = 0.0

    def __post_init__(self) -> None:
        if min(self.sends, self.per_send, self.discounts, self.fixed) < 0:
            raise CommandError(f"{self}: no cost is under 0")

    @property
    def sending(self) -> float:
        return self.sends * self.per_send

    @property
    def total(self) -> float:
        return self.sending + self.discounts + self.fixed


@dataclass(frozen=True, kw_only=True)
class Iroi:
    """margin, cost: incremental, over all treated units. iroi: a share (0.45 is 45 %)."""

    margin: Interval
    cost: float
    fixed: float
    iroi: Interval


def returned(margin: float, cost: float) -> float:
    """The share that came back over the cost.

    >>> returned(margin=145.0, cost=100.0)
    0.45
    """
    if not cost > 0:
        raise CommandError(f"a cost of {cost}: nothing was spent, so there is no return on it")
    return (margin - cost) / cost


def iroi(units: Units, fixed: float = 0.0, cut: float = CUT) -> Iroi | None:
    """None where margin or cost are not known, or where no more was spent on the treated than on the others."""
    if units.margin is None or units.cost is None:
        return None
    count = units.count("treatment")
    earned = adjust(units.margin, units.pre, units.treated, cut).values
    margin, cost = _difference(earned, units.treated) * count, _difference(units.cost, units.treated) * count + fixed
    spread = _covariance(earned, units.cost, units.treated) * count**2
    if cost <= 0 or cost <= _CLEAR * sqrt(spread[1, 1]):
        return None
    ratio = margin / cost
    error = sqrt(max(0.0, spread[0, 0] + ratio**2 * spread[1, 1] - 2 * ratio * spread[0, 1])) / cost
    return Iroi(
        margin=_around(margin, sqrt(spread[0, 0])), cost=cost, fixed=fixed, iroi=_around(returned(margin, cost), error)
    )


def _difference(values: Numbers, treated: Mask) -> float:
    return float(values[treated].mean() - values[~treated].mean())


def _covariance(one: Numbers, other: Numbers, treated: Mask) -> Numbers:
    """Of the two differences, shape (2, 2)."""
    both = np.stack([one, other])
    found = sum(np.cov(both[:, arm]) / arm.sum() for arm in (treated, ~treated))
    return np.asarray(found)


def _around(value: float, error: float) -> Interval:
    half = float(norm.ppf(1 - LEVEL / 2)) * error
    return Interval(value=value, low=value - half, high=value + half)
