"""How much more a product is bought while a need holds: Gamma-Poisson, with the rule that links them as the prior.

With e the purchases expected without the need (from season and recent popularity) and n those observed, n is Poisson
with mean lift x e. A Gamma(s m, s) prior says that the rule expects a lift of m and is worth s expected purchases; the
posterior is Gamma(s m + n, s + e), with mean

    (s m + n) / (s + e)

The rule speaks of a category; the category's posterior mean is the prior of each of its products, so a product borrows
from its category what it has not shown itself. (Gelman et al.: Bayesian Data Analysis, 3rd ed., section 2.6.)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scipy.stats import gamma

RULE_TRUST = 30.0  # s: expected purchases that a rule is worth
CATEGORY_TRUST = 10.0  # that a category is worth to its product
NO_RULE = 1.0  # the lift of a category that no rule links to the need


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """observed: purchases while the need held; expected: those that season and popularity promised for that time."""

    product: str
    category: str
    need: str
    observed: float
    expected: float

    def __post_init__(self) -> None:
        if not (self.observed >= 0 and self.expected >= 0):
            raise ValueError(f"product {self.product}, need {self.need}: observed and expected purchases are from 0 up")


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """Gamma(shape, rate) of a lift, and the evidence in it."""

    shape: float
    rate: float
    observed: float
    expected: float

    @property
    def mean(self) -> float:
        return self.shape / self.rate

    def interval(self, mass: float = 0.9) -> tuple[float, float]:
        """Equal-tailed."""
        low, high = gamma.interval(mass, self.shape, scale=1 / self.rate)
        return float(low), float(high)


class Lift:
    """rules: the lift that a rule expects, by (need, category)."""

    def __init__(
        self,
        rules: Mapping[tuple[str, str], float],
        evidence: Iterable[Evidence],
        rule_trust: float = RULE_TRUST,
        category_trust: float = CATEGORY_TRUST,
    ) -> None:
        self._rules = rules
        self._rule_trust = rule_trust
        self._category_trust = category_trust
        self._products: dict[tuple[str, str], tuple[float, float]] = {}
        self._categories: dict[tuple[str, str], tuple[float, float]] = {}
        for one in evidence:
            _add(self._products, (one.need, one.product), one)
            _add(self._categories, (one.need, one.category), one)

    def category(self, need: str, category: str) -> Posterior:
        prior = self._rules.get((need, category), NO_RULE)
        return _posterior(prior, self._rule_trust, *self._categories.get((need, category), (0.0, 0.0)))

    def product(self, need: str, category: str, product: str) -> Posterior:
        """Of a product that nobody has sold during the need it is the category's mean, held less firmly."""
        prior = self.category(need, category).mean
        return _posterior(prior, self._category_trust, *self._products.get((need, product), (0.0, 0.0)))


def _add(table: dict[tuple[str, str], tuple[float, float]], key: tuple[str, str], one: Evidence) -> None:
    observed, expected = table.get(key, (0.0, 0.0))
    table[key] = observed + one.observed, expected + one.expected


def _posterior(prior: float, trust: float, observed: float, expected: float) -> Posterior:
    return Posterior(shape=trust * prior + observed, rate=trust + expected, observed=observed, expected=expected)
