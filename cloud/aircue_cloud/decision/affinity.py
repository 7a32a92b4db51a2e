"""How much people like products: what a decision needs to know of a recommender, and what stands in for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.artefact import NEW
from aircue_cloud.recommender.asked import NOTHING, AllBut, Context, Eligible, Told
from aircue_cloud.recommender.explanations import Explanation, Reason
from aircue_cloud.recommender.lift import Lift, Posterior
from aircue_cloud.recommender.serving import Ranked

SMOOTHING = 0.5


class Affinity(Protocol):
    """aircue_cloud.recommender.serving.Recommender, or what stands in for it."""

    @property
    def version(self) -> str: ...

    @property
    def items(self) -> Sequence[str]:
        """The products it learnt of."""

    def knows(self, person: str) -> bool:
        """Whether it has no use for being told what they did."""

    def affinity(self, people: Sequence[str], products: Sequence[str], told: Told = NOTHING) -> npt.NDArray[np.float64]:
        """Shares of interest, shape (people, products), all over 0; known or not, everyone and everything has one."""

    def explain_affinity(self, person: str, product: str, told: Told = NOTHING) -> Explanation:
        """Why the product has this share; the score is its logarithm over the average product's."""

    def lift(self, product: str, category: str, context: Context) -> Posterior:
        """How much more it is wanted while the need holds."""

    def recommend(
        self,
        user: str,
        n: int,
        context: Context | None = None,
        eligible: Eligible | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Ranked]: ...

    def explain(
        self,
        person: str,
        products: Sequence[str],
        context: Context | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Explanation]:
        """Why each product has the score it has in `recommend`."""


class AffinitySource(Protocol):
    def current(self) -> Affinity | None:
        """The model to use now; None while none is trained."""


class ByRule:
    """What answers everybody alike, with lifts as the rules of the needs have them, without any evidence."""

    def knows(self, person: str) -> bool:
        return True

    def lift(self, product: str, category: str, context: Context) -> Posterior:
        rules = {(context.need, remedied): prior for remedied, prior in context.remedies.items()}
        return Lift(rules, ()).product(context.need, category, product)


@dataclass(frozen=True, kw_only=True)
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

    def recommend(
        self,
        user: str,
        n: int,
        context: Context | None = None,
        eligible: Eligible | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Ranked]:
        offered = sorted(self._offered(eligible))
        found = [Ranked(product=one, score=self._explained(one, context).score) for one in offered]
        return sorted(found, key=lambda ranked: -ranked.score)[: max(n, 0)]

    def _offered(self, eligible: Eligible | None) -> set[str]:
        if isinstance(eligible, AllBut):
            return set(self.categories) - eligible.products
        return set(self.categories) if eligible is None else set(self.categories) & set(eligible)

    def explain(
        self,
        person: str,
        products: Sequence[str],
        context: Context | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Explanation]:
        return [self._explained(product, context) for product in products]

    def _explained(self, product: str, context: Context | None) -> Explanation:
        found = self.explain_affinity("", product)
        if context is None:
            return found
        amount = log(self.lift(product, self.categories.get(product, ""), context).mean)
        return found.with_reason(Reason(kind=explanations.NEED, amount=amount, need=context.need))
