"""How much people like products: what a decision needs to know of a recommender, and what stands in for one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

SMOOTHING = 0.5


class Affinity(Protocol):
    @property
    def version(self) -> str: ...

    def affinity(self, people: Sequence[str], products: Sequence[str]) -> npt.NDArray[np.float64]:
        """Shares of interest, shape (people, products), all over 0; known or not, everyone and everything has one."""


class AffinitySource(Protocol):
    def current(self) -> Affinity | None:
        """The model to use now; None while none is trained."""


@dataclass(frozen=True, kw_only=True)
class RecentPopularity:
    """The same for everybody: each product's share of the recent interactions, weighted by their confidence.

    weights: product -> sum of weights; SMOOTHING is added to each, so that nothing has a share of 0.
    """

    weights: Mapping[str, float]
    products: int
    days: int

    @property
    def version(self) -> str:
        return f"recent-popularity-{self.days}d"

    def affinity(self, people: Sequence[str], products: Sequence[str]) -> npt.NDArray[np.float64]:
        total = sum(self.weights.values()) + SMOOTHING * max(self.products, 1)
        shares = [(self.weights.get(product, 0.0) + SMOOTHING) / total for product in products]
        return np.tile(np.array(shares), (len(people), 1))
