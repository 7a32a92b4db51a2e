"""How much people like products: where a decision has its recommender from, and what stands in for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.artefact import NEW
from aircue_cloud.recommender.asked import NOTHING, AllBut, Context, Eligible, Surroundings, Told
from aircue_cloud.recommender.context_lifts import needs
from aircue_cloud.recommender.contract import Affinity, Ranked
from aircue_cloud.recommender.explanations import Explanation, Reason
from aircue_cloud.recommender.lift import Lift, Posterior

__all__ = ["Affinity", "AffinitySource", "ByRule", "RecentPopularity"]

SMOOTHING = 0.5


class AffinitySource(Protocol):
    def current(self) -> Affinity | None:
        """The model to use now; None while none is trained."""


class ByRule:
    """What answers everybody alike, with lifts as the rules of the needs have them, without any evidence."""

    def knows_until(self, person: str) -> float:
        return inf

    def lift(self, product: str, category: str, context: Context) -> Posterior:
        rules = {(context.need, remedied): prior for remedied, prior in context.remedies.items()}
        return Lift(rules, ()).product(context.need, category, product)


@dataclass(frozen=True, kw_only=True, eq=False)
class RecentPopularity(ByRule):
    """The same for everybody: each product's share of the recent interactions, weighted by their confidence.

    weights: product -> sum of weights; SMOOTHING is added to each, so that nothing has a share of 0. categories: of all
    products.
    """

    weights: Mapping[str, float]
    categories: Mapping[str, str]
    days: int

    @property
    def version(self) -> str:
        return f"recent-popularity-{self.days}d"

    @property
    def items(self) -> Sequence[str]:
        return sorted(self.categories)

    def affinity(self, people: Sequence[str], products: Sequence[str], told: Told = NOTHING) -> npt.NDArray[np.float64]:
        return np.tile(np.array([self._share(product) for product in products]), (len(people), 1))

    def _share(self, product: str) -> float:
        return (self.weights.get(product, 0.0) + SMOOTHING) / self._total

    @cached_property
    def _total(self) -> float:
        return sum(self.weights.values()) + SMOOTHING * max(len(self.categories), 1)

    def explain_affinity(self, person: str, product: str, told: Told = NOTHING) -> Explanation:
        amount = log(self._share(product) * max(len(self.categories), 1))
        return explanations.explanation(product, "popularity", [Reason(kind=explanations.EVERYBODY, amount=amount)])

    def asking(self, person: str, told: Told = NOTHING, head: str = NEW) -> "RecentPopularity":
        return self

    @property
    def basis(self) -> str:
        return "popularity"

    def recommend(self, n: int, context: Surroundings | None = None, eligible: Eligible | None = None) -> list[Ranked]:
        offered = sorted(self._offered(eligible))
        found = [Ranked(product=one, score=self._explained(one, context).score) for one in offered]
        return sorted(found, key=lambda ranked: -ranked.score)[: max(n, 0)]

    def _offered(self, eligible: Eligible | None) -> set[str]:
        if isinstance(eligible, AllBut):
            return set(self.categories) - eligible.products
        return set(self.categories) if eligible is None else set(self.categories) & set(eligible)

    def explain(self, products: Sequence[str], context: Surroundings | None = None) -> list[Explanation]:
        return [self._explained(product, context) for product in products]

    def _explained(self, product: str, context: Surroundings | None) -> Explanation:
        found = self.explain_affinity("", product)
        category = self.categories.get(product, "")
        lifts = (
            [] if context is None else [(self.lift(product, category, one).mean, one.need) for one in needs(context)]
        )
        if not lifts:
            return found
        mean, need = max(lifts, key=lambda lift: lift[0])
        return found.with_reason(Reason(kind=explanations.NEED, amount=log(mean), need=need))
