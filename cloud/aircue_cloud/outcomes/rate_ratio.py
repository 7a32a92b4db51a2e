"""How many times likelier something is bought in one arm than in the other, with a rule's guess as the prior. Pure.

For the ratio L of two Poisson rates over exposures e1 and e0, the n1 of the n1 + n0 purchases that fall to the first
are binomial with L e1 / (L e1 + e0) (Przyborowski, Wilenski, Biometrika 31, 1940), so that with the rule's prior
Gamma(s m, s)

    p(L) ~ L^(n1 + s m - 1) exp(-s L) / (L e1 + e0)^(n1 + n0).

A holdout is small, and its own noise is in this; where it is large, this is the Gamma-Poisson posterior with
e = n0 e1 / e0 purchases expected. Several comparisons whose ratios are f L, with a known f each, multiply.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aircue_cloud.outcomes.units import Numbers
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.lift import RULE_TRUST, Posterior
from aircue_cloud.rights.small_groups import K

MASS = 0.9
_GRID = np.exp(np.linspace(-9.0, 9.0, 6001))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Purchases and households, by arm, whose span is over."""

    bought: int
    households: int
    bought_held: int
    households_held: int

    @property
    def enough(self) -> bool:
        return min(self.households, self.households_held) >= K

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(
            bought=self.bought + other.bought,
            households=self.households + other.households,
            bought_held=self.bought_held + other.bought_held,
            households_held=self.households_held + other.households_held,
        )

    def less(self, part: "Comparison") -> "Comparison":
        return Comparison(
            bought=self.bought - part.bought,
            households=self.households - part.households,
            bought_held=self.bought_held - part.bought_held,
            households_held=self.households_held - part.households_held,
        )


NOBODY = Comparison(bought=0, households=0, bought_held=0, households_held=0)


def ratio_posterior(found: Comparison, prior: float, trust: float = RULE_TRUST, mass: float = MASS) -> Interval:
    """Mean and equal-tailed interval of L."""
    share = _shares([(found, 1.0)], prior, trust)
    tail = (1 - mass) / 2
    low, high = np.interp([tail, 1 - tail], np.cumsum(share) - share / 2, _GRID)
    return Interval(value=float((share * _GRID).sum()), low=float(low), high=float(high))


def as_gamma(found: Comparison, prior: float, trust: float = RULE_TRUST) -> Posterior:
    """The Gamma with the posterior's mean and variance: in the form in which the choice of an offer takes lifts."""
    share = _shares([(found, 1.0)], prior, trust)
    mean = float((share * _GRID).sum())
    variance = float((share * (_GRID - mean) ** 2).sum())
    expected = found.bought_held * found.households / found.households_held if found.households_held else 0.0
    return Posterior(shape=mean**2 / variance, rate=mean / variance, observed=found.bought, expected=expected)


def common_factor(found: Sequence[tuple[Comparison, float]], trust: float) -> float:
    """The posterior's mean of what multiplies all expected ratios alike; 1 is the prior. found: each comparison and the
    ratio that was expected of it."""
    return float((_shares(found, 1.0, trust) * _GRID).sum())


def _shares(found: Sequence[tuple[Comparison, float]], prior: float, trust: float) -> Numbers:
    """Of the posterior's mass, at each point of the grid."""
    weight = trust * prior * np.log(_GRID) - trust * _GRID  # times L: the grid is even in log L
    for one, factor in found:
        if one.households and one.households_held:  # one arm alone compares nothing
            weight += one.bought * np.log(_GRID)
            total = one.bought + one.bought_held
            weight -= total * np.log(_GRID * factor * one.households + one.households_held)
    share = np.exp(weight - weight.max())
    return np.asarray(share / share.sum())
