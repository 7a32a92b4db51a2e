"""Sales before and after, and the return on what was spent: arithmetic, not evidence.

Two periods differ by more than what was done between them; without a control group nothing here says what caused the
difference. What an experiment would have taken is the other half of this file: for a relative effect d on a mean with
coefficient of variation c, two-sided at level a with power 1 - b, each arm needs

    n = 2 (z_(1-a/2) + z_(1-b))^2 c^2 (1 - R^2) / d^2

users, where R^2 is the share of the variance that their earlier spending explains (CUPED: Deng, Xu, Kohavi, Walker,
WSDM 2013).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from aircue_cloud.recommender.interactions import DAY_S, Interactions

LABEL = "before/after, not causal"


@dataclass(frozen=True, kw_only=True)
class BeforeAfter:
    """Shares: 0.087 is 8.7 %. roi: as given, in percent."""

    mean_of_ratios: float
    ratio_of_sums: float
    mean_roi: float
    label: str = LABEL


def before_after(before: Sequence[float], after: Sequence[float], roi: Sequence[float]) -> BeforeAfter:
    """Month by month. ValueError where they do not pair up or a month before sold nothing."""
    if not before or len(before) != len(after) or not roi:
        raise ValueError(f"{len(before)} months before and {len(after)} after: expected as many, and at least one")
    if min(before) <= 0:
        raise ValueError(f"a month before sold {min(before)}: no ratio to that; leave it out on both sides")
    ratios = [new / old for old, new in zip(before, after, strict=True)]
    return BeforeAfter(
        mean_of_ratios=sum(ratios) / len(ratios) - 1,
        ratio_of_sums=sum(after) / sum(before) - 1,
        mean_roi=sum(roi) / len(roi),
    )


@dataclass(frozen=True, kw_only=True)
class Spending:
    """variation: standard deviation over mean of what users spend in a period; explained: R^2 by what they spent
    before; users: how many of them were known before."""

    variation: float
    explained: float
    users: int


def spending(log: Interactions, days: float = 30.0, cap: float = 99.0) -> Spending:
    """Of the log's last days, of users known before them; amounts are weights. Both periods' sums are cut off at a
    percentile (winsorised), or a few large buyers would be all there is to see."""
    begin = float(log.at[-1]) - days * DAY_S
    earlier, later = (_sums(part) for part in (log.between(-np.inf, begin), log.between(begin, np.inf)))
    known = earlier > 0
    x, y = (np.minimum(one, np.percentile(one, cap))[known] for one in (earlier, later))
    explained = float(np.corrcoef(x, y)[0, 1]) ** 2
    return Spending(variation=float(y.std() / y.mean()), explained=explained, users=int(known.sum()))


def _sums(part: Interactions) -> npt.NDArray[np.float64]:
    return np.bincount(part.user, part.weight, minlength=part.shape[0]).astype(np.float64)


def users_per_arm(
    effect: float, variation: float, explained: float = 0.0, level: float = 0.05, power: float = 0.8
) -> int:
    return ceil(_both(level, power) * variation**2 * (1 - explained) / effect**2)


def detectable(users: int, variation: float, explained: float = 0.0, level: float = 0.05, power: float = 0.8) -> float:
    """The smallest relative effect that so many users an arm show."""
    return sqrt(_both(level, power) * variation**2 * (1 - explained) / users)


def _both(level: float, power: float) -> float:
    return float(2 * (norm.ppf(1 - level / 2) + norm.ppf(power)) ** 2)
