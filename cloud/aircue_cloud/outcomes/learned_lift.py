"""What is known of each lift: the rule that it began with, the evidence, and what both say together. Pure.

Three grounds, the better one taken where there is one:

rule        a guess, written into the need.
observed    purchases of the category while the need held, over those that season and popularity promised
            (recommender.evidence): a Gamma-Poisson posterior. Homes with damp air may differ from others in more than
            their air, so this is what goes together, not what brings about.
randomised  purchases of the category by households whose pushes about the need were drawn, in the span after they
            entered the experiment, against those of the households that were held out of just these pushes. What
            differs is the push alone: the ratio of the two rates is what a push multiplies purchases by, while the
            need holds.

For the ratio L of two Poisson rates over exposures e1 and e0, the n1 of the n1 + n0 purchases that fall to the first
are binomial with L e1 / (L e1 + e0) (Przyborowski, Wilenski, Biometrika 31, 1940), so that with the rule's prior
Gamma(s m, s)

    p(L) ~ L^(n1 + s m - 1) exp(-s L) / (L e1 + e0)^(n1 + n0).

A holdout is small, and its own noise is in this; where it is large, this is the Gamma-Poisson posterior with
e = n0 e1 / e0 purchases expected.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aircue_cloud.outcomes.assignment import TREATMENT, Assigned
from aircue_cloud.outcomes.attribution import Order
from aircue_cloud.outcomes.observed import Entry
from aircue_cloud.outcomes.report import Terms, under_one_share
from aircue_cloud.outcomes.units import Numbers
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.lift import RULE_TRUST, Evidence, Lift, Posterior
from aircue_cloud.rights.small_groups import K

RULE, OBSERVED, RANDOMISED = "rule", "observed", "randomised"
_GRID = np.exp(np.linspace(-9.0, 9.0, 6001))
_MASS = 0.9


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


@dataclass(frozen=True, kw_only=True)
class Learned:
    """observed, expected: purchases while the need held, and those promised; None where fewer than 20 homes had it.
    posterior: of 90 %; on: the ground it stands on."""

    need: str
    category: str
    prior: float
    observed: float | None
    expected: float | None
    comparison: Comparison | None
    posterior: Interval
    on: str


def ratio_posterior(found: Comparison, prior: float, trust: float = RULE_TRUST, mass: float = _MASS) -> Interval:
    """Mean and equal-tailed interval of L."""
    share = _shares(found, prior, trust)
    tail = (1 - mass) / 2
    low, high = np.interp([tail, 1 - tail], np.cumsum(share) - share / 2, _GRID)
    return Interval(value=float((share * _GRID).sum()), low=float(low), high=float(high))


def as_gamma(found: Comparison, prior: float, trust: float = RULE_TRUST) -> Posterior:
    """The Gamma with the posterior's mean and variance: in the form in which the choice of an offer takes lifts."""
    share = _shares(found, prior, trust)
    mean = float((share * _GRID).sum())
    variance = float((share * (_GRID - mean) ** 2).sum())
    expected = found.bought_held * found.households / found.households_held if found.households_held else 0.0
    return Posterior(shape=mean**2 / variance, rate=mean / variance, observed=found.bought, expected=expected)


def _shares(found: Comparison, prior: float, trust: float) -> Numbers:
    """Of the posterior's mass, at each point of the grid."""
    n1, n0 = found.bought, found.bought_held
    weight = (n1 + trust * prior) * np.log(_GRID) - trust * _GRID  # times L: the grid is even in log L
    if found.households and found.households_held:
        weight -= (n1 + n0) * np.log(_GRID * found.households + found.households_held)
    elif found.households or found.households_held:
        weight -= n1 * np.log(_GRID)  # one arm alone compares nothing
    share = np.exp(weight - weight.max())
    return np.asarray(share / share.sum())


def learned(
    rules: Mapping[tuple[str, str], float],
    evidence: Sequence[Evidence],
    homes: Mapping[str, int],
    comparisons: Mapping[tuple[str, str], Comparison],
) -> list[Learned]:
    """rules: the prior by (need, category). homes: how many had the need. comparisons: by (need, category)."""
    lift = Lift(rules, evidence)
    return [_learned(lift, need, category, prior, homes.get(need, 0) >= K, comparisons.get((need, category)))
            for (need, category), prior in sorted(rules.items())]  # fmt: skip


def _learned(lift: Lift, need: str, category: str, prior: float, seen: bool, comparison: Comparison | None) -> Learned:
    found = lift.category(need, category)
    shown = comparison if comparison is not None and comparison.enough else None
    posterior, on = _posterior(lift, need, category, prior, seen, shown)
    return Learned(
        need=need,
        category=category,
        prior=prior,
        observed=found.observed if seen else None,
        expected=found.expected if seen else None,
        comparison=shown,
        posterior=posterior,
        on=on,
    )


def _posterior(
    lift: Lift, need: str, category: str, prior: float, seen: bool, comparison: Comparison | None
) -> tuple[Interval, str]:
    if comparison is not None:
        return ratio_posterior(comparison, prior), RANDOMISED
    found = lift.category(need, category) if seen else Lift({(need, category): prior}, ()).category(need, category)
    low, high = found.interval(_MASS)
    on = OBSERVED if seen and found.expected > 0 else RULE
    return Interval(value=found.mean, low=low, high=high), on


def comparisons(
    entered: Mapping[str, Entry],
    given: Mapping[str, Assigned],
    orders: Sequence[Order],
    categories: Collection[str],
    terms: Terms,
) -> dict[str, Comparison]:
    """By category, of one need's experiment. entered: its households."""
    over = under_one_share({name: one for name, one in entered.items() if one.at + terms.window <= terms.now}, given)
    treated = {name for name in over if given[name].arm == TREATMENT}
    bought = {category: [0, 0] for category in categories}
    for order in orders:
        entry = over.get(order.household)
        if entry is None or order.category not in bought or order.amount <= 0:
            continue
        if entry.at <= order.at < entry.at + terms.window:
            bought[order.category][order.household not in treated] += 1
    return {
        category: Comparison(
            bought=counts[0], households=len(treated), bought_held=counts[1], households_held=len(over) - len(treated)
        )
        for category, counts in bought.items()
    }


# In words.


def told(found: Sequence[Learned]) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{'need':<14}{'category':<20}{'prior':>6}  {'posterior, 90 %':<24}{'on':<12}evidence"
    for one in found:
        shown = f"{one.posterior.value:.2f} [{one.posterior.low:.2f}, {one.posterior.high:.2f}]"
        yield f"{one.need:<14}{one.category:<20}{one.prior:>6.2f}  {shown:<24}{one.on:<12}{_evidence(one)}"


def _evidence(one: Learned) -> str:
    if one.comparison is not None:
        found = one.comparison
        held = f"{found.bought_held} by {found.households_held} held out"
        return f"{found.bought} purchases by {found.households} households with pushes, {held}"
    if one.observed is None or one.expected is None:
        return f"fewer than {K} homes had the need"
    return f"{one.observed:g} purchases where {one.expected:.1f} were to be expected"
