"""How much more a product is bought while a need holds: Gamma-Poisson, with the rule that links them as the prior.

With e the purchases expected without the need (from season and recent popularity) and n those observed, n is Poisson
with mean lift x e. A Gamma(s m, s) prior says that the rule expects a lift of m and is worth s expected purchases; the
posterior is Gamma(s m + n, s + e), with mean

    (s m + n) / (s + e)

Three such steps are chained, each one's mean the next one's m. The need: how far its rules have come true in the other
categories, n against rule x e. The category: its rule times that. The product: the category as its other products show
it. A step never learns from what the next one will count, or the same purchase would speak twice. (Gelman et al.:
Bayesian Data Analysis, 3rd ed., section 2.6.)
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from scipy.stats import gamma

NEED_TRUST = 100.0  # s: expected purchases that a need's rules as a whole are worth
RULE_TRUST = 30.0  # that one rule is worth
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
        need_trust: float = NEED_TRUST,
    ) -> None:
        self._rules = rules
        self._rule_trust = rule_trust
        self._category_trust = category_trust
        self._need_trust = need_trust
        self._products: dict[tuple[str, str], _Counts] = {}
        self._categories: dict[tuple[str, str], _Counts] = {}
        for one in evidence:
            _add(self._products, (one.need, one.product), one)
            _add(self._categories, (one.need, one.category), one)

    def lift(self, product: str, category: str, needs: Collection[str]) -> tuple[str, Posterior] | None:
        """Of the needs that hold, the one that lifts the product most; None where none holds. They are not multiplied:
        damp air and a risk of mould are one occasion to buy a dehumidifier."""
        found = [(need, self.product(need, category, product)) for need in sorted(needs)]
        return max(found, key=lambda one: one[1].mean, default=None)

    def need(self, need: str, without: str = "") -> Posterior:
        """How far the need's rules have come true, 1 as they say. without: a category that is not to count."""
        rules = [(category, rule) for (name, category), rule in self._rules.items() if name == need]
        counted = [(self._of(need, category), rule) for category, rule in rules if category != without]
        observed = sum(counts[0] for counts, _ in counted)
        return _posterior(1.0, self._need_trust, observed, sum(counts[1] * rule for counts, rule in counted))

    def category(self, need: str, category: str) -> Posterior:
        return self._category(need, category, *self._of(need, category))

    def product(self, need: str, category: str, product: str) -> Posterior:
        """Of a product that nobody has sold during the need it is the category's mean, held less firmly."""
        own = self._products.get((need, product), (0.0, 0.0))
        whole = self._of(need, category)
        others = self._category(need, category, max(0.0, whole[0] - own[0]), max(0.0, whole[1] - own[1]))
        return _posterior(others.mean, self._category_trust, *own)

    def _category(self, need: str, category: str, observed: float, expected: float) -> Posterior:
        return _posterior(self._prior(need, category), self._rule_trust, observed, expected)

    def _prior(self, need: str, category: str) -> float:
        rule = self._rules.get((need, category))
        return NO_RULE if rule is None else rule * self.need(need, without=category).mean

    def _of(self, need: str, category: str) -> "_Counts":
        return self._categories.get((need, category), (0.0, 0.0))


_Counts = tuple[float, float]  # observed, expected


def _add(table: dict[tuple[str, str], tuple[float, float]], key: tuple[str, str], one: Evidence) -> None:
    observed, expected = table.get(key, (0.0, 0.0))
    table[key] = observed + one.observed, expected + one.expected


def _posterior(prior: float, trust: float, observed: float, expected: float) -> Posterior:
    return Posterior(shape=trust * prior + observed, rate=trust + expected, observed=observed, expected=expected)
