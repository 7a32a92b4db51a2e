"""Lifts from arms that were drawn, pooled product <- category <- global. Pure.

A comparison is of households whose first offer about a need would have been of one product: those to whom it went,
against those who were held out of just these pushes. What is counted in both is purchases of the product's category, so
that what a push moves from one product to its neighbour is no lift. Three steps are chained, as in recommender.lift,
each one's mean the prior of the next:

global     how far the rules of all other categories have come true, 1 as they say;
category   the need's rule for it times that, and what its other products show;
product    the category so found, and what its own pushes show.

A step never learns from what the next one will count. Nothing is learnt of fewer than 20 households in an arm: there
the step before stands, and where a whole category was compared too little, nothing is said of it.
"""

from collections.abc import Mapping

from aircue_cloud.outcomes.rate_ratio import NOBODY, Comparison, as_gamma, common_factor
from aircue_cloud.recommender.lift import CATEGORY_TRUST, NEED_TRUST, RULE_TRUST, Posterior

Pair = tuple[str, str]  # need, category
Offered = tuple[str, str, str]  # and the product of the first offer


class Pooled:
    """rules: the lift that a rule expects, by (need, category)."""

    def __init__(self, rules: Mapping[Pair, float], compared: Mapping[Offered, Comparison]) -> None:
        self._rules, self._products = rules, compared
        self._categories: dict[Pair, Comparison] = {}
        for (need, category, _), one in compared.items():
            if (need, category) in rules:
                self._categories[need, category] = self._categories.get((need, category), NOBODY) + one

    def evidence(self, need: str, category: str) -> Comparison | None:
        """Of all the category's products together; None where they are too few."""
        found = self._categories.get((need, category), NOBODY)
        return found if found.enough else None

    def prior(self, need: str, category: str) -> float:
        """The rule, as far as the others have come true."""
        others = [(one, self._rules[pair]) for pair, one in self._categories.items() if pair != (need, category)]
        enough = [(one, rule) for one, rule in others if one.enough]
        return self._rules[need, category] * common_factor(enough, NEED_TRUST)

    def category(self, need: str, category: str) -> Posterior | None:
        found = self.evidence(need, category)
        return None if found is None else as_gamma(found, self.prior(need, category), RULE_TRUST)

    def product(self, need: str, category: str, product: str) -> Posterior | None:
        """Of a product that few were offered it is the category's mean, held less firmly; of one that is all of its
        category that was offered to enough, the category's."""
        whole, own = self.category(need, category), self._products.get((need, category, product), NOBODY)
        if whole is None:
            return None
        if not own.enough:
            return as_gamma(NOBODY, whole.mean, CATEGORY_TRUST)
        others = self._categories[need, category].less(own)
        if not others.enough:
            return whole
        return as_gamma(own, as_gamma(others, self.prior(need, category), RULE_TRUST).mean, CATEGORY_TRUST)

    def shown(self) -> list[Offered]:
        """Products that were offered to enough households in either arm, to tell of them."""
        return sorted(key for key, one in self._products.items() if one.enough and key[:2] in self._categories)
